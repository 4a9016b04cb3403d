"""Models: layers that can draw themselves (steps 45 and 58), and some known ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sangja.books.dezero import functions as F, layers as L, utils
from sangja.books.dezero.core import Variable
from sangja.books.dezero.layers import Layer
from sangja.books.dezero.transforms import pillow
from sangja.core.errors import ArgumentError


class Model(Layer):
    """Base of models: a layer of layers."""

    def plot(self, *inputs: Any, to_file: str = "model.png") -> Any:
        """Draw the graph of `forward` for the given inputs (see `utils.plot_dot_graph`)."""
        y = self.forward(*inputs)
        return utils.plot_dot_graph(y, verbose=True, to_file=to_file)


class Sequential(Model):
    """One layer or function after the other."""

    def __init__(self, *layers: Any) -> None:
        super().__init__()
        self.layers: list[Any] = []
        for i, layer in enumerate(layers):
            setattr(self, "l" + str(i), layer)
            self.layers.append(layer)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


class MLP(Model):
    """Fully connected layers `l0`, `l1`, … of the given sizes, with an activation between them."""

    def __init__(
        self, fc_output_sizes: Sequence[int], activation: Callable[[Any], Any] = F.sigmoid
    ) -> None:
        super().__init__()
        self.activation = activation
        self.layers: list[Layer] = []
        for i, out_size in enumerate(fc_output_sizes):
            layer = L.Linear(out_size)
            setattr(self, "l" + str(i), layer)
            self.layers.append(layer)

    def forward(self, x: Any) -> Variable:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def load_pretrained(model: Model, url: str) -> None:
    """Give a model the weights at `url`, downloaded once."""
    model.load_weights(utils.get_file(url))


# -- VGG --------------------------------------------------------------------------------------


class VGG16(Model):
    """13 convolutions and 3 linear layers. Source: Simonyan and Zisserman, 2014,
    https://arxiv.org/abs/1409.1556."""

    WEIGHTS_PATH = "https://github.com/koki0702/dezero-models/releases/download/v0.1/vgg16.npz"

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.conv1_1 = L.Conv2d(64, kernel_size=3, stride=1, pad=1)
        self.conv1_2 = L.Conv2d(64, kernel_size=3, stride=1, pad=1)
        self.conv2_1 = L.Conv2d(128, kernel_size=3, stride=1, pad=1)
        self.conv2_2 = L.Conv2d(128, kernel_size=3, stride=1, pad=1)
        self.conv3_1 = L.Conv2d(256, kernel_size=3, stride=1, pad=1)
        self.conv3_2 = L.Conv2d(256, kernel_size=3, stride=1, pad=1)
        self.conv3_3 = L.Conv2d(256, kernel_size=3, stride=1, pad=1)
        self.conv4_1 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.conv4_2 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.conv4_3 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.conv5_1 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.conv5_2 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.conv5_3 = L.Conv2d(512, kernel_size=3, stride=1, pad=1)
        self.fc6 = L.Linear(4096)
        self.fc7 = L.Linear(4096)
        self.fc8 = L.Linear(1000)
        if pretrained:
            load_pretrained(self, self.WEIGHTS_PATH)

    def forward(self, x: Any) -> Variable:
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for i in range(1, count + 1):
                x = F.relu(getattr(self, f"conv{block}_{i}")(x))
            x = F.pooling(x, 2, 2)
        x = F.reshape(x, (x.shape[0], -1))
        x = F.dropout(F.relu(self.fc6(x)))
        x = F.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)

    @staticmethod
    def preprocess(image: Any, size: tuple[int, int] = (224, 224), dtype: Any = np.float32) -> Any:
        """A picture of Pillow as the array (3, H, W) that the weights expect: BGR, less the mean
        of the training images."""
        image = image.convert("RGB")
        if size:
            image = image.resize(size, pillow().Resampling.BICUBIC)
        array = np.asarray(image, dtype=dtype)[:, :, ::-1]
        array = array - np.array([103.939, 116.779, 123.68], dtype=dtype)
        return array.transpose(2, 0, 1)


# -- ResNet -----------------------------------------------------------------------------------


class ResNet(Model):
    """50, 101 or 152 layers with connections past each block. Source: He et al., 2015,
    https://arxiv.org/abs/1512.03385."""

    WEIGHTS_PATH = "https://github.com/koki0702/dezero-models/releases/download/v0.1/resnet{}.npz"
    BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}  # noqa: RUF012

    def __init__(self, n_layers: int = 152, pretrained: bool = False) -> None:
        super().__init__()
        if n_layers not in self.BLOCKS:
            raise ArgumentError(f"n_layers must be 50, 101 or 152, not {n_layers}")
        block = self.BLOCKS[n_layers]
        self.conv1 = L.Conv2d(64, 7, 2, 3)
        self.bn1 = L.BatchNorm()
        self.res2 = BuildingBlock(block[0], 64, 64, 256, 1)
        self.res3 = BuildingBlock(block[1], 256, 128, 512, 2)
        self.res4 = BuildingBlock(block[2], 512, 256, 1024, 2)
        self.res5 = BuildingBlock(block[3], 1024, 512, 2048, 2)
        self.fc6 = L.Linear(1000)
        if pretrained:
            load_pretrained(self, self.WEIGHTS_PATH.format(n_layers))

    def forward(self, x: Any) -> Variable:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.pooling(x, kernel_size=3, stride=2)
        x = self.res5(self.res4(self.res3(self.res2(x))))
        return self.fc6(_global_average_pooling_2d(x))


