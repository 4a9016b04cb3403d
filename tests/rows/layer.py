"""Layers: products, convolutions, pooling, normalisation, embedding, padding, resampling,
attention."""

from sangja.core.errors import ArgumentError, OutOfRangeError, ShapeError
from tests.table import Row, case, raises, t

F = "nn.functional."
LABELS = t(4, dtype="int64", grad=False, values=[0, 2, 1, 2])


def index(*shape: int, high: int = 5):
    """Random indices below `high`."""
    return t(*shape, dtype="int64", low=0, high=high, grad=False)


PRODUCTS = [
    Row(
        F + "linear",
        [
            case(t(4, 3), t(2, 3), t(2)),
            case(t(2, 4, 3), t(2, 3)),
            case(t(3), t(2, 3), t(2)),
            case(t(2, 3), t(3)),
        ],
        errors=[
            raises(ShapeError, "shapes cannot be multiplied (4x3 and 5x2)", t(4, 3), t(2, 5)),
            raises(RuntimeError, "must have the same dtype", t(4, 3), t(2, 3, dtype="float64")),
            raises(
                ShapeError,
                "the bias [3] must have one element for each of the 2",
                t(4, 3),
                t(2, 3),
                t(3),
            ),
        ],
    ),
    Row(
        F + "bilinear",
        [case(t(4, 3), t(4, 2), t(5, 3, 2), t(5)), case(t(3), t(2), t(5, 3, 2))],
        errors=[raises(ShapeError, "must agree", t(4, 3), t(4, 2), t(5, 2, 2))],
    ),
    Row(
        F + "embedding",
        [case(index(2, 3), t(5, 4)), case(index(6), t(5, 4))],
        errors=[
            raises(
                OutOfRangeError,
                "index out of range in self: 7 at position [1]; the table has 5 rows",
                t(2, dtype="int64", values=[0, 7], grad=False),
                t(5, 4),
            ),
            raises(RuntimeError, "expected indices of an integer dtype", t(2, grad=False), t(5, 4)),
        ],
    ),
    Row(
        F + "embedding_bag",
        [
            case(index(2, 3), t(5, 4)),
            case(index(6), t(5, 4), t(3, dtype="int64", values=[0, 2, 2], grad=False), mode="sum"),
            case(index(2, 3), t(5, 4), mode="max"),
            case(index(2, 3), t(5, 4), mode="sum", per_sample_weights=t(2, 3)),
        ],
        order=1,
        errors=[
            raises(
                ArgumentError,
                "mode has to be one of sum, mean or max",
                index(2, 3),
                t(5, 4),
                mode="min",
            ),
            raises(ArgumentError, "without offsets", index(3), t(5, 4)),
        ],
    ),
    Row(
        F + "one_hot",
        [case(index(2, 3), 5)],
        dtypes=("float32",),
        order=0,
        errors=[raises(ShapeError, "Class values must be smaller than num_classes", LABELS, 2)],
    ),
]


def conv_rows(dims: int):
    """The rows of the convolutions over `dims` dimensions."""
    size, odd = (5,) * dims, (5, 6, 4)[:dims]
    k = (3, 2, 2)[:dims]
    name, transposed = f"{F}conv{dims}d", f"{F}conv_transpose{dims}d"
    return [
        Row(
            name,
            [
                case(t(2, 4, *odd), t(6, 4, *k), t(6)),
                case(t(4, *size), t(6, 2, *k), stride=2, padding=1, groups=2),
                case(t(2, 2, *size), t(3, 2, *k), padding="same", dilation=2),
            ],
            tolerance=20,
            errors=[
                raises(
                    ShapeError,
                    "to have 4 channels, but got 3 channels instead",
                    t(2, 3, *size),
                    t(6, 4, *k),
                ),
                raises(ShapeError, "the kernel does not fit", t(2, 4, *[1] * dims), t(6, 4, *k)),
                raises(
                    ShapeError,
                    "padding='same' is not supported for strided convolutions",
                    t(2, 4, *size),
                    t(6, 4, *k),
                    padding="same",
                    stride=2,
                ),
                raises(
                    ShapeError,
                    "expected bias to be 1-dimensional with 6",
                    t(2, 4, *size),
                    t(6, 4, *k),
                    t(5),
                ),
            ],
        ),
        Row(
            transposed,
            [
                case(t(2, 4, *odd), t(4, 3, *k), t(3)),
                case(t(4, *size), t(4, 2, *k), stride=2, padding=1, output_padding=1, groups=2),
            ],
            tolerance=20,
            errors=[
                raises(
                    ShapeError,
                    "output padding must be smaller than either stride or dilation",
                    t(2, 4, *size),
                    t(4, 3, *k),
                    output_padding=1,
                ),
            ],
        ),
    ]


