"""Activations."""

import numpy as np

from tests.table import Row, case, raises, t

SPECIAL = (0.0, 0.3, -0.7, 30.0, -30.0)
KINKS = (-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)
WIDE = t(2, 3, low=-8, high=8)


def row(name, *cases, special=SPECIAL, errors=(), tolerance=2):
    cases = [case(t(2, 3)), case(WIDE), *cases]
    return Row(
        "nn.functional." + name,
        cases,
        elementwise=True,
        special=special,
        errors=list(errors),
        tolerance=tolerance,
    )


def along(name):
    return Row(
        "nn.functional." + name,
        [
            case(t(2, 3), 1),
            case(t(2, 3, 4), dim=-2),
            case(t(), 0),
            case(t(0, 3), 0),
            case(t(2, 3, dtype="int64"), 1, dtype="@float64"),
            case(t(2, 3, low=500, high=900), 1),
        ],
        tolerance=2,
        errors=[raises(IndexError, "Dimension out of range", t(2, 3), 2)],
    )


ROWS = [
    row("relu", special=(*KINKS, np.inf, -np.inf, np.nan)),
    row("relu6", special=(*KINKS, np.inf, -np.inf)),
    row("threshold", special=()),
    row("leaky_relu", case(t(2, 3), 0.2), special=(*KINKS, np.inf, np.nan)),
    row(
        "rrelu",
        case(t(2, 3), 0.2, 0.4),
        special=(*KINKS, np.inf),
        errors=[raises(RuntimeError, "lower bound should be less than", t(3), 0.4, 0.2)],
    ),
    row(
        "hardtanh",
        case(t(2, 3), -0.5, 0.7),
        special=KINKS,
        errors=[raises(ValueError, "min_val cannot be greater than max_val", t(3), 1.0, -1.0)],
    ),
    row("hardsigmoid", special=()),
    row("hardswish", special=(0.0, 1.0, 7.0, -7.0)),
    row("hardshrink", case(t(2, 3), 1.0), special=KINKS),
    row(
        "softshrink",
        case(t(2, 3), 1.0),
        special=KINKS,
        errors=[
            raises(
                RuntimeError, "lambda must be greater or equal to 0, but found to be -1", t(3), -1
            )
        ],
    ),
    row("sigmoid"),
    row("tanh"),
    row("logsigmoid"),
    row("softplus", case(WIDE, 2.0, 5.0)),
    row("elu", case(t(2, 3), 0.5)),
    row("selu"),
    row(
        "celu",
        case(t(2, 3), 0.5),
        errors=[raises(RuntimeError, "alpha cannot be 0 for CELU", t(3), 0.0)],
    ),
    row(
        "gelu",
        case(t(2, 3), approximate="tanh"),
        errors=[
            raises(RuntimeError, "approximate argument must be either none or tanh", t(3), "erf")
        ],
    ),
    row("silu"),
    row("mish"),
    row("softsign", special=(0.3, -0.7, 30.0)),
    row("tanhshrink"),
    along("softmax"),
    along("log_softmax"),
    along("softmin"),
    Row(
        "nn.functional.prelu",
        [case(t(2, 3), t(1)), case(t(2, 3, 4), t(3)), case(t(3), t(1)), case(t(), t())],
        errors=[
            raises(RuntimeError, "parameter numbers = 4 and channel size = 3", t(2, 3), t(4)),
            raises(RuntimeError, "ndim = 2", t(2, 3), t(1, 3)),
            raises(RuntimeError, "Not allow zero-dim input", t(), t(3)),
            raises(RuntimeError, "Type promoting not supported", t(3), t(1, dtype="float64")),
        ],
    ),
    Row(
        "nn.functional.glu",
        [case(t(2, 4)), case(t(4, 3), dim=0)],
        errors=[
            raises(
                RuntimeError, "Halving dimension must be even, but dimension 1 is size 3", t(2, 3)
            ),
            raises(RuntimeError, "does not support 0-dimensional", t()),
        ],
    ),
]
ROWS[2] = Row(
    "nn.functional.threshold",
    [case(t(2, 3), 0.1, 20.0), case(WIDE, -1.0, 0.0)],
    special=(0.1, 0.0, 1.0, np.inf),
)
