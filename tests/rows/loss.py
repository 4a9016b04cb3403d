"""Losses."""

from sangja.core.errors import ArgumentError, DTypeError, OutOfRangeError, ShapeError
from tests.table import Row, case, raises, t

F = "nn.functional."
X, Y = t(4, 3), t(4, 3)
LABELS = t(4, dtype="int64", grad=False, values=[0, 2, 1, 2])
IGNORED = t(4, dtype="int64", grad=False, values=[0, -100, 1, 2])
WRONG = t(4, dtype="int64", grad=False, values=[0, 2, 3, 1])
WEIGHT = t(3, low=0.5, grad=False)
PROBABILITY = t(4, 3, low=0.1, high=0.9)
SIGNS = t(4, 3, values=[[1, -1, 1], [-1, 1, 1], [1, 1, -1], [-1, -1, 1]], grad=False)
SIGN = t(4, values=[1, -1, 1, -1], grad=False)
BAD_REDUCTION = "is not a valid value for reduction"


def pointwise(name: str, x=X, y=Y, **kwargs):
    """A loss of each element against another, in each reduction."""
    cases = [case(x, y, reduction=r, **kwargs) for r in ("mean", "sum", "none")]
    bad = raises(ArgumentError, BAD_REDUCTION, x, y, reduction="median")
    return Row(F + name, cases, errors=[bad], tolerance=4)


def classes(name: str):
    """A loss of scores for classes."""
    return Row(
        F + name,
        [
            case(X, LABELS),
            case(X, IGNORED, weight=WEIGHT),
            case(X, LABELS, reduction="none"),
            case(
                t(2, 3, 4),
                t(2, 4, dtype="int64", low=0, high=3, grad=False),
                weight=WEIGHT,
                reduction="sum",
            ),
            case(X, LABELS, ignore_index=2),
        ],
        errors=[
            raises(OutOfRangeError, f"{name}: Target 3 is out of bounds: at row 2", X, WRONG),
            raises(OutOfRangeError, "labels go from 0 to 2", X, IGNORED, ignore_index=1),
            raises(
                ArgumentError,
                "Expected input batch_size (4) to match target batch_size (5)",
                X,
                t(5, dtype="int64", low=0, grad=False),
            ),
            raises(
                ShapeError,
                "needs a target [4, 5] of class indices",
                t(4, 3, 5),
                t(4, 6, dtype="int64", low=0, grad=False),
            ),
            raises(
                DTypeError,
                "expected scalar type sangja.float32 but found sangja.float64",
                X,
                LABELS,
                t(3, dtype="float64"),
            ),
            raises(ShapeError, "weight tensor should be defined either for all 3", X, LABELS, t(4)),
        ],
        tolerance=4,
    )


CROSS_ENTROPY = classes("cross_entropy")
CROSS_ENTROPY.errors.append(
    raises(DTypeError, "ignore_index is not supported for floating", X, PROBABILITY, ignore_index=1)
)
CROSS_ENTROPY.cases.extend(
    [
        case(X, IGNORED, weight=WEIGHT, label_smoothing=0.2),
        case(X, PROBABILITY, weight=WEIGHT, label_smoothing=0.2),
        case(t(2, 3, 4), t(2, 3, 4, low=0), reduction="none"),
    ]
)
CROSS_ENTROPY.errors.append(raises(ShapeError, "a floating target holds a probability", X, t(4)))