def pool_rows(dims: int):
    """The rows of the poolings over `dims` dimensions."""
    x = t(2, 3, *(7, 6, 5)[:dims])
    name = f"pool{dims}d"
    to = (3, 2, 4)[:dims]
    size_error = raises(ShapeError, "output_size must have", x, (1,) * (dims + 1))
    return [
        Row(
            f"{F}max_{name}",
            [
                case(x, 2),
                case(x, 3, stride=2, padding=1, ceil_mode=True),
                case(x, 2, stride=1, dilation=2, return_indices=True),
            ],
            errors=[
                raises(
                    ShapeError,
                    "pad should be at most half of effective kernel size",
                    x,
                    2,
                    padding=2,
                ),
                raises(ShapeError, "stride must be greater than zero", x, 2, stride=0),
                raises(ShapeError, "the kernel does not fit", x, 9),
            ],
        ),
        Row(
            f"{F}avg_{name}",
            [case(x, 2), case(x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)],
            errors=[raises(ShapeError, "stride must be greater than zero", x, 2, stride=0)],
        ),
        Row(f"{F}adaptive_avg_{name}", [case(x, to), case(x, 1)], errors=[size_error]),
        Row(
            f"{F}adaptive_max_{name}",
            [case(x, to), case(x, 2, return_indices=True)],
            errors=[size_error],
        ),
    ]


def stat(*values: float):
    """Running statistics: a buffer that is not differentiated."""
    return t(len(values), values=values, grad=False)


X = t(4, 6, 5)
NORMS = [
    Row(
        F + "batch_norm",
        [
            case(X, None, None, t(6), t(6), True),
            case(t(4, 3), stat(0.1, 0.2, 0.3), stat(1.0, 2.0, 3.0), t(3), t(3)),
        ],
        tolerance=20,
        errors=[
            raises(
                ArgumentError,
                "Expected more than 1 value per channel when training",
                t(1, 3),
                None,
                None,
                training=True,
            ),
            raises(
                ShapeError, "weight should contain 6 elements", X, None, None, t(5), training=True
            ),
            raises(
                ShapeError, "Expected running_mean and running_var to be defined", X, None, None
            ),
        ],
    ),
    Row(
        F + "layer_norm",
        [case(X, (6, 5), t(6, 5), t(6, 5)), case(X, (5,))],
        tolerance=20,
        errors=[
            raises(
                ShapeError, "Given normalized_shape=[4], expected input with shape [*, 4]", X, (4,)
            )
        ],
    ),
    Row(
        F + "group_norm",
        [case(X, 3, t(6), t(6)), case(X, 2)],
        tolerance=20,
        errors=[raises(ShapeError, "to be divisible by num_groups", X, 4)],
    ),
    Row(
        F + "instance_norm",
        [case(X), case(X, None, None, t(6), t(6))],
        tolerance=20,
        errors=[raises(ArgumentError, "Expected more than 1 spatial element", t(4, 6, 1))],
    ),
    Row(
        F + "rms_norm",
        [case(X, (5,), t(5)), case(X, (6, 5), eps=1e-5)],
        tolerance=20,
        errors=[raises(ShapeError, "Expected weight to be of same shape", X, (5,), t(4))],
    ),
    Row(
        F + "local_response_norm",
        [case(X, 3), case(X, 2, alpha=0.5, beta=0.5, k=2.0)],
        tolerance=4,
        errors=[raises(ShapeError, "Expected 3D or higher", t(4, 6), 3)],
    ),
    Row(F + "normalize", [case(X), case(X, p=1.0, dim=-1), case(X, p=3.0)], tolerance=20),
    Row(
        F + "cosine_similarity",
        [case(X, X), case(t(4, 6), t(6), dim=-1)],
        tolerance=20,
        errors=[raises(RuntimeError, "expected floating inputs", LABELS, LABELS, dim=0)],
    ),
    Row(
        F + "pairwise_distance",
        [case(t(4, 6), t(4, 6)), case(t(4, 6), t(6), p=1.0, keepdim=True)],
        tolerance=4,
    ),
]

