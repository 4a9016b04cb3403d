"""Mistakes with the inputs and settings of layers."""

from tests.mistakes.mistake import Mistake


def wrong_in_features(t):
    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = t.nn.Linear(784, 100)

        def forward(self, x):
            return self.fc1(x)

    Net()(t.zeros(32, 1, 28, 28))


MISTAKES = [
    Mistake(
        "wrong_in_features",
        wrong_in_features,
        RuntimeError,
        (
            "linear: mat1 and mat2 shapes cannot be multiplied (896x28 and 784x100): the last "
            "dimension of the input [32, 1, 28, 28] must be the in_features of the weight "
            "(out_features, in_features) = [100, 784], 784, but it is 28. Flatten the input "
            "first, x.flatten(1) or nn.Flatten(); in module 'fc1' (Linear(in_features=784, "
            "out_features=100, bias=True))"
        ),
    ),
    Mistake(
        "wrong_in_features_flat",
        lambda t: t.nn.Sequential(t.nn.Linear(784, 100), t.nn.ReLU(), t.nn.Linear(50, 10))(
            t.zeros(32, 784)
        ),
        RuntimeError,
        (
            "linear: mat1 and mat2 shapes cannot be multiplied (32x100 and 50x10): the last "
            "dimension of the input [32, 100] must be the in_features of the weight "
            "(out_features, in_features) = [10, 50], 50, but it is 100. Make the layer with "
            "in_features=100, or give it 50 features; in module '2' (Linear(in_features=50, "
            "out_features=10, bias=True))"
        ),
    ),
    Mistake(
        "linear_scalar",
        lambda t: t.nn.Linear(3, 2)(t.tensor(1.0)),
        RuntimeError,
        (
            "linear: input [] and weight [2, 3]: the input needs at least one dimension, its "
            "features, and the weight is (out_features, in_features); in module "
            "Linear(in_features=3, out_features=2, bias=True)"
        ),
    ),
    Mistake(
        "list_into_linear",
        lambda t: t.nn.Linear(3, 2)([1.0, 2.0, 3.0]),
        TypeError,
        (
            "argument 'input' must be Tensor, not list; make one with tensor(...) or "
            "stack(...); in module Linear(in_features=3, out_features=2, bias=True)"
        ),
    ),
    Mistake(
        "missing_batch_dim_conv",
        lambda t: t.nn.Conv2d(3, 8, 3)(t.zeros(28, 28)),
        RuntimeError,
        (
            "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: "
            "[28, 28]; x.unsqueeze(0) adds a dimension of size 1; in module Conv2d(3, 8, "
            "kernel_size=(3, 3), stride=(1, 1))"
        ),
    ),
    Mistake(
        "channels_last",
        lambda t: t.nn.Conv2d(3, 8, 3)(t.zeros(4, 28, 28, 3)),
        RuntimeError,
        (
            "conv2d: given groups=1 and weight of size [8, 3, 3, 3], expected input[4, 28, 28, "
            "3] to have 3 channels, but got 28 channels instead. The channels come last here; "
            "bring them to the front with x.movedim(-1, -3); in module Conv2d(3, 8, "
            "kernel_size=(3, 3), stride=(1, 1))"
        ),
    ),
    Mistake(
        "wrong_channels",
        lambda t: t.nn.Sequential(t.nn.Conv2d(3, 8, 3), t.nn.Conv2d(16, 8, 3))(
            t.zeros(4, 3, 28, 28)
        ),
        RuntimeError,
        (
            "conv2d: given groups=1 and weight of size [8, 16, 3, 3], expected input[4, 8, 26, "
            "26] to have 16 channels, but got 8 channels instead. Make the layer with "
            "in_channels=8, or give it 16 channels; in module '1' (Conv2d(16, 8, "
            "kernel_size=(3, 3), stride=(1, 1)))"
        ),
    ),
    Mistake(
        "long_into_linear",
        lambda t: t.nn.Linear(3, 2)(t.zeros(4, 3, dtype=t.long)),
        RuntimeError,
        (
            "linear: input and weight must have the same dtype, but got sangja.int64 and "
            "sangja.float32; convert the input with .to(weight.dtype); in module "
            "Linear(in_features=3, out_features=2, bias=True)"
        ),
    ),
    Mistake(
        "double_into_linear",
        lambda t: t.nn.Linear(3, 2)(t.zeros(4, 3, dtype=t.float64)),
        RuntimeError,
        (
            "linear: input and weight must have the same dtype, but got sangja.float64 and "
            "sangja.float32; convert the input with .to(weight.dtype); in module "
            "Linear(in_features=3, out_features=2, bias=True)"
        ),
    ),
    Mistake(
        "double_into_conv",
        lambda t: t.nn.Conv2d(3, 8, 3)(t.zeros(4, 3, 28, 28, dtype=t.float64)),
        RuntimeError,
        (
            "conv2d: input and weight must have the same dtype, got input sangja.float64, "
            "weight sangja.float32 and bias sangja.float32; convert the input with "
            ".to(weight.dtype); in module Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))"
        ),
    ),
    Mistake(
        "uint8_into_conv",
        lambda t: t.nn.Conv2d(3, 8, 3)(t.zeros(4, 3, 28, 28, dtype=t.uint8)),
        RuntimeError,
        (
            "conv2d: input and weight must have the same dtype, got input sangja.uint8, weight "
            "sangja.float32 and bias sangja.float32; convert the input with .to(weight.dtype); "
            "in module Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))"
        ),
    ),
    Mistake(
        "bn_batch1",
        lambda t: t.nn.BatchNorm1d(3)(t.zeros(1, 3)),
        ValueError,
        (
            "Expected more than 1 value per channel when training, got input size [1, 3]: use "
            "a larger batch (drop_last=True drops a last batch of one), or model.eval(); in "
            "module BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
            "track_running_stats=True)"
        ),
    ),
    Mistake(
        "bn_features",
        lambda t: t.nn.BatchNorm2d(3)(t.zeros(2, 4, 5, 5)),
        RuntimeError,
        (
            "batch_norm: weight should contain 4 elements, one per channel of the input [2, 4, "
            "5, 5], not [3]; make the layer for 4 features; in module BatchNorm2d(3, "
            "eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"
        ),
    ),
    Mistake(
        "bn_dims",
        lambda t: t.nn.BatchNorm2d(3)(t.zeros(2, 3)),
        ValueError,
        (
            "expected 4D input (got 2D input): BatchNorm2d takes (N, C, H, W), got [2, 3]; in "
            "module BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, "
            "track_running_stats=True)"
        ),
    ),
    Mistake(
        "layernorm_shape",
        lambda t: t.nn.LayerNorm(4)(t.zeros(2, 3)),
        RuntimeError,
        (
            "layer_norm: Given normalized_shape=[4], expected input with shape [*, 4], but got "
            "input of size[2, 3]; make the layer with normalized_shape=[3]; in module "
            "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"
        ),
    ),
    Mistake(
        "groupnorm_div",
        lambda t: t.nn.GroupNorm(3, 8),
        ValueError,
        "num_channels (8) must be divisible by num_groups (3)",
    ),
    Mistake(
        "module_cuda",
        lambda t: t.nn.Linear(2, 2).to("cuda"),
        AssertionError,
        (
            "cannot put a tensor on 'cuda': sangja computes on the CPU. Choose the device with "
            "`'cuda' if sangja.cuda.is_available() else 'cpu'`"
        ),
    ),
    Mistake(
        "kernel_bigger",
        lambda t: t.nn.Conv2d(1, 1, 5)(t.zeros(1, 1, 3, 3)),
        RuntimeError,
        (
            "conv2d: the kernel does not fit: its reach is dilation·(kernel_size − 1) + 1 = 5, "
            "but the padded input has size 3 (shape [3, 3], padding 0 and 0). Kernel size "
            "can't be greater than actual input size: use a smaller kernel, or more padding; "
            "in module Conv2d(1, 1, kernel_size=(5, 5), stride=(1, 1))"
        ),
    ),
    Mistake(
        "groups_div",
        lambda t: t.nn.Conv2d(3, 8, 3, groups=2),
        ValueError,
        "in_channels must be divisible by groups, got 3 and 2",
    ),
    Mistake(
        "groups_out",
        lambda t: t.nn.Conv2d(4, 7, 3, groups=2),
        ValueError,
        "out_channels must be divisible by groups, got 7 and 2",
    ),
    Mistake(
        "pool_large",
        lambda t: t.nn.MaxPool2d(5)(t.zeros(1, 1, 3, 3)),
        RuntimeError,
        (
            "max_pool2d: the kernel does not fit: its reach is dilation·(kernel_size − 1) + 1 "
            "= 5, but the padded input has size 3 (shape [3, 3], padding 0 and 0). Kernel size "
            "can't be greater than actual input size: use a smaller kernel, or more padding; "
            "in module MaxPool2d(kernel_size=5, stride=5, padding=0, dilation=1, "
            "ceil_mode=False)"
        ),
    ),
    Mistake(
        "pool_dims",
        lambda t: t.nn.MaxPool2d(2)(t.zeros(3, 3)),
        RuntimeError,
        (
            "max_pool2d: Expected 3D (unbatched) or 4D (batched) tensor, but got input of "
            "size: [3, 3]; x.unsqueeze(0) adds a dimension of size 1; in module "
            "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
        ),
    ),
    Mistake(
        "pool_pad",
        lambda t: t.nn.MaxPool2d(2, padding=2)(t.zeros(1, 1, 4, 4)),
        RuntimeError,
        (
            "max_pool2d: pad should be at most half of effective kernel size, and not "
            "negative: got padding=(2, 2), kernel_size=(2, 2), dilation=(1, 1); in module "
            "MaxPool2d(kernel_size=2, stride=2, padding=2, dilation=1, ceil_mode=False)"
        ),
    ),
    Mistake(
        "negative_padding",
        lambda t: t.nn.Conv2d(1, 1, 3, padding=-1)(t.zeros(1, 1, 5, 5)),
        RuntimeError,
        (
            "conv2d: negative padding is not supported, got (-1, -1); in module Conv2d(1, 1, "
            "kernel_size=(3, 3), stride=(1, 1), padding=(-1, -1))"
        ),
    ),
    Mistake(
        "padding_string",
        lambda t: t.nn.Conv2d(1, 1, 3, padding="sam"),
        ValueError,
        "Invalid padding string 'sam', should be one of {'valid', 'same'}",
    ),
    Mistake(
        "padding_same_stride",
        lambda t: t.nn.Conv2d(1, 1, 3, padding="same", stride=2),
        ValueError,
        (
            "padding='same' is not supported for strided convolutions: stride is (2, 2); give "
            "the padding as numbers"
        ),
    ),
    Mistake(
        "dropout_p",
        lambda t: t.nn.Dropout(2),
        ValueError,
        "dropout probability has to be between 0 and 1, but got 2",
    ),
    Mistake(
        "one_hot_range",
        lambda t: t.nn.functional.one_hot(t.tensor([3]), 3),
        RuntimeError,
        (
            "one_hot: Class values must be smaller than num_classes and not negative: they go "
            "from 3 to 3, num_classes is 3"
        ),
    ),
    Mistake(
        "pad_odd",
        lambda t: t.nn.functional.pad(t.zeros(3), (1,)),
        RuntimeError,
        (
            "pad: Padding length must be divisible by 2 and at most twice the number of "
            "dimensions of the input: got 1 numbers for an input of shape [3]"
        ),
    ),
    Mistake(
        "interpolate_both",
        lambda t: t.nn.functional.interpolate(t.zeros(1, 1, 4, 4), size=2, scale_factor=2),
        ValueError,
        (
            "interpolate: only one of size or scale_factor should be defined, got size=2 and "
            "scale_factor=2"
        ),
    ),
    Mistake(
        "interpolate_none",
        lambda t: t.nn.functional.interpolate(t.zeros(1, 1, 4, 4)),
        ValueError,
        (
            "interpolate: either size or scale_factor should be defined, got size=None and "
            "scale_factor=None"
        ),
    ),
    Mistake(
        "unflatten",
        lambda t: t.nn.Unflatten(1, (2, 3))(t.zeros(2, 5)),
        RuntimeError,
        (
            "unflatten: Provided sizes [2, 3] don't multiply up to the size of dim 1 (5) in "
            "the input tensor (shape '[2, 3]' is invalid for input of size 5: its sizes "
            "multiply to 6); in module Unflatten(dim=1, unflattened_size=(2, 3))"
        ),
    ),
    Mistake(
        "pixel_shuffle",
        lambda t: t.nn.PixelShuffle(2)(t.zeros(1, 3, 2, 2)),
        RuntimeError,
        (
            "pixel_shuffle expects its input (…, C, H, W) to have a 'channel' size divisible "
            "by the square of upscale_factor, got [1, 3, 2, 2] and upscale_factor=2; in module "
            "PixelShuffle(upscale_factor=2)"
        ),
    ),
    Mistake(
        "clip_negative_p",
        lambda t: t.nn.init.kaiming_uniform_(t.zeros(3)),
        ValueError,
        (
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            "got [3]; for a bias use zeros_ or uniform_"
        ),
    ),
    Mistake(
        "cosine_sim",
        lambda t: t.nn.functional.cosine_similarity(t.zeros(2, 3), t.zeros(2, 4)),
        RuntimeError,
        (
            "multiply: The size of tensor a (3) must match the size of tensor b (4) at "
            "non-singleton dimension 1 (sizes are equal, or one of them 1); got x float32[2, "
            "3], y float32[2, 4]"
        ),
    ),
    Mistake(
        "conv_transpose_pad",
        lambda t: t.nn.ConvTranspose2d(1, 1, 3, output_padding=2)(t.zeros(1, 1, 3, 3)),
        RuntimeError,
        (
            "conv_transpose2d: output padding must be smaller than either stride or dilation, "
            "but got output_padding=(2, 2), stride=(1, 1), dilation=(1, 1); in module "
            "ConvTranspose2d(1, 1, kernel_size=(3, 3), stride=(1, 1), output_padding=(2, 2))"
        ),
    ),
    Mistake(
        "to_int_module",
        lambda t: t.nn.Linear(2, 2).to(t.int64),
        TypeError,
        (
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            "dtype=sangja.int64"
        ),
    ),
    Mistake(
        "label_of_one_row",
        lambda t: t.nn.functional.cross_entropy(t.zeros(3), t.tensor(3)),
        IndexError,
        (
            "cross_entropy: Target 3 is out of bounds; the input has 3 classes, so labels go "
            "from 0 to 2 (or -100, which is ignored). Labels that begin at 1 need target - 1"
        ),
    ),
    Mistake(
        "module_dict_dot",
        lambda t: t.nn.ModuleDict({"a.b": t.nn.ReLU()}),
        KeyError,
        'module name can\'t contain ".", got: a.b; dots part the names of a path',
    ),
    Mistake(
        "transposed_channels",
        lambda t: t.nn.ConvTranspose2d(3, 4, 2)(t.zeros(2, 4, 5, 5)),
        RuntimeError,
        (
            "conv_transpose2d: given groups=1 and weight of size [3, 4, 2, 2], expected "
            "input[2, 4, 5, 5] to have 3 channels, but got 4 channels instead. Make the layer "
            "with in_channels=4, or give it 3 channels; in module ConvTranspose2d(3, 4, "
            "kernel_size=(2, 2), stride=(1, 1))"
        ),
    ),
]
