"""The methods of `Tensor` that are operations. `ops/binding.py` binds them to this class from a
table, so that the engine need not know the vocabulary; `operations.pyi`, generated from the same
table by `tools/stubs.py`, tells type checkers and editors what they are."""


class Operations:
    """Base of `Tensor`: empty until `sangja.ops` is imported."""

    __slots__ = ()