IMAGE = t(2, 8, 5, 6)
ARRANGEMENTS = [
    Row(
        F + "pad",
        [
            case(IMAGE, (1, 2)),
            case(IMAGE, (1, -2, 0, 3), value=1.5),
            case(IMAGE, (2, 1, 3, 0), mode="reflect"),
            case(IMAGE, (2, 1, 3, 0), mode="replicate"),
            case(IMAGE, (2, 1, 3, 0), mode="circular"),
        ],
        errors=[
            raises(ShapeError, "Padding length must be divisible by 2", IMAGE, (1,)),
            raises(
                ShapeError, "reflect padding (9, 0) at dimension 3", IMAGE, (9, 0), mode="reflect"
            ),
            raises(ArgumentError, "Unrecognised padding mode", IMAGE, (1, 1), mode="mirror"),
            raises(
                ArgumentError,
                "doesn't take in value argument",
                IMAGE,
                (1, 1),
                mode="reflect",
                value=1.0,
            ),
        ],
    ),
    Row(
        F + "unfold",
        [case(IMAGE, 2), case(IMAGE, (3, 2), dilation=2, padding=1, stride=2)],
        errors=[raises(ShapeError, "unfold: Expected 3D or 4D", t(2, 3), 2)],
    ),
    Row(
        F + "fold",
        [case(t(2, 12, 9), (4, 4), 2), case(t(2, 12, 4), (4, 4), 2, stride=2)],
        errors=[raises(ShapeError, "fold: Given output_size", t(2, 12, 8), (4, 4), 2)],
    ),
    Row(
        F + "pixel_shuffle",
        [case(IMAGE, 2)],
        errors=[raises(ShapeError, "square of upscale_factor", IMAGE, 3)],
    ),
    Row(
        F + "pixel_unshuffle",
        [case(t(2, 3, 4, 6), 2)],
        errors=[raises(ShapeError, "divisible by downscale_factor", IMAGE, 2)],
    ),
    Row(
        F + "channel_shuffle",
        [case(IMAGE, 4)],
        torch_name="channel_shuffle",
        errors=[raises(ShapeError, "must be divisible by groups", IMAGE, 3)],
    ),
    Row(
        F + "interpolate",
        [
            case(IMAGE, scale_factor=2),
            case(IMAGE, size=(3, 9), mode="nearest-exact"),
            case(IMAGE, size=(3, 9), mode="bilinear"),
            case(IMAGE, scale_factor=(1.5, 0.7), mode="bilinear", align_corners=True),
            case(IMAGE, size=(7, 4), mode="bicubic"),
            case(IMAGE, size=(3, 4), mode="bilinear", antialias=True),
            case(IMAGE, size=(3, 4), mode="bicubic", antialias=True),
            case(IMAGE, size=(3, 4), mode="area"),
            case(t(2, 3, 4), size=7, mode="linear"),
            case(t(1, 2, 3, 4, 2), size=(2, 5, 3), mode="trilinear"),
        ],
        tolerance=20,
        errors=[
            raises(ShapeError, "got 4D) for the modes", IMAGE, 3, mode="linear"),
            raises(ArgumentError, "either size or scale_factor should be defined", IMAGE),
            raises(
                ArgumentError, "align_corners option can only be set", IMAGE, 3, align_corners=True
            ),
            raises(ArgumentError, "Anti-alias option is restricted", IMAGE, 3, antialias=True),
        ],
    ),
    Row(
        F + "grid_sample",
        [
            case(IMAGE, t(2, 3, 4, 2, low=-1.5, high=1.5), align_corners=False),
            case(
                IMAGE, t(2, 3, 4, 2, low=-1.5, high=1.5), padding_mode="border", align_corners=True
            ),
            case(
                IMAGE,
                t(2, 3, 4, 2, low=-1.5, high=1.5),
                padding_mode="reflection",
                align_corners=False,
            ),
            case(IMAGE, t(2, 3, 4, 2, low=-0.9, high=0.9), mode="bicubic", align_corners=False),
            case(t(1, 2, 3, 4, 5), t(1, 2, 2, 2, 3, low=-0.9, high=0.9), align_corners=False),
        ],
        order=1,
        tolerance=50,
        errors=[
            raises(ShapeError, "expected an input (N, C, H, W) and a grid", IMAGE, t(2, 3, 4, 3)),
            raises(
                ArgumentError,
                "expected padding_mode to be",
                IMAGE,
                t(2, 3, 4, 2),
                padding_mode="wrap",
            ),
        ],
    ),
    Row(
        F + "affine_grid",
        [
            case(t(2, 2, 3), (2, 1, 3, 4), align_corners=False),
            case(t(2, 3, 4), (2, 1, 3, 4, 2), align_corners=True),
        ],
        tolerance=4,
        errors=[
            raises(ShapeError, "affine_grid: expected theta (N, 2, 3)", t(2, 2, 2), (2, 1, 3, 4))
        ],
    ),
]