ROWS = [
    CROSS_ENTROPY,
    classes("nll_loss"),
    pointwise("mse_loss"),
    pointwise("l1_loss"),
    pointwise("huber_loss", delta=0.7),
    pointwise("smooth_l1_loss", beta=0.5),
    pointwise("soft_margin_loss", y=SIGNS),
    pointwise("hinge_embedding_loss", y=SIGNS),
    pointwise("poisson_nll_loss", y=t(4, 3, low=0.5, high=3, grad=False), full=True),
    pointwise("multilabel_soft_margin_loss", y=t(4, 3, low=0, high=1, grad=False), weight=WEIGHT),
    Row(
        F + "binary_cross_entropy",
        [
            case(PROBABILITY, t(4, 3, low=0, high=1)),
            case(PROBABILITY, PROBABILITY, t(3, grad=False), reduction="none"),
        ],
        tolerance=4,
        errors=[
            raises(
                RuntimeError,
                "all elements of input should be between 0 and 1",
                t(1, values=[1.5]),
                t(1, low=0),
            ),
            raises(ArgumentError, "must be the same as input size", PROBABILITY, t(4)),
        ],
    ),
    Row(
        F + "binary_cross_entropy_with_logits",
        [
            case(X, t(4, 3, low=0, high=1)),
            case(X, t(4, 3, low=0, high=1), t(3, grad=False), reduction="sum"),
            case(X, t(4, 3, low=0, high=1), pos_weight=t(3, low=0.5, grad=False), reduction="none"),
        ],
        tolerance=4,
        errors=[raises(ArgumentError, "must be the same as input size", X, t(4))],
    ),
    Row(
        F + "kl_div",
        [
            case(X, t(4, 3, low=0.1), reduction="batchmean"),
            case(X, Y, reduction="sum", log_target=True),
            case(X, t(4, 3, low=0.1), reduction="none"),
        ],
        tolerance=4,
        errors=[raises(ArgumentError, BAD_REDUCTION, X, Y, reduction="median")],
    ),
    Row(
        F + "gaussian_nll_loss",
        [case(X, Y, t(4, 3, low=0.5)), case(X, Y, t(4, 1, low=0.5), full=True, reduction="none")],
        tolerance=4,
        errors=[
            raises(ArgumentError, "var has negative", X, Y, t(4, 3, low=-2, high=-1)),
            raises(ArgumentError, "var is of incorrect size", X, Y, t(4, 2, low=1)),
        ],
    ),
    Row(
        F + "margin_ranking_loss",
        [case(t(4), t(4), SIGN, margin=0.5), case(t(4), t(4), SIGN, reduction="none")],
        errors=[raises(ShapeError, "should have same dimension", t(4), t(4), t(4, 1))],
    ),
    Row(
        F + "triplet_margin_loss",
        [case(X, Y, t(4, 3)), case(X, Y, t(4, 3), margin=2.0, p=1.0, swap=True, reduction="sum")],
        tolerance=4,
        errors=[
            raises(ShapeError, "same number of dimensions", X, Y, t(3)),
            raises(ArgumentError, "margin must be greater than 0", X, Y, X, margin=0.0),
        ],
    ),
    Row(F + "triplet_margin_with_distance_loss", [case(X, Y, t(4, 3), swap=True)], tolerance=4),
    Row(
        F + "cosine_embedding_loss",
        [case(X, Y, SIGN, margin=-0.5), case(X, Y, SIGN, reduction="none")],
        tolerance=4,
        errors=[raises(ShapeError, "2D input tensors", X, t(3), SIGN)],
    ),
    Row(
        F + "multi_margin_loss",
        [case(X, LABELS), case(X, LABELS, p=2, margin=0.5, weight=WEIGHT, reduction="none")],
        order=1,
        errors=[
            raises(
                OutOfRangeError, "multi_margin_loss: Target 3 is out of bounds: at row 2", X, WRONG
            ),
            raises(ArgumentError, "only p == 1 and p == 2 supported", X, LABELS, p=3),
        ],
    ),
    Row(
        F + "multilabel_margin_loss",
        [
            case(
                X,
                t(
                    4,
                    3,
                    dtype="int64",
                    grad=False,
                    values=[[0, -1, 2], [1, 2, -1], [-1, 0, 0], [2, -1, -1]],
                ),
            ),
        ],
        order=1,
        errors=[
            raises(ShapeError, "inconsistent target size", X, t(4, 2, dtype="int64", grad=False))
        ],
    ),
    Row(
        F + "ctc_loss",
        [
            case(
                t(6, 2, 4, low=-3, high=-0.5),
                t(2, 3, dtype="int64", low=1, high=4, grad=False),
                (6, 5),
                (3, 1),
                reduction=r,
            )
            for r in ("mean", "sum", "none")
        ],
        order=0,
        tolerance=10,
        errors=[
            raises(
                ShapeError,
                "Expected input_lengths to have value at most 6",
                t(6, 1, 4),
                t(1, 3, dtype="int64", low=1, high=4, grad=False),
                (7,),
                (3,),
            ),
            raises(
                OutOfRangeError,
                "target 4 at row 0, place 1 is no class",
                t(6, 1, 4),
                t(1, 2, dtype="int64", grad=False, values=[[1, 4]]),
                (6,),
                (2,),
            ),
        ],
    ),
    Row(
        "nn.functional.linear_cross_entropy",
        [
            case(t(4, 3), t(5, 3), t(4, dtype="int64", low=0, high=5)),
            case(t(3), t(5, 3), t(dtype="int64", low=0, high=5), linear_bias=t(5)),
            case(
                t(4, 3),
                t(5, 2, 3),
                t(4, 2, dtype="int64", low=0, high=5),
                linear_bias=t(5, 2),
                reduction="sum",
            ),
            case(
                t(4, 3),
                t(5, 3),
                t(4, dtype="int64", low=0, high=5),
                label_smoothing=0.1,
                ignore_index=2,
                weight=t(5, low=0.1, grad=False),
            ),
        ],
        errors=[
            raises(RuntimeError, "dimensionality 1 or 2, got 3", t(1, 2, 3), t(5, 3), t(2)),
            raises(RuntimeError, "dimensionality at least 2, got 1", t(2, 3), t(3), t(2)),
            raises(RuntimeError, "last dimensions (in_features), got 3 and 4", t(3), t(5, 4), t()),
            raises(
                RuntimeError,
                "expected linear_bias shape (5,), got (4,)",
                t(2, 3),
                t(5, 3),
                t(2, dtype="int64"),
                linear_bias=t(4),
            ),
            raises(RuntimeError, "requires batched input, (N, 3)", t(3), t(5, 2, 3), t(2)),
            raises(
                ValueError,
                "Expected input batch_size (4) to match target batch_size (5)",
                t(4, 3),
                t(2, 3),
                t(5, 2),
            ),
            raises(
                RuntimeError,
                "ignore_index cannot be specified",
                t(2, 3),
                t(5, 3),
                t(2, 5),
                ignore_index=1,
            ),
        ],
        tolerance=4,
    ),
]
