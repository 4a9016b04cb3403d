"""`sangja.onnx`: scripts import it before they ask for a file. None can be written."""

from sangja.core.scripting import refuse_export as export

__all__ = ["export"]
