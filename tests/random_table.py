"""One row per sampler: how PyTorch is asked, how we are, and for which dtypes the bits agree.

`tests/test_generator.py` runs every row beside PyTorch and compares `docs/random-numbers.md` with
`page()`. `python -m tests.random_table` writes the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "random-numbers.md"

FLOATS = ("float16", "float32", "float64")
SINGLES = ("float32", "float64")
SIGNED = ("int8", "int16", "int32", "int64", "uint8")
UNSIGNED = ("uint16", "uint32", "uint64")
BOOL = ("bool",)


def weights(n: int, dtype: str) -> np.ndarray:
    """Positive numbers below 1, the same for both sides."""
    return (np.arange(1, n + 1) * 0.6180339887 % 1.0 * 0.98 + 0.01).astype(dtype)


@dataclass(frozen=True)
class Row:
    """A sampler of `Generator` and PyTorch's.

    `ours(g, n, dtype)` and `theirs(torch, t, n, dtype)` draw about n numbers; `t` is a
    `torch.Generator`, the dtypes are a name and a torch dtype. n goes from `least` to `most`.
    """

    sampler: str
    pytorch: str
    recipe: str
    dtypes: tuple[str, ...]
    ours: Callable[[Any, int, str], Any]
    theirs: Callable[[Any, Any, int, Any], Any]
    least: int = 0
    most: int = 100003


def fill(method: str, *arguments: Any) -> Callable[[Any, Any, int, Any], Any]:
    """PyTorch's in-place sampler `method` on an empty tensor."""

    def theirs(torch: Any, t: Any, n: int, dtype: Any) -> Any:
        return getattr(torch.empty(n, dtype=dtype), method)(*arguments, generator=t)

    return theirs


def of_weights(function: str, *arguments: Any, scale: float = 1.0) -> Callable[..., Any]:
    """PyTorch's `torch.function(weights, *arguments)`."""

    def theirs(torch: Any, t: Any, n: int, dtype: Any) -> Any:
        name = str(dtype).removeprefix("torch.")
        given = torch.from_numpy(weights(n, name)) * scale
        return getattr(torch, function)(given, *arguments, generator=t)

    return theirs


def pairs(n: int, dtype: str) -> np.ndarray:
    return weights(2 * n, dtype).reshape(n, 2) * np.dtype(dtype).type(3)


def scaled(n: int, dtype: str, factor: float) -> np.ndarray:
    return weights(n, dtype) * np.dtype(dtype).type(factor)