class ResNet152(ResNet):
    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(152, pretrained)


class ResNet101(ResNet):
    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(101, pretrained)


class ResNet50(ResNet):
    def __init__(self, pretrained: bool = False) -> None:
        super().__init__(50, pretrained)


def _global_average_pooling_2d(x: Any) -> Variable:
    """The mean of each channel: (N, C, H, W) → (N, C)."""
    n, c, h, w = x.shape
    return F.reshape(F.average_pooling(x, (h, w), stride=1), (n, c))


class BuildingBlock(Layer):
    """A stage of a ResNet: one `BottleneckA` `a`, then `BottleneckB`s `b1`, `b2`, …"""

    def __init__(
        self,
        n_layers: int,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: Any,
        downsample_fb: bool = False,
    ) -> None:
        super().__init__()
        self.a = BottleneckA(in_channels, mid_channels, out_channels, stride, downsample_fb)
        self._forward = ["a"]
        for i in range(n_layers - 1):
            name = f"b{i + 1}"
            setattr(self, name, BottleneckB(out_channels, mid_channels))
            self._forward.append(name)

    def forward(self, x: Any) -> Variable:
        for name in self._forward:
            x = getattr(self, name)(x)
        return x


class BottleneckA(Layer):
    """Three convolutions, and a fourth past them that brings the input to the same shape. With
    `downsample_fb` the stride is that of the 3×3 convolution, otherwise of the first."""

    def __init__(
        self,
        in_channels: int,
        mid_channels: int,
        out_channels: int,
        stride: Any = 2,
        downsample_fb: bool = False,
    ) -> None:
        super().__init__()
        stride_1x1, stride_3x3 = (1, stride) if downsample_fb else (stride, 1)
        self.conv1 = L.Conv2d(mid_channels, 1, stride_1x1, 0, nobias=True)
        self.bn1 = L.BatchNorm()
        self.conv2 = L.Conv2d(mid_channels, 3, stride_3x3, 1, nobias=True)
        self.bn2 = L.BatchNorm()
        self.conv3 = L.Conv2d(out_channels, 1, 1, 0, nobias=True)
        self.bn3 = L.BatchNorm()
        self.conv4 = L.Conv2d(out_channels, 1, stride, 0, nobias=True)
        self.bn4 = L.BatchNorm()

    def forward(self, x: Any) -> Variable:
        h1 = F.relu(self.bn1(self.conv1(x)))
        h1 = F.relu(self.bn2(self.conv2(h1)))
        h1 = self.bn3(self.conv3(h1))
        h2 = self.bn4(self.conv4(x))
        return F.relu(h1 + h2)


class BottleneckB(Layer):
    """Three convolutions, and the input past them."""

    def __init__(self, in_channels: int, mid_channels: int) -> None:
        super().__init__()
        self.conv1 = L.Conv2d(mid_channels, 1, 1, 0, nobias=True)
        self.bn1 = L.BatchNorm()
        self.conv2 = L.Conv2d(mid_channels, 3, 1, 1, nobias=True)
        self.bn2 = L.BatchNorm()
        self.conv3 = L.Conv2d(in_channels, 1, 1, 0, nobias=True)
        self.bn3 = L.BatchNorm()

    def forward(self, x: Any) -> Variable:
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return F.relu(h + x)


# -- SqueezeNet -------------------------------------------------------------------------------


class Fire(Layer):
    """A 1×1 convolution that narrows, then one of 1×1 and one of 3×3 side by side."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.squeeze = L.Conv2d(narrow, 1)
        self.expand1 = L.Conv2d(wide, 1)
        self.expand3 = L.Conv2d(wide, 3, pad=1)

    def forward(self, x: Any) -> Variable:
        x = F.relu(self.squeeze(x))
        return F.concat(F.relu(self.expand1(x)), F.relu(self.expand3(x)), axis=1)


class SqueezeNet(Model):
    """Version 1.1, of eight `Fire` layers (DeZero has only its name; there are no weights for it).
    Source: Iandola et al., 2016, https://arxiv.org/abs/1602.07360."""

    SIZES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        if pretrained:
            raise ArgumentError("SqueezeNet has no trained weights; use pretrained=False")
        self.conv1 = L.Conv2d(64, 3, stride=2)
        for i, (narrow, wide) in enumerate(self.SIZES, start=2):
            setattr(self, f"fire{i}", Fire(narrow, wide))
        self.conv10 = L.Conv2d(1000, 1)

    def forward(self, x: Any) -> Variable:
        x = F.pooling(F.relu(self.conv1(x)), 3, 2)
        for i in range(2, 10):
            x = getattr(self, f"fire{i}")(x)
            if i in (3, 5):
                x = F.pooling(x, 3, 2)
        x = F.relu(self.conv10(F.dropout(x)))
        return _global_average_pooling_2d(x)
