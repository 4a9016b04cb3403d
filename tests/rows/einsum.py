"""Sums of products over named dimensions."""

from tests.table import Row, case, raises, t


def wrong(text, *args):
    return raises(RuntimeError, text, *args)


ROWS = [
    Row(
        "einsum",
        [
            case("ij,jk->ik", t(2, 3), t(3, 4)),
            case("ij,jk", t(2, 3), t(3, 4)),
            case("bij,bjk->kb", t(2, 3, 4), t(2, 4, 2)),
            case("ii->i", t(3, 3)),
            case("ii", t(3, 3)),
            case("...ij,...j->...i", t(2, 3, 4), t(4)),
            case("i...,i...", t(3, 1), t(3, 2)),
            case("ij,kl->ijkl", t(2, 3), t(2, 2)),
            case("i,i->i", t(3), t(3)),
            case("ab,bc,cd,de->ae", t(2, 3), t(3, 4), t(4, 2), t(2, 3)),
            case("ij,ij->", t(1, 3), t(2, 1)),
            case(t(2, 3), [0, 1], t(3, 4), [1, 2], [2, 0]),
            case(t(2, 3, 4), [..., 1], [1, ...]),
        ],
        errors=[
            wrong("fewer subscripts", "ij", t(2, 3), t(3, 4)),
            wrong("more subscripts", "ij,jk", t(2, 3)),
            wrong("at least one operand", "ij"),
            wrong("does not match the number of dimensions", "ijk", t(2, 3)),
            wrong("invalid subscript", "i1", t(2, 3)),
            wrong("more than once in the output", "ij->ii", t(2, 3)),
            wrong("does not appear in the equation", "ij->k", t(2, 3)),
            wrong("sizes don't match", "ii", t(2, 3)),
            wrong("does not broadcast with previously seen size 3", "ij,jk", t(2, 3), t(4, 2)),
            wrong("same dtype", "i,i", t(2), t(2, dtype="int64")),
            wrong("within range [0, 52)", t(2), [60]),
            raises(TypeError, "must specify the equation"),
            raises(TypeError, "sublist of its labels", t(2)),
        ],
        tolerance=4,
    ),
    Row(
        "tensordot",
        [
            case(t(2, 3, 4), t(3, 4, 5)),
            case(t(2, 3), t(4, 5), 0),
            case(t(2, 3, 4), t(4, 2, 5), ([2, 0], [0, 1])),
        ],
        errors=[
            raises(RuntimeError, "expects dims >= 0", t(2), t(2), -1),
            raises(RuntimeError, "same length", t(2, 3), t(3, 2), ([0], [0, 1])),
            raises(RuntimeError, "need to match", t(2, 3), t(4, 2), 1),
            raises(RuntimeError, "expected one dtype", t(2), t(2, dtype="int64"), 1),
        ],
        tolerance=4,
    ),
]
