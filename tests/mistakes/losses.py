"""Mistakes with losses and their targets."""

from tests.mistakes.mistake import Mistake

MISTAKES = [
    Mistake(
        "labels_n1",
        lambda t: t.nn.CrossEntropyLoss()(t.zeros(4, 3), t.zeros(4, 1, dtype=t.long)),
        RuntimeError,
        (
            "cross_entropy: input [4, 3] is (N, C, d1, …) and needs a target [4] of class "
            "indices, (N, d1, …), got [4, 1]; in module CrossEntropyLoss()"
        ),
    ),
    Mistake(
        "float_labels",
        lambda t: t.nn.CrossEntropyLoss()(t.zeros(4, 3), t.zeros(4)),
        RuntimeError,
        (
            "cross_entropy: a floating target holds a probability for each class and must have "
            "the shape of the input [4, 3], got [4]; for class indices use target.long(); in "
            "module CrossEntropyLoss()"
        ),
    ),
    Mistake(
        "float_labels_nll",
        lambda t: t.nn.NLLLoss()(t.zeros(4, 3), t.zeros(4)),
        RuntimeError,
        (
            "nll_loss: expected class indices of an integer dtype such as int64, got "
            "sangja.float32; use target.long(); in module NLLLoss()"
        ),
    ),
    Mistake(
        "labels_from_1",
        lambda t: t.nn.CrossEntropyLoss()(t.zeros(3, 3), t.tensor([1, 2, 3])),
        IndexError,
        (
            "cross_entropy: Target 3 is out of bounds: at row 2 of the target; the input has 3 "
            "classes, so labels go from 0 to 2 (or -100, which is ignored). Labels that begin "
            "at 1 need target - 1; in module CrossEntropyLoss()"
        ),
    ),
    Mistake(
        "batch_of_labels",
        lambda t: t.nn.CrossEntropyLoss()(t.zeros(4, 3), t.zeros(5, dtype=t.long)),
        ValueError,
        (
            "cross_entropy: Expected input batch_size (4) to match target batch_size (5): "
            "input [4, 3], target [5]; in module CrossEntropyLoss()"
        ),
    ),
    Mistake(
        "nll_dims",
        lambda t: t.nn.NLLLoss()(t.zeros(4, 3), t.zeros(4, 3, dtype=t.long)),
        RuntimeError,
        (
            "nll_loss: input [4, 3] is (N, C, d1, …) and needs a target [4] of class indices, "
            "(N, d1, …), got [4, 3]; in module NLLLoss()"
        ),
    ),
    Mistake(
        "bce_shape",
        lambda t: t.nn.BCELoss()(t.rand(4, 1), t.zeros(4)),
        ValueError,
        (
            "binary_cross_entropy: Target size (sangja.Size([4])) must be the same as input "
            "size (sangja.Size([4, 1])); reshape one of them, e.g. input.squeeze(-1); in "
            "module BCELoss()"
        ),
    ),
    Mistake(
        "bce_logits_shape",
        lambda t: t.nn.BCEWithLogitsLoss()(t.rand(4, 1), t.zeros(4)),
        ValueError,
        (
            "binary_cross_entropy_with_logits: Target size (sangja.Size([4])) must be the same "
            "as input size (sangja.Size([4, 1])); reshape one of them, e.g. input.squeeze(-1); "
            "in module BCEWithLogitsLoss()"
        ),
    ),
    Mistake(
        "bce_range",
        lambda t: t.nn.BCELoss()(t.tensor([2.0]), t.tensor([1.0])),
        RuntimeError,
        (
            "binary_cross_entropy: all elements of input should be between 0 and 1, got 2 at "
            "[0]. For scores (without sigmoid) use binary_cross_entropy_with_logits; in module "
            "BCELoss()"
        ),
    ),
    Mistake(
        "bce_long",
        lambda t: t.nn.BCELoss()(t.rand(4), t.zeros(4, dtype=t.long)),
        RuntimeError,
        (
            "binary_cross_entropy: Found dtype sangja.int64 but expected sangja.float32: the "
            "target must have the dtype of the input; use target.to(input.dtype); in module "
            "BCELoss()"
        ),
    ),
    Mistake(
        "mse_shapes",
        lambda t: t.nn.MSELoss()(t.zeros(3, 2), t.zeros(4, 2)),
        RuntimeError,
        (
            "shapes [3, 2] and [4, 2] cannot be broadcast together: at dimension -2 the sizes "
            "are 4 and 3; they must be equal, or one of them 1; in module MSELoss()"
        ),
    ),
    Mistake(
        "loss_reduction",
        lambda t: t.nn.MSELoss(reduction="avg")(t.zeros(2), t.zeros(2)),
        ValueError,
        (
            "'avg' is not a valid value for reduction; expected 'none', 'mean' or 'sum'; in "
            "module MSELoss()"
        ),
    ),
    Mistake(
        "weight_size",
        lambda t: t.nn.CrossEntropyLoss(weight=t.zeros(2))(t.zeros(4, 3), t.zeros(4, dtype=t.long)),
        RuntimeError,
        (
            "cross_entropy: weight tensor should be defined either for all 3 classes or no "
            "classes, but got weight tensor of shape: [2]; in module CrossEntropyLoss()"
        ),
    ),
    Mistake(
        "cross_dim",
        lambda t: t.nn.functional.nll_loss(t.zeros(2, 3, 4, 4), t.zeros(2, 3, 3, dtype=t.long)),
        RuntimeError,
        (
            "nll_loss: input [2, 3, 4, 4] is (N, C, d1, …) and needs a target [2, 4, 4] of "
            "class indices, (N, d1, …), got [2, 3, 3]"
        ),
    ),
]
