"""Logs for TensorBoard, read back record by record."""

import struct
import sys

import numpy as np
import pytest

import sangja
from sangja.utils.tensorboard import SummaryWriter

try:
    from tensorboardX.proto.event_pb2 import Event
except ImportError:  # the extra `tensorboard` is not installed
    Event = None
needs_package = pytest.mark.skipif(Event is None, reason="the extra `tensorboard` is missing")


def values(folder):
    """(tag, step, value) of every entry of every log below a folder."""
    found = []
    for path in sorted(folder.rglob("events.out.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event()
            event.ParseFromString(data[12 : 12 + length])
            found += [(v.tag, event.step, v) for v in event.summary.value]
            data = data[16 + length :]
    return found


@needs_package
def test_tensors_of_every_kind_are_written_and_read_back(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        assert writer.get_logdir() == writer.log_dir == str(tmp_path)
        writer.add_scalar("loss", sangja.tensor(0.5, requires_grad=True), sangja.tensor(3))
        writer.add_scalar("plain", 2, 4)
        writer.add_scalars("both", {"a": sangja.tensor(1.5), "b": 2}, 5)
        writer.add_histogram("weights", sangja.arange(10.0), 6)
        writer.add_image("picture", sangja.zeros(3, 4, 5), 7)
        writer.add_images("pictures", sangja.zeros(2, 3, 4, 5), 8)
        writer.add_text("note", "some *words*", 9)
        writer.add_pr_curve("curve", sangja.tensor([0, 1, 1]), sangja.tensor([0.1, 0.6, 0.9]), 10)
        writer.add_embedding(sangja.eye(3), ["x", "y", "z"], global_step=11)
        writer.add_hparams({"lr": 0.1, "deep": True}, {"accuracy": sangja.tensor(0.75)})
        writer.flush()
    found = {tag: (step, value) for tag, step, value in values(tmp_path)}
    assert found["loss"][0] == 3 and found["loss"][1].simple_value == 0.5
    assert found["plain"][0] == 4 and found["plain"][1].simple_value == 2.0
    numbers = [v.simple_value for tag, _, v in values(tmp_path) if tag.startswith("both")]
    assert sorted(numbers) == [1.5, 2.0]
    histogram = found["weights"][1].histo
    assert (histogram.min, histogram.max, histogram.num, histogram.sum) == (0, 9, 10, 45)
    picture = found["picture"][1].image
    assert (picture.height, picture.width, picture.colorspace) == (4, 5, 3)
    assert picture.encoded_image_string.startswith(b"\x89PNG")
    assert found["pictures"][1].image.encoded_image_string.startswith(b"\x89PNG")
    assert found["note/text_summary"][1].tensor.string_val == [b"some *words*"]
    assert found["curve"][0] == 10
    assert found["accuracy"][1].simple_value == 0.75
    table = next(tmp_path.rglob("tensors.tsv")).read_text().split()
    assert np.array(table, float).reshape(3, 3).tolist() == np.eye(3).tolist()


@needs_package
def test_a_graph_is_written_as_text_and_says_so(tmp_path):
    model = sangja.nn.Sequential(sangja.nn.Linear(2, 3))
    with SummaryWriter(tmp_path) as writer, pytest.warns(UserWarning, match="traces of PyTorch"):
        writer.add_graph(model, sangja.ones(1, 2))
    (text,) = [v.tensor.string_val[0] for tag, _, v in values(tmp_path) if "graph" in tag]
    assert b"Linear(in_features=2, out_features=3" in text


def test_without_the_package_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'sangja\[tensorboard\]'"):
        SummaryWriter(tmp_path)
