"""Pictures of graphs (steps 25, 26), sums, gradient checking (step 10), downloads, sizes."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sangja.books.dezero import cuda
from sangja.books.dezero.core import Variable, as_variable
from sangja.core.errors import MissingPackageError, ShapeError
from sangja.engine import structure

# -- pictures of graphs -----------------------------------------------------------------------


def _dot_var(v: Variable, verbose: bool = False) -> str:
    """A Variable as a node of Graphviz: orange, with its name, and shape and dtype if `verbose`."""
    parts = [] if v.name is None else [v.name]
    if verbose and v.data is not None:
        parts.append(f"{v.shape} {v.dtype}")
    return f'{id(v)} [label="{": ".join(parts)}", color=orange, style=filled]\n'


def _dot_func(f: Any) -> str:
    """A function as a node of Graphviz: a blue box, and its edges."""
    name = getattr(f, "name", type(f).__name__)
    text = f'{id(f)} [label="{name}", color=lightblue, style=filled, shape=box]\n'
    text += "".join(f"{id(x)} -> {id(f)}\n" for x in f.inputs)
    alive = (y() for y in f.outputs)
    return text + "".join(f"{id(f)} -> {id(y)}\n" for y in alive if y is not None)


def get_dot_graph(output: Variable, verbose: bool = True) -> str:
    """The graph that led to `output`, in Graphviz's language. Needs no Graphviz."""
    text = _dot_var(output, verbose)
    waiting = [] if output.creator is None else [output.creator]
    seen = {id(f) for f in waiting}
    while waiting:
        f = waiting.pop()
        text += _dot_func(f)
        for x in f.inputs:
            text += _dot_var(x, verbose)
            if x.creator is not None and id(x.creator) not in seen:
                seen.add(id(x.creator))
                waiting.append(x.creator)
    return "digraph g {\n" + text + "}"


def plot_dot_graph(output: Variable, verbose: bool = True, to_file: str = "graph.png") -> Any:
    """The graph as a picture, drawn by the program `dot` of Graphviz; a file ending in .dot holds
    the text and needs no Graphviz. In a notebook returns the picture.

    Raises `MissingPackageError` where there is no `dot`.
    """
    text = get_dot_graph(output, verbose)
    path = Path(to_file)
    if path.suffix == ".dot":
        path.write_text(text)
        return None
    program = shutil.which("dot")
    if program is None:
        raise MissingPackageError(
            f"plot_dot_graph needs the program `dot` of Graphviz to draw {to_file}; install "
            "Graphviz, or save the text: to_file='graph.dot'"
        )
    command = [program, "-T", path.suffix[1:] or "png", "-o", str(path)]
    subprocess.run(command, input=text.encode(), check=True)
    try:
        from IPython import display
    except ImportError:
        return None
    return display.Image(filename=str(path))


# -- sums -------------------------------------------------------------------------------------


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """An array summed along the axes in which it is longer than `shape`."""
    return structure.sum_to(x, shape)