ROWS = (
    Row(
        "rand",
        "torch.rand",
        "low 24 bits of a word (float64: 53 of two)",
        FLOATS,
        lambda g, n, d: g.rand((n,), d),
        lambda torch, t, n, d: torch.rand(n, dtype=d, generator=t),
    ),
    Row(
        "uniform",
        "uniform_(a, b)",
        "fused u·(b − a) + a; what rounds to b becomes a",
        FLOATS,
        lambda g, n, d: g.uniform((n,), -0.3, 0.7, d),
        fill("uniform_", -0.3, 0.7),
    ),
    Row(
        "normal",
        "torch.randn",
        "Box–Muller: blocks of 16, below 16 numbers pairs",
        FLOATS,
        lambda g, n, d: g.normal((n,), dtype=d),
        lambda torch, t, n, d: torch.randn(n, dtype=d, generator=t),
    ),
    Row(
        "normal(mean, std)",
        "normal_(mean, std)",
        "fused z·std + mean",
        FLOATS,
        lambda g, n, d: g.normal((n,), 0.3, 0.7, d),
        fill("normal_", 0.3, 0.7),
    ),
    Row(
        "normal(0, std)",
        "normal_(0, std)",
        "the same",
        FLOATS,
        lambda g, n, d: g.normal((n,), 0.0, 0.02, d),
        fill("normal_", 0.0, 0.02),
    ),
    Row(
        "normal(mean, 1)",
        "normal_(mean, 1)",
        "the same",
        FLOATS,
        lambda g, n, d: g.normal((n,), 2.5, 1.0, d),
        fill("normal_", 2.5, 1.0),
    ),
    Row(
        "normal of a mean and a std array",
        "torch.normal(tensor, tensor)",
        "normals, then · std, then + mean",
        SINGLES,
        lambda g, n, d: g.normal(mean=weights(n, d), std=weights(n, d), dtype=d),
        lambda torch, t, n, d: torch.normal(
            torch.from_numpy(weights(n, str(d)[6:])),
            torch.from_numpy(weights(n, str(d)[6:])),
            generator=t,
        ),
    ),
    Row(
        "normal(contiguous=False)",
        "normal_ of a strided tensor",
        "pairs of float64 Box–Muller for every size",
        FLOATS,
        lambda g, n, d: g.normal((n,), 0.3, 0.7, d, contiguous=False),
        lambda torch, t, n, d: torch.empty(n, 2, dtype=d)[:, 0].normal_(0.3, 0.7, generator=t),
        least=2,
    ),
    Row(
        "log_normal",
        "log_normal_",
        "exp of pairwise normals",
        FLOATS,
        lambda g, n, d: g.log_normal((n,), 0.3, 0.7, d),
        fill("log_normal_", 0.3, 0.7),
    ),
    Row(
        "trunc_normal",
        "nn.init.trunc_normal_",
        "normals until each is inside",
        FLOATS,
        lambda g, n, d: g.trunc_normal((n,), 0.0, 1.0, -2.0, 2.0, d),
        lambda torch, t, n, d: torch.nn.init.trunc_normal_(torch.empty(n, dtype=d), generator=t),
    ),
    Row(
        "trunc_normal of a tail",
        "nn.init.trunc_normal_(0, 1, 2, 4)",
        "uniform candidates, accepted by their density",
        FLOATS,
        lambda g, n, d: g.trunc_normal((n,), 0.0, 1.0, 2.0, 4.0, d),
        lambda torch, t, n, d: torch.nn.init.trunc_normal_(
            torch.empty(n, dtype=d), 0.0, 1.0, 2.0, 4.0, generator=t
        ),
    ),
    Row(
        "integers(0, 2)",
        "torch.randint(0, 2)",
        "word mod range",
        (*FLOATS, *SIGNED, *UNSIGNED, *BOOL),
        lambda g, n, d: g.integers(0, 2, (n,), d),
        lambda torch, t, n, d: torch.randint(0, 2, (n,), dtype=d, generator=t),
    ),
    Row(
        "integers(−10, 100)",
        "torch.randint(−10, 100)",
        "word mod range + low",
        (*FLOATS, "int8", "int16", "int32", "int64"),
        lambda g, n, d: g.integers(-10, 100, (n,), d),
        lambda torch, t, n, d: torch.randint(-10, 100, (n,), dtype=d, generator=t),
    ),
    Row(
        "integers of a range below 2²⁸",
        "random_(0, 2²⁸ − 1)",
        "one word",
        ("float64", "int32", "int64", "uint32", "uint64"),
        lambda g, n, d: g.integers(0, 2**28 - 1, (n,), d),
        fill("random_", 0, 2**28 - 1),
    ),
    Row(
        "integers of a range from 2²⁸ on",
        "random_(0, 2²⁸)",
        "two words",
        ("float64", "int32", "int64", "uint32", "uint64"),
        lambda g, n, d: g.integers(0, 2**28, (n,), d),
        fill("random_", 0, 2**28),
    ),
    Row(
        "integers(−2⁶², 2⁶²)",
        "random_(−2⁶², 2⁶²)",
        "two words",
        ("float64", "int64"),
        lambda g, n, d: g.integers(-(2**62), 2**62, (n,), d),
        fill("random_", -(2**62), 2**62),
    ),
    Row(
        "integers(5, None)",
        "random_(5, None)",
        "up to the dtype's largest",
        (*FLOATS, *SIGNED, "uint16", "uint32"),
        lambda g, n, d: g.integers(5, None, (n,), d),
        fill("random_", 5, None),
    ),
    Row(
        "integers(−2⁶³, None)",
        "random_(−2⁶³, None)",
        "two words as they are",
        (*SINGLES, "int64"),
        lambda g, n, d: g.integers(-(2**63), None, (n,), d),
        fill("random_", -(2**63), None),
    ),
    Row(
        "integers(None, None)",
        "random_()",
        "0 … largest of the dtype",
        (*FLOATS, *SIGNED, *BOOL),
        lambda g, n, d: g.integers(None, None, (n,), d),
        fill("random_"),
    ),
    Row(
        "permutation",
        "torch.randperm",
        "forward Fisher–Yates",
        ("float32", "float64", "int32", "int64"),
        lambda g, n, d: g.permutation(n, d),
        lambda torch, t, n, d: torch.randperm(n, dtype=d, generator=t),
    ),
    Row(
        "bernoulli(array)",
        "torch.bernoulli",
        "24-bit uniform < p (float64: 53)",
        FLOATS,
        lambda g, n, d: g.bernoulli(weights(n, d)),
        of_weights("bernoulli"),
    ),
    Row(
        "bernoulli_scalar, dropout_mask",
        "bernoulli_(p)",
        "53-bit uniform < p",
        (*FLOATS, *SIGNED, *BOOL),
        lambda g, n, d: g.bernoulli_scalar(0.3, (n,), d),
        fill("bernoulli_", 0.3),
    ),
    Row(
        "exponential",
        "exponential_",
        "−log1p(−u) / rate",
        FLOATS,
        lambda g, n, d: g.exponential((n,), 1.7, d),
        fill("exponential_", 1.7),
    ),
    Row(
        "geometric",
        "geometric_",
        "⌈log u / log1p(−p)⌉",
        (*FLOATS, *SIGNED),
        lambda g, n, d: g.geometric((n,), 0.3, d),
        fill("geometric_", 0.3),
    ),
    Row(
        "cauchy",
        "cauchy_",
        "fused scale · tan π(u − ½) + median",
        FLOATS,
        lambda g, n, d: g.cauchy((n,), 0.3, 1.7, d),
        fill("cauchy_", 0.3, 1.7),
    ),
    Row(
        "multinomial, replaced",
        "torch.multinomial(w, 50, True)",
        "53-bit uniform searched in the cumulated weights",
        FLOATS,
        lambda g, n, d: g.multinomial(weights(n, d), 50, True),
        of_weights("multinomial", 50, True),
        least=1,
    ),
    Row(
        "multinomial, one",
        "torch.multinomial(w, 1)",
        "largest weight / exponential",
        FLOATS,
        lambda g, n, d: g.multinomial(weights(n, d), 1, True),
        of_weights("multinomial", 1, True),
        least=1,
    ),
    Row(
        "multinomial, not replaced",
        "torch.multinomial(w, n // 2)",
        "largest weights / exponentials",
        SINGLES,
        lambda g, n, d: g.multinomial(weights(n, d), max(n // 2, 1)),
        lambda torch, t, n, d: torch.multinomial(
            torch.from_numpy(weights(n, str(d)[6:])), max(n // 2, 1), generator=t
        ),
        least=1,
        most=1000,
    ),
    Row(
        "standard_gamma, α < 1",
        "torch._standard_gamma",
        "Marsaglia and Tsang",
        SINGLES,
        lambda g, n, d: g.standard_gamma(weights(n, d)),
        of_weights("_standard_gamma"),
        most=257,
    ),
    Row(
        "standard_gamma, α < 9",
        "torch._standard_gamma",
        "Marsaglia and Tsang",
        SINGLES,
        lambda g, n, d: g.standard_gamma(scaled(n, d, 9.0)),
        of_weights("_standard_gamma", scale=9.0),
        most=257,
    ),
    Row(
        "dirichlet of two shares (beta)",
        "torch._sample_dirichlet",
        "gammas over their sum",
        SINGLES,
        lambda g, n, d: g.dirichlet(pairs(n, d)),
        lambda torch, t, n, d: torch._sample_dirichlet(
            torch.from_numpy(pairs(n, str(d)[6:])), generator=t
        ),
        most=257,
    ),
    Row(
        "dirichlet of many shares",
        "torch._sample_dirichlet",
        "gammas over their sum",
        ("float32",),
        lambda g, n, d: g.dirichlet(weights(40 * n, d).reshape(n, 40)),
        lambda torch, t, n, d: torch._sample_dirichlet(
            torch.from_numpy(weights(40 * n, str(d)[6:]).reshape(n, 40)), generator=t
        ),
        least=1,
        most=257,
    ),
    Row(
        "poisson, rate < 10",
        "torch.poisson",
        "products of uniforms",
        FLOATS,
        lambda g, n, d: g.poisson(scaled(n, d, 9.0)),
        of_weights("poisson", scale=9.0),
        most=257,
    ),
    Row(
        "poisson, rate < 300",
        "torch.poisson",
        "transformed rejection",
        FLOATS,
        lambda g, n, d: g.poisson(scaled(n, d, 300.0)),
        of_weights("poisson", scale=300.0),
        most=257,
    ),
    Row(
        "binomial of 9",
        "torch.binomial",
        "sums of geometric numbers",
        SINGLES,
        lambda g, n, d: g.binomial(np.full(n, 9, d), weights(n, d)),
        lambda torch, t, n, d: torch.binomial(
            torch.full((n,), 9.0, dtype=d), torch.from_numpy(weights(n, str(d)[6:])), generator=t
        ),
        most=257,
    ),
    Row(
        "binomial of 1000",
        "torch.binomial",
        "transformed rejection",
        SINGLES,
        lambda g, n, d: g.binomial(np.full(n, 1000, d), weights(n, d)),
        lambda torch, t, n, d: torch.binomial(
            torch.full((n,), 1000.0, dtype=d), torch.from_numpy(weights(n, str(d)[6:])), generator=t
        ),
        most=257,
    ),
)

TOP = """# Random numbers

With the same seed, sangja draws the same numbers as PyTorch on a CPU: the same bits, and the same
place in the stream afterwards. `Generator.get_state()` gives PyTorch's own 5056 bytes, so a stream
can be handed over in the middle, either way.

```python
from sangja.backend.generator import Generator

print(Generator(0).rand((2,)).tolist())  # [0.49625658988952637, 0.7682217955589294]
```

PyTorch's generator is MT19937, seeded with the low 32 bits of the seed. "Word" is its next 32-bit
number. Each line is checked beside PyTorch 2.13 for many sizes and seeds; this page is written by
the table that the tests run (`python -m tests.random_table`).

| `Generator` | PyTorch | recipe | bit-equal for |
|---|---|---|---|
"""

BOTTOM = """
Where the bits differ:

- `multinomial` without replacement, more than one sample, where two chances weight / exponential
  are equal (soon in float16, rarely in float32 below thousands of weights; weights of zero):
  PyTorch's top-k leaves equal values in no particular order. The place in the stream agrees.
- `dirichlet` in float64 with more than three shares: PyTorch adds a row in another order, which
  shows in the last one or two bits. The place in the stream agrees.
- `permutation` of 214,748,364 numbers and more raises; PyTorch changes its recipe there.
- bfloat16 is left out: NumPy has none.
- float64 numbers that pass through `log`, `sin`, `tan` or `exp` are the C library's, as PyTorch's
  are: equal on one machine, perhaps not between two.
- PyTorch's float32 normals may differ by an ulp where its build runs without AVX2 (arm64). Ours are
  the AVX2 numbers everywhere.

How fast: `python benchmarks/random_numbers.py`.
"""


def page() -> str:
    """The text of `docs/random-numbers.md`."""
    lines = [
        f"| {row.sampler} | `{row.pytorch}` | {row.recipe} | {' '.join(row.dtypes)} |"
        for row in ROWS
    ]
    return TOP + "\n".join(lines) + "\n" + BOTTOM


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
