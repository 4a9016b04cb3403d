"""`sangja.utils.tensorboard`: logs for TensorBoard, written by the package tensorboardX."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from sangja.core.errors import MissingPackageError
from sangja.engine import Tensor

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes scalars, histograms, pictures and texts into a folder that TensorBoard shows.

    The methods are PyTorch's, and take tensors of sangja wherever a value is expected, also inside
    lists, tuples and dicts. Needs tensorboardX: ``pip install 'sangja[tensorboard]'``.

    Raises
    ------
    MissingPackageError
        (an ``ImportError``) if tensorboardX is not installed.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        try:
            package = import_module("tensorboardX")
        except ImportError as error:
            raise MissingPackageError(
                "SummaryWriter needs the package tensorboardX, which is not installed. "
                "Install it with: pip install 'sangja[tensorboard]'"
            ) from error
        folder = None if log_dir is None else str(log_dir)
        options = {"purge_step": purge_step, "max_queue": max_queue, "flush_secs": flush_secs}
        self.writer = package.SummaryWriter(
            folder, comment, filename_suffix=filename_suffix, **options
        )
        self.log_dir: str = self.writer.logdir

    def get_logdir(self) -> str:
        """The folder that is written to."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number at a step."""
        self.writer.add_scalar(tag, float(plain(scalar_value)), plain(global_step), walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], *args: Any, **kw: Any
    ) -> None:
        """Several numbers in one chart; each is written in a folder of its own."""
        values = {name: float(plain(value)) for name, value in tag_scalar_dict.items()}
        self.writer.add_scalars(main_tag, values, *plain(args), **plain(kw))

    def add_histogram(self, tag: str, values: Any, *args: Any, **kw: Any) -> None:
        """How the values of a tensor are spread."""
        self._write("add_histogram", tag, values, *args, **kw)

    def add_image(self, tag: str, img_tensor: Any, *args: Any, **kw: Any) -> None:
        """A picture of shape (3, H, W), or as `dataformats` says."""
        self._write("add_image", tag, img_tensor, *args, **kw)

    def add_images(self, tag: str, img_tensor: Any, *args: Any, **kw: Any) -> None:
        """Pictures of shape (N, 3, H, W), or as `dataformats` says."""
        self._write("add_images", tag, img_tensor, *args, **kw)

    def add_figure(self, tag: str, figure: Any, *args: Any, **kw: Any) -> None:
        """A figure of Matplotlib, or a list of them."""
        self._write("add_figure", tag, figure, *args, **kw)

    def add_text(self, tag: str, text_string: str, *args: Any, **kw: Any) -> None:
        """A text in Markdown."""
        self._write("add_text", tag, text_string, *args, **kw)

    def add_hparams(self, hparam_dict: Any, metric_dict: Any, *args: Any, **kw: Any) -> None:
        """The settings of a run and what came of them, in a run of its own."""
        self._write("add_hparams", hparam_dict, metric_dict, *args, **kw)

    def add_embedding(self, mat: Any, *args: Any, **kw: Any) -> None:
        """Points of shape (N, D) with labels, for the projector."""
        self._write("add_embedding", mat, *args, **kw)

    def add_pr_curve(self, tag: str, labels: Any, predictions: Any, *args: Any, **kw: Any) -> None:
        """Precision against recall for labels 0 and 1 and probabilities."""
        self._write("add_pr_curve", tag, labels, predictions, *args, **kw)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, **unused: Any
    ) -> None:
        """The modules of a model as a text with the tag "graph"; TensorBoard's graph page, which
        shows PyTorch's traces only, stays empty, and a warning says so."""
        warnings.warn(
            "add_graph: TensorBoard's graph page shows traces of PyTorch only; the modules are "
            'written as a text with the tag "graph" instead',
            stacklevel=2,
        )
        if verbose:
            print(model)
        lines = repr(model).splitlines()
        self.writer.add_text("graph", "\n".join("    " + line for line in lines))

    def flush(self) -> None:
        """Bring what was added to the disk."""
        self.writer.flush()

    def close(self) -> None:
        """Bring everything to the disk and end."""
        self.writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _write(self, method: str, *args: Any, **kw: Any) -> None:
        getattr(self.writer, method)(*plain(args), **plain(kw))


def plain(value: Any) -> Any:
    """The value with arrays in the place of tensors, and numbers in that of 0-d tensors."""
    if isinstance(value, Tensor):
        array = value.array
        if array.dtype.kind == "V":  # bfloat16, which NumPy's own functions lack
            array = array.astype("float32")
        return array.item() if array.ndim == 0 else array
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(part) for part in value)
    return value
