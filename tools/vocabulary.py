"""Writes `src/sangja/cli/torch_names.json`: PyTorch's public names, a list per module or class.

python tools/vocabulary.py        (needs the extra `parity`)
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import types
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "src" / "sangja" / "cli" / "torch_names.json"
SPACES = [
    *(
        "torch",
        "torch.Tensor",
        "torch.nn",
        "torch.nn.functional",
        "torch.nn.init",
        "torch.nn.utils",
    ),
    *("torch.nn.utils.rnn", "torch.nn.utils.parametrize", "torch.nn.utils.parametrizations"),
    *("torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.autograd"),
    *("torch.func", "torch.linalg", "torch.special", "torch.fft", "torch.utils.data"),
    *("torch.utils.checkpoint", "torch.distributions", "torch.random", "torch.testing"),
    *("torch.amp", "torch.cuda", "torch.signal.windows", "torch.hub", "torch.profiler"),
    "torch.sparse",
]
# What `dir(torch)` shows, and no script says: kernels by vendor, the compiler's and the quantiser's
# inner parts, copies for functional graphs.
INNER = re.compile(
    r"(cudnn|miopen|mkldnn|fbgemm|fake_quant|fused_|quantize|quantized|q_|sym_|Sym|choose_q|batch_norm_"
    r"|import_ir|parse_|profiler_|unify_|wait$|fork$|merge_type|init_num|saddmm|hsmm|hspmm|dsmm|spmm|smm"
    r"|sspaddmm|prepare_multi|get_file_path|autocast_|is_vulkan|int_repr|PRIVATE|USE_)"
    r"|.*(_copy|Storage|_indices|_invocations|JITException|per_channel_\w+|per_tensor_\w+)$"
)
# Classes of the compiler, the dispatcher and the readers of files.
MACHINERY = re.compile(
    r".*(Type|Alias|Argument|Spec|Config|Stats|Block|Capsule|Script|Executor|Module|Dispatch|Guard|Plan"
    r"|FileCheck|FileReader|FileWriter|Schema|Future|Logger|Descriptor|Memo|Context|Benchmark|State"
    r"|Operator|Parameter|TorchFunction|classproperty)|(Code|Event|Gradient|Graph|Node|Stream|Tag|Use|Value)$"
)
PLUMBING = {
    "Callable", "DType", "Optional", "TYPE_CHECKING", "Tensor", "assert_int_or_pair",
    "boolean_dispatch", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "reproducibility_notes", "sparse_support_notes", "tf32_notes",
    "common_notes", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "SwizzleType",
    "ScalingType", "GRID_SAMPLE_INTERPOLATION_MODES", "GRID_SAMPLE_PADDING_MODES", "factory_kwargs",
}  # fmt: skip


def found(path: str) -> Any:
    """The module or class of a dotted path."""
    try:
        return importlib.import_module(path)
    except ImportError:
        parent, _, name = path.rpartition(".")
        return getattr(importlib.import_module(parent), name)


def names(path: str) -> list[str]:
    """The public names of a module: those it lists, or the functions, classes and constants that it
    has of PyTorch's own; of `Tensor` the operators too."""
    space = found(path)
    listed = getattr(space, "__all__", None)
    chosen = []
    for name in listed if listed and path != "torch" else dir(space):
        if not hasattr(space, name):  # some lists name what is gone
            continue
        value = getattr(space, name)
        operator = path == "torch.Tensor" and re.fullmatch(r"__\w+__", name)
        if (name[0] == "_" and not operator) or INNER.match(name) or inspect.ismodule(value):
            continue
        if path == "torch" and not of_torch(name, value, listed or ()):
            continue
        if path != "torch" and name in PLUMBING:
            continue
        chosen.append(name)
    return sorted(set(chosen))


def of_torch(name: str, value: Any, listed: Any) -> bool:
    """Whether a name of the module `torch` itself is meant for scripts."""
    if isinstance(value, type):
        return value.__module__ == "torch" and not re.match(MACHINERY, name)
    if isinstance(value, (types.BuiltinFunctionType, types.FunctionType)):
        return True
    return name in listed or type(value).__module__ == "torch" or isinstance(value, float)


if __name__ == "__main__":
    lines = [f"{json.dumps(path)}: {json.dumps(names(path))}" for path in SPACES]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
