"""Files: checkpoints that hold data and no code, written atomically and checked byte by byte."""

from sangja.io.atomic import write_atomically, write_text
from sangja.io.checkpoint import load, save
from sangja.io.numbered import Checkpoints, load_latest
from sangja.io.tensorfile import TensorFile, read_tensor_file, write_tensor_file

__all__ = [
    "Checkpoints",
    "TensorFile",
    "load",
    "load_latest",
    "read_tensor_file",
    "save",
    "write_atomically",
    "write_tensor_file",
    "write_text",
]