DROPOUTS = [
    Row(
        F + name,
        [case(t(2, 3, *size), p=0.0), case(t(2, 3, *size), training=False)],
        errors=[
            raises(
                ArgumentError,
                "dropout probability has to be between 0 and 1",
                t(2, 3, *size),
                p=1.5,
            )
        ],
    )
    for name, size in [
        ("dropout", ()),
        ("dropout1d", (4,)),
        ("dropout2d", (4, 4)),
        ("dropout3d", (2, 2, 2)),
        ("alpha_dropout", ()),
        ("feature_alpha_dropout", (4,)),
    ]
]

Q, K = t(2, 3, 4, 6), t(2, 3, 5, 6)
E, S = 6, t(5, 2, 6)
PROJECTIONS = (E, 2, t(18, 6), t(18), None, None, False, 0.0, t(6, 6), t(6))
ATTENTION = [
    Row(
        F + "scaled_dot_product_attention",
        [
            case(Q, K, K),
            case(Q, K, K, is_causal=True),
            case(Q, K, K, attn_mask=t(4, 5, dtype="bool", grad=False)),
            case(Q, K, K, attn_mask=t(4, 5), scale=0.5),
            case(t(2, 4, 3, 6), t(2, 2, 5, 6), t(2, 2, 5, 6), enable_gqa=True),
        ],
        tolerance=10,
        errors=[
            raises(ShapeError, "must agree in E and S", Q, t(2, 3, 5, 7), K),
            raises(ShapeError, "Explicit attn_mask should not be set", Q, K, K, t(4, 5), 0.0, True),
        ],
    ),
    Row(
        F + "multi_head_attention_forward",
        [
            case(t(4, 2, 6), S, S, *PROJECTIONS),
            case(t(4, 6), t(5, 6), t(5, 6), *PROJECTIONS, attn_mask=t(4, 5)),
            case(
                t(4, 2, 6),
                S,
                S,
                E,
                2,
                t(18, 6),
                t(18),
                t(1, 1, 6),
                t(1, 1, 6),
                True,
                0.0,
                t(6, 6),
                t(6),
                average_attn_weights=False,
            ),
        ],
        tolerance=20,
        errors=[
            raises(
                ShapeError,
                "was expecting embedding dimension of 5",
                t(4, 2, 6),
                S,
                S,
                5,
                *PROJECTIONS[1:],
            )
        ],
    ),
]

ROWS = [
    *PRODUCTS,
    *(row for dims in (1, 2, 3) for row in conv_rows(dims) + pool_rows(dims)),
    *NORMS,
    *ARRANGEMENTS,
    *DROPOUTS,
    *ATTENTION,
]