def reshape_sum_backward(gy: Variable, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """The gradient of a sum over `axis`, with the axes that the sum removed put back as ones."""
    if axis is None or keepdims or not x_shape:
        return gy.reshape(gy.shape)
    axes = {a % len(x_shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return gy.reshape([1 if i in axes else n for i, n in enumerate(x_shape)])


def logsumexp(x: Any, axis: int = 1) -> Any:
    """ln Σ exp(x) along `axis` of an array, without overflow; the axis stays."""
    xp = cuda.get_array_module(x)
    m = x.max(axis=axis, keepdims=True)
    return m + xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True))


def max_backward_shape(x: Any, axis: Any) -> list[int]:
    """The shape of the maximum along `axis` with that axis kept."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    gone = {a % x.ndim for a in axes}
    return [1 if i in gone else n for i, n in enumerate(x.shape)]


# -- gradient checking ------------------------------------------------------------------------


def gradient_check(
    f: Callable[..., Any], x: Any, *args: Any, rtol: float = 1e-4, atol: float = 1e-5, **kwargs: Any
) -> bool:
    """Whether `backward` of f(x, *args) agrees with differences; prints both where it does not."""
    x = as_variable(x)
    x.data = x.data.astype(np.float64)
    num_grad = numerical_grad(f, x, *args, **kwargs)
    y = f(x, *args, **kwargs)
    x.cleargrad()
    y.backward()
    bp_grad = x.grad.data
    if bp_grad.shape != num_grad.shape:
        raise ShapeError(f"the gradient has shape {bp_grad.shape}, x has {num_grad.shape}")
    agrees = array_allclose(num_grad, bp_grad, atol=atol, rtol=rtol)
    if not agrees:
        print("\n========== FAILED (Gradient Check) ==========")
        for name, value in (("Numerical Grad", num_grad), ("Backprop Grad", bp_grad)):
            print(f"{name}\n shape: {value.shape}\n val: {str(value.flatten()[:10])[1:-1]} ...")
    return agrees


def numerical_grad(f: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """∂(Σ f)/∂x by central differences, f(x ± 1e-4), one element after the other."""
    eps = 1e-4
    array = x.data if isinstance(x, Variable) else x
    array = array.copy()
    result = np.zeros_like(array)

    def total() -> Any:
        y = f(array if not isinstance(x, Variable) else Variable(array), *args, **kwargs)
        return np.sum(cuda.as_numpy(y), dtype=np.float64)

    for i in np.ndindex(array.shape):
        value = array[i]
        array[i] = value + eps
        above = total()
        array[i] = value - eps
        result[i] = (above - total()) / (2 * eps)
        array[i] = value
    return result


def array_equal(a: Any, b: Any) -> bool:
    """Whether two arrays or Variables are equal."""
    return bool(np.array_equal(cuda.as_numpy(a), cuda.as_numpy(b)))


def array_allclose(a: Any, b: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two arrays or Variables are nearly equal."""
    return bool(np.allclose(cuda.as_numpy(a), cuda.as_numpy(b), atol=atol, rtol=rtol))


# -- downloads --------------------------------------------------------------------------------

cache_dir = os.path.join(os.path.expanduser("~"), ".dezero")


def show_progress(block_num: int, block_size: int, total_size: int) -> None:
    """A bar for `urllib.request.urlretrieve`."""
    share = min(block_num * block_size / total_size, 1.0) if total_size > 0 else 0.0
    print(f"\r[{'#' * int(share * 30):<30}] {share:.2%}", end="")


def get_file(url: str, file_name: str | None = None) -> str:
    """The path of a downloaded file, kept in `cache_dir`. A download that broke off leaves
    nothing there."""
    path = os.path.join(cache_dir, file_name or url[url.rfind("/") + 1 :])
    if os.path.exists(path):
        return path
    os.makedirs(cache_dir, exist_ok=True)
    print("Downloading: " + os.path.basename(path))
    part = path + ".part"
    try:
        urllib.request.urlretrieve(url, part, show_progress)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)
    print(" Done")
    return path


# -- sizes ------------------------------------------------------------------------------------


def get_deconv_outsize(size: int, k: int, s: int, p: int) -> int:
    """The size along one axis of a transposed convolution: s (size − 1) + k − 2p."""
    return s * (size - 1) + k - 2 * p


def get_conv_outsize(input_size: int, kernel_size: int, stride: int, pad: int) -> int:
    """The size along one axis of a convolution: ⌊(input + 2 pad − kernel) / stride⌋ + 1."""
    return (input_size + pad * 2 - kernel_size) // stride + 1


def pair(x: Any) -> tuple[int, int]:
    """One number twice, or two as they are."""
    if isinstance(x, (int, np.integer)):
        return (int(x), int(x))
    if isinstance(x, tuple) and len(x) == 2:
        return x
    raise ShapeError(f"expected an int or a tuple of two ints, got {x!r}")
