"""The kernels for vectors and registers of other processors, run on this one."""

import pytest

from sangja.backend.native import convolution, llvm, matmul, tile
from tests.native import test_convolution, test_matmul


@pytest.fixture(params=[(16, 16), (16, 32), (32, 16)], ids=["sse", "neon", "avx2"], autouse=True)
def processor(request, monkeypatch):
    """Vectors of so many bytes, in so many registers."""
    size, registers = request.param
    caches = (tile.tile_shape, matmul.plan, convolution.planned)
    for cached in caches:
        cached.cache_clear()
    monkeypatch.setattr(tile, "vector_bytes", lambda: size)
    monkeypatch.setattr(tile, "vector_registers", lambda: registers)
    monkeypatch.setattr(llvm, "generator", lambda: f"for {registers} registers of {size} bytes")
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize("how", ["rows", "columns", "spread"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_products(dtype, how):
    test_matmul.test_ways_to_lie_in_memory(dtype, how, "columns", "rows")
    test_matmul.test_thin_products(1, 33, 17, how, dtype)
    test_matmul.test_epilogue_of_bias_and_relu_with_a_second_result(dtype, how, 900)


@pytest.mark.parametrize("kind", test_convolution.KINDS)
@pytest.mark.parametrize(("channels", "kernels", "groups"), [(3, 20, 1), (18, 33, 1), (9, 9, 9)])
def test_convolutions(kind, channels, kernels, groups):
    test_convolution.Case(channels=channels, kernels=kernels, groups=groups).check(kind)
