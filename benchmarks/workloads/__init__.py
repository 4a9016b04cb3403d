"""The training steps that `steps.py` times, one file per workload, the same for every peer."""

from workloads import chain, gpt, lenet, lstm, mlp, resnet20

WORKLOADS = {
    one.name: one
    for one in (
        chain.CHAIN,
        mlp.SMALL,
        mlp.BIG,
        lenet.LENET,
        resnet20.RESNET20,
        lstm.LSTM,
        gpt.GPT,
    )
}
