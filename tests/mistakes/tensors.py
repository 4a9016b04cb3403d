"""Mistakes with shapes, indices, devices and arithmetic."""

from tests.mistakes.mistake import Mistake


def setitem_shape(t):
    x = t.zeros(3)
    x[:2] = t.zeros(3)


MISTAKES = [
    Mistake(
        "cat_mismatch",
        lambda t: t.cat([t.zeros(2, 3), t.zeros(2, 4)]),
        RuntimeError,
        (
            "cat: Sizes of tensors must match except in dimension 0. Expected size 3 but got "
            "size 4 in dimension 1 for tensor number 1 in the list: the first has shape [2, "
            "3], this one [2, 4]"
        ),
    ),
    Mistake(
        "cat_ndim",
        lambda t: t.cat([t.zeros(2, 3), t.zeros(2)]),
        RuntimeError,
        (
            "cat: Tensors must have same number of dimensions: got 2 and 1 (tensor number 1 in "
            "the list has shape [2], the first [2, 3])"
        ),
    ),
    Mistake(
        "cat_empty",
        lambda t: t.cat([]),
        ValueError,
        "cat(): expected a non-empty list of Tensors, got []",
    ),
    Mistake(
        "stack_mismatch",
        lambda t: t.stack([t.zeros(2), t.zeros(3)]),
        RuntimeError,
        (
            "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at "
            "entry 1; cat joins along a dimension that exists"
        ),
    ),
    Mistake(
        "view_noncontig",
        lambda t: t.zeros(2, 3).t().view(6),
        RuntimeError,
        (
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension of [3, 2] spans across two contiguous subspaces of memory). Use "
            ".reshape([6]) instead, which copies."
        ),
    ),
    Mistake(
        "reshape_wrong",
        lambda t: t.zeros(2, 3).reshape(4, 2),
        RuntimeError,
        "shape '[4, 2]' is invalid for input of size 6: its sizes multiply to 8",
    ),
    Mistake(
        "view_wrong",
        lambda t: t.zeros(2, 3).view(-1, 4),
        RuntimeError,
        ("shape '[-1, 4]' is invalid for input of size 6: its sizes multiply to a multiple of 4"),
    ),
    Mistake(
        "unknown_device",
        lambda t: t.zeros(2).to("gpu"),
        RuntimeError,
        (
            "Invalid device string: 'gpu'; the names are cpu, cuda, meta, mps, xla, xpu (a "
            "graphics card is 'cuda')"
        ),
    ),
    Mistake(
        "cuda_device",
        lambda t: t.zeros(2).cuda(),
        AssertionError,
        (
            "cannot put a tensor on 'cuda': sangja computes on the CPU. Choose the device with "
            "`'cuda' if sangja.cuda.is_available() else 'cpu'`"
        ),
    ),
    Mistake(
        "cuda_device2",
        lambda t: t.zeros(2, device="cuda"),
        AssertionError,
        (
            "cannot put a tensor on 'cuda': sangja computes on the CPU. Choose the device with "
            "`'cuda' if sangja.cuda.is_available() else 'cpu'`"
        ),
    ),
    Mistake(
        "index_range",
        lambda t: t.zeros(3)[3],
        IndexError,
        (
            "select: index 3 is out of bounds for dimension 0 with size 3: indices go from -3 "
            "to 2; got x float32[3]"
        ),
    ),
    Mistake(
        "index_many",
        lambda t: t.zeros(3)[0, 0],
        IndexError,
        "slice: too many indices for tensor of dimension 1: 2 were given; got x float32[3]",
    ),
    Mistake(
        "index_tensor_range",
        lambda t: t.zeros(3)[t.tensor([0, 5])],
        IndexError,
        "index 5 is out of bounds for dimension 0 with size 3: indices go from -3 to 2",
    ),
    Mistake(
        "index_float",
        lambda t: t.zeros(3)[1.0],
        IndexError,
        (
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
            "are valid indices (got float)"
        ),
    ),
    Mistake(
        "mask_shape",
        lambda t: t.zeros(3)[t.tensor([True, False])],
        IndexError,
        (
            "The shape of the mask [2] at index 0 does not match the shape of the indexed "
            "tensor [3] at index 0"
        ),
    ),
    Mistake(
        "item_many",
        lambda t: t.zeros(3).item(),
        RuntimeError,
        (
            "a Tensor with 3 elements cannot be converted to Scalar: this one has shape [3]. "
            "Take one element first, as in x[0].item(), or tolist()"
        ),
    ),
    Mistake(
        "bool_many",
        lambda t: bool(t.zeros(3)),
        RuntimeError,
        ("Boolean value of Tensor with more than one value is ambiguous; use .any() or .all()"),
    ),
    Mistake(
        "float_many",
        lambda t: float(t.zeros(3)),
        ValueError,
        ("only one element tensors can be converted to Python scalars; this one has shape [3]"),
    ),
    Mistake(
        "softmax_dim",
        lambda t: t.softmax(t.zeros(2, 3), dim=2),
        IndexError,
        (
            "Dimension out of range (expected to be in range of [-2, 1], but got 2): the "
            "tensor has 2 dimensions, numbered from 0"
        ),
    ),
    Mistake(
        "sum_dim",
        lambda t: t.zeros(2, 3).sum(dim=5),
        IndexError,
        (
            "Dimension out of range (expected to be in range of [-2, 1], but got 5): the "
            "tensor has 2 dimensions, numbered from 0"
        ),
    ),
    Mistake(
        "squeeze_dim",
        lambda t: t.zeros(2, 3).squeeze(4),
        IndexError,
        (
            "Dimension out of range (expected to be in range of [-2, 1], but got 4): the "
            "tensor has 2 dimensions, numbered from 0"
        ),
    ),
    Mistake(
        "permute_dims",
        lambda t: t.zeros(2, 3, 4).permute(0, 1),
        RuntimeError,
        (
            "permute: number of dimensions in the tensor input does not match the length of "
            "the desired ordering of dimensions i.e. input.dim() = 3 is not equal to len(dims) "
            "= 2; name every dimension once"
        ),
    ),
    Mistake(
        "permute_repeat",
        lambda t: t.zeros(2, 3, 4).permute(0, 1, 1),
        RuntimeError,
        "dim 1 appears multiple times in the list of dims [0, 1, 1]",
    ),
    Mistake(
        "transpose_dim",
        lambda t: t.zeros(2, 3).transpose(1, 2),
        IndexError,
        (
            "Dimension out of range (expected to be in range of [-2, 1], but got 2): the "
            "tensor has 2 dimensions, numbered from 0"
        ),
    ),
    Mistake(
        "t_of_3d",
        lambda t: t.zeros(2, 3, 4).t(),
        RuntimeError,
        "t() expects a tensor with <= 2 dimensions, but self is 3D; use transpose(-2, -1)",
    ),
    Mistake(
        "einsum_sizes",
        lambda t: t.einsum("ij,jk->ik", t.zeros(2, 3), t.zeros(4, 5)),
        RuntimeError,
        (
            "einsum(): operands do not broadcast with remapped shapes: subscript j has size 4 "
            "for operand 1 which does not broadcast with previously seen size 3"
        ),
    ),
    Mistake(
        "einsum_dims",
        lambda t: t.einsum("ijk,jk->ik", t.zeros(2, 3), t.zeros(4, 5)),
        RuntimeError,
        (
            "einsum(): the number of subscripts in the equation (3) does not match the number "
            "of dimensions (2) for operand 0 in 'ijk,jk->ik' and no ellipsis was given"
        ),
    ),
    Mistake(
        "einsum_count",
        lambda t: t.einsum("ij,jk->ik", t.zeros(2, 3)),
        RuntimeError,
        "einsum(): more subscripts (2) than operands (1) in 'ij,jk->ik'",
    ),
    Mistake(
        "matmul_1d2d",
        lambda t: t.zeros(3) @ t.zeros(4, 5),
        RuntimeError,
        (
            "matmul: shapes cannot be multiplied (3 and 4x5): the last dimension of the first, "
            "3, must equal the last but one of the second, 4"
        ),
    ),
    Mistake(
        "matmul_2d",
        lambda t: t.zeros(3, 4) @ t.zeros(3, 4),
        RuntimeError,
        (
            "matmul: shapes cannot be multiplied (3x4 and 3x4): the last dimension of the "
            "first, 4, must equal the last but one of the second, 3"
        ),
    ),
    Mistake(
        "mm_1d",
        lambda t: t.mm(t.zeros(3), t.zeros(3, 2)),
        RuntimeError,
        "mm: input must be a matrix, but its shape is [3]",
    ),
    Mistake(
        "bmm_batch",
        lambda t: t.bmm(t.zeros(2, 3, 4), t.zeros(3, 4, 5)),
        RuntimeError,
        ("bmm: batches must have the same size, but the first has 2 and the second 3 matrices"),
    ),
    Mistake(
        "matmul_dtype",
        lambda t: t.zeros(3, 4) @ t.zeros(4, 3, dtype=t.float64),
        RuntimeError,
        (
            "matmul: expected both operands to have the same dtype, but got sangja.float32 and "
            "sangja.float64; convert one with .to(dtype)"
        ),
    ),
    Mistake(
        "add_shapes",
        lambda t: t.zeros(3) + t.zeros(4),
        RuntimeError,
        (
            "add: The size of tensor a (3) must match the size of tensor b (4) at "
            "non-singleton dimension 0 (sizes are equal, or one of them 1); got x float32[3], "
            "y float32[4]"
        ),
    ),
    Mistake(
        "expand_wrong",
        lambda t: t.zeros(3).expand(2, 4),
        RuntimeError,
        (
            "The expanded size of the tensor (4) must match the existing size (3) at "
            "non-singleton dimension 1. Target sizes: [2, 4]. Tensor sizes: [3]"
        ),
    ),
    Mistake(
        "ragged",
        lambda t: t.tensor([[1, 2], [3]]),
        ValueError,
        (
            "tensor: expected sequence of length 2 at dim 1 (got 1): the nested lists have "
            "different lengths, first at data[1]"
        ),
    ),
    Mistake(
        "tensor_of_str",
        lambda t: t.tensor("abc"),
        TypeError,
        (
            "new(): invalid data type: cannot make a tensor from str 'abc'; expected numbers, "
            "nested lists of numbers, arrays or tensors"
        ),
    ),
    Mistake(
        "tensor_of_none",
        lambda t: t.tensor(None),
        RuntimeError,
        (
            "Could not infer dtype of NoneType: tensor() takes numbers, nested lists of "
            "numbers, arrays and tensors"
        ),
    ),
    Mistake(
        "zeros_negative",
        lambda t: t.zeros(-1, 2),
        RuntimeError,
        "Trying to create tensor with negative dimension -1: [-1, 2]",
    ),
    Mistake(
        "len_scalar",
        lambda t: len(t.tensor(1.0)),
        TypeError,
        "len() of a 0-d tensor; its one number is x.item()",
    ),
    Mistake(
        "iter_scalar",
        lambda t: list(t.tensor(1.0)),
        TypeError,
        "iteration over a 0-d tensor; its one number is x.item()",
    ),
    Mistake(
        "mean_long",
        lambda t: t.tensor([1, 2]).mean(),
        RuntimeError,
        (
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            "or complex dtype. Got: sangja.int64. Convert it first, as in x.float()"
        ),
    ),
    Mistake(
        "max_empty",
        lambda t: t.zeros(0).max(),
        RuntimeError,
        (
            "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        ),
    ),
    Mistake(
        "gather_dims",
        lambda t: t.gather(t.zeros(3, 2), 1, t.zeros(3, dtype=t.long)),
        RuntimeError,
        ("gather(): Index tensor must have the same number of dimensions as input tensor: 1 and 2"),
    ),
    Mistake(
        "gather_range",
        lambda t: t.gather(t.zeros(3, 2), 1, t.tensor([[2], [0], [0]])),
        RuntimeError,
        ("gather(): index 2 is out of bounds for dimension 1 with size 2: indices go from 0 to 1"),
    ),
    Mistake(
        "scatter_dtype",
        lambda t: t.zeros(3, 2).scatter(
            1, t.zeros(3, 1, dtype=t.long), t.zeros(3, 1, dtype=t.float64)
        ),
        RuntimeError,
        (
            "scatter(): Expected self.dtype to be equal to src.dtype, got sangja.float32 and "
            "sangja.float64; convert one with src.to(self.dtype)"
        ),
    ),
    Mistake(
        "split_wrong",
        lambda t: t.zeros(5).split([2, 2]),
        RuntimeError,
        (
            "split_with_sizes expects split_sizes to be non-negative and to sum exactly to 5 "
            "(input tensor's size at dimension 0), but got split_sizes=[2, 2]"
        ),
    ),
    Mistake(
        "topk_large",
        lambda t: t.zeros(3).topk(5),
        RuntimeError,
        (
            "topk: selected index k out of range: k is 5, and dimension 0 of the input of "
            "shape [3] has 3 elements"
        ),
    ),
    Mistake(
        "multinomial_neg",
        lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1),
        RuntimeError,
        "probability tensor contains either `inf`, `nan` or element < 0.",
    ),
    Mistake(
        "multinomial_many",
        lambda t: t.multinomial(t.tensor([1.0, 2.0]), 3),
        RuntimeError,
        (
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement: 3 of 2; "
            "pass replacement=True or fewer samples."
        ),
    ),
    Mistake(
        "setitem_shape",
        setitem_shape,
        RuntimeError,
        (
            "__setitem__: could not broadcast the value of shape (3,) into the chosen part of "
            "shape (2,); the value has shape [3], the tensor [3]"
        ),
    ),
    Mistake(
        "arange_bad",
        lambda t: t.arange(0, 5, -1),
        RuntimeError,
        (
            "arange: upper bound and lower bound inconsistent with step sign: start=0, end=5, "
            "step=-1"
        ),
    ),
    Mistake(
        "where_shapes",
        lambda t: t.where(t.zeros(3) > 0, t.zeros(3), t.zeros(4)),
        RuntimeError,
        (
            "where: The size of tensor a (3) must match the size of tensor b (4) at "
            "non-singleton dimension 0 (sizes are equal, or one of them 1); got condition "
            "bool[3], x float32[3], y float32[4]"
        ),
    ),
    Mistake(
        "masked_fill_nonbool",
        lambda t: t.zeros(3).masked_fill(t.zeros(3), 1.0),
        RuntimeError,
        (
            "masked_fill only supports boolean masks, but got mask with dtype sangja.float32; "
            "make one with mask.bool() or a comparison"
        ),
    ),
    Mistake(
        "randint_empty",
        lambda t: t.randint(5, 3, (2,)),
        RuntimeError,
        "random_ expects 'from' to be less than 'to', but got from=5 >= to=3.",
    ),
]
