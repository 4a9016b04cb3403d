"""The rest of DeZero's public interface: names, defaults, optimizers, data, models, utilities."""

import gzip
import inspect
import io
import tarfile

import numpy as np
import pytest

import sangja.books.dezero as dezero
from sangja.books.dezero import (
    Parameter,
    Variable,
    cuda,
    dataloaders,
    datasets,
    functions as F,
    layers as L,
    models,
    optimizers,
    transforms,
    utils,
)
from sangja.core.errors import MissingPackageError

SIGNATURES = {
    (dezero, "Variable"): "data, name=None",
    (dezero, "as_array"): "x, array_module",
    (dezero, "using_config"): "name, value",
    (Variable, "backward"): "self, retain_grad=False, create_graph=False",
    (Variable, "sum"): "x, axis=None, keepdims=False",
    (F, "reshape"): "x, shape",
    (F, "transpose"): "x, axes=None",
    (F, "expand_dims"): "x, axis",
    (F, "sum"): "x, axis=None, keepdims=False",
    (F, "average"): "x, axis=None, keepdims=False",
    (F, "linear"): "x, W, b=None",
    (F, "softmax"): "x, axis=1",
    (F, "log_softmax"): "x, axis=1",
    (F, "leaky_relu"): "x, slope=0.2",
    (F, "dropout"): "x, dropout_ratio=0.5",
    (F, "batch_nrom"): "x, gamma, beta, mean, var, decay=0.9, eps=2e-05",
    (F, "embed_id"): "x, W",
    (F, "max"): "x, axis=None, keepdims=False",
    (F, "clip"): "x, x_min, x_max",
    (F, "conv2d"): "x, W, b=None, stride=1, pad=0",
    (F, "deconv2d"): "x, W, b=None, stride=1, pad=0, outsize=None",
    (F, "pooling"): "x, kernel_size, stride=1, pad=0",
    (F, "average_pooling"): "x, kernel_size, stride=1, pad=0",
    (F, "im2col"): "x, kernel_size, stride=1, pad=0, to_matrix=True",
    (F, "col2im"): "x, input_shape, kernel_size, stride=1, pad=0, to_matrix=True",
    (F, "sigmoid_cross_entropy"): "x, t",
    (F, "binary_cross_entropy"): "p, t",
    (F, "accuracy"): "y, t",
    (L, "Linear"): "out_size, nobias=False, dtype, in_size=None",
    (L, "Conv2d"): "out_channels, kernel_size, stride=1, pad=0, nobias=False, dtype, "
    "in_channels=None",
    (L, "RNN"): "hidden_size, in_size=None",
    (L, "LSTM"): "hidden_size, in_size=None",
    (L, "EmbedID"): "in_size, out_size",
    (models, "MLP"): "fc_output_sizes, activation",
    (models, "ResNet"): "n_layers=152, pretrained=False",
    (optimizers, "SGD"): "lr=0.01",
    (optimizers, "MomentumSGD"): "lr=0.01, momentum=0.9",
    (optimizers, "AdaGrad"): "lr=0.001, eps=1e-08",
    (optimizers, "AdaDelta"): "rho=0.95, eps=1e-06",
    (optimizers, "Adam"): "alpha=0.001, beta1=0.9, beta2=0.999, eps=1e-08",
    (optimizers, "WeightDecay"): "rate",
    (optimizers, "ClipGrad"): "max_norm",
    (dataloaders, "DataLoader"): "dataset, batch_size, shuffle=True, gpu=False",
    (dataloaders, "SeqDataLoader"): "dataset, batch_size, gpu=False",
    (datasets, "Dataset"): "train=True, transform=None, target_transform=None",
    (utils, "get_dot_graph"): "output, verbose=True",
    (utils, "plot_dot_graph"): "output, verbose=True, to_file='graph.png'",
    (utils, "get_file"): "url, file_name=None",
    (utils, "get_conv_outsize"): "input_size, kernel_size, stride, pad",
    (utils, "get_deconv_outsize"): "size, k, s, p",
    (utils, "array_allclose"): "a, b, rtol=0.0001, atol=1e-05",
    (utils, "gradient_check"): "f, x, *args, rtol=0.0001, atol=1e-05, **kwargs",
}


@pytest.mark.parametrize("place, name", SIGNATURES, ids=lambda v: str(v).split(".")[-1])
def test_signatures(place, name):
    def shown(p):
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        plain = p.default is not p.empty and isinstance(p.default, (int, float, str, type(None)))
        return star + p.name + (f"={p.default!r}" if plain else "")

    parameters = inspect.signature(getattr(place, name)).parameters.values()
    assert ", ".join(map(shown, parameters)) == SIGNATURES[place, name]


def stepped(optimizer, steps=3):
    """A parameter after some steps, its gradient being its double."""
    layer = L.Layer()
    layer.p = Parameter(np.array([1.0, -2.0]))
    optimizer.setup(layer)
    for _ in range(steps):
        layer.cleargrads()
        F.sum(layer.p * layer.p).backward()
        optimizer.update()
    return layer.p.data


@pytest.mark.parametrize(
    "ours, theirs, options",
    [
        (optimizers.SGD(0.1), "SGD", {"lr": 0.1}),
        (optimizers.MomentumSGD(0.1, 0.8), "SGD", {"lr": 0.1, "momentum": 0.8}),
        (optimizers.AdaGrad(0.1), "Adagrad", {"lr": 0.1, "eps": 1e-8}),
        (optimizers.AdaDelta(0.9), "Adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
        (optimizers.Adam(0.1), "Adam", {"lr": 0.1}),
    ],
)
def test_optimizers_against_pytorch(ours, theirs, options):
    torch = pytest.importorskip("torch")
    p = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([p], **options)
    for _ in range(3):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert np.allclose(stepped(ours), p.detach().numpy(), rtol=1e-6)


def test_hooks():
    optimizer = optimizers.SGD(0.5)
    optimizer.add_hook(optimizers.WeightDecay(0.5))
    assert np.allclose(stepped(optimizer, 1), [1 - 0.5 * 2.5, -2 + 0.5 * 5])
    optimizer = optimizers.SGD(1.0)
    optimizer.add_hook(optimizers.ClipGrad(1.0))
    moved = stepped(optimizer, 1) - [1.0, -2.0]
    assert np.linalg.norm(moved) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(TypeError, match="expected layers and parameters, got a int"):
        optimizers.FreezeParam(3)


def test_batch_normalization_and_its_averages():
    x = np.random.default_rng(0).standard_normal((4, 3)) * 2 + 1
    layer = L.BatchNorm()
    y = layer(x)
    assert np.allclose(y.data, (x - x.mean(0)) / np.sqrt(x.var(0) + 2e-5))
    assert np.allclose(layer.avg_mean.data, 0.1 * x.mean(0))
    assert np.allclose(layer.avg_var.data, 0.9 + 0.1 * x.var(0, ddof=1))
    with dezero.test_mode():
        y = layer(x)
    expected = (x - layer.avg_mean.data) / np.sqrt(layer.avg_var.data + 2e-5)
    assert np.allclose(y.data, expected)
    with pytest.raises(RuntimeError, match=r"batch_nrom: expected an input \(N, C\)"):
        F.batch_nrom(np.ones(3), x[0], x[0], x[0], x[0])


def test_losses_against_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    scores, targets = torch.tensor(x), torch.tensor(labels)
    cross_entropy = float(torch.nn.functional.cross_entropy(scores, targets))
    for function in (F.softmax_cross_entropy, F.softmax_cross_entropy_simple):
        assert float(function(x, labels)) == pytest.approx(cross_entropy)
    p = torch.sigmoid(scores[:, 0])
    expected = float(torch.nn.functional.binary_cross_entropy(p, targets.double() / 2))
    assert float(F.binary_cross_entropy(p.numpy(), labels / 2)) == pytest.approx(expected)
    assert float(F.sigmoid_cross_entropy(x[:, 0], labels / 2)) == pytest.approx(expected)
    assert repr(F.accuracy(np.eye(3), np.array([0, 1, 1]))).startswith("variable(0.666")


def test_pooling_and_deconvolution_against_pytorch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 8))
    w = np.random.default_rng(1).standard_normal((3, 4, 3, 3))
    expected = torch.nn.functional.conv_transpose2d(
        torch.tensor(x), torch.tensor(w), stride=2, padding=1, output_padding=1
    )
    assert np.allclose(F.deconv2d(x, w, None, 2, 1, (14, 16)).data, expected.numpy())
    expected = torch.nn.functional.max_pool2d(torch.tensor(x), 3, 2)
    assert np.array_equal(F.pooling(x, 3, 2).data, expected.numpy())
    with pytest.raises(RuntimeError, match=r"cannot give \(20, 16\)"):
        F.deconv2d(x, w, None, 2, 1, (20, 16))
    with pytest.raises(RuntimeError, match=r"a kernel of .* does not fit an input"):
        F.pooling(x, 9)


def test_ties_of_the_maximum_each_get_the_gradient():
    x = Variable(np.array([1.0, 3.0, 3.0]))
    F.max(x).backward()
    assert x.grad.data.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("make", [lambda: models.ResNet50(), lambda: models.SqueezeNet()])
def test_known_models(make):
    model = make()
    with dezero.no_grad(), dezero.test_mode():
        y = model(np.zeros((1, 3, 64, 64), np.float32))
    assert (y.shape, y.dtype) == ((1, 1000), np.float32)


def test_the_names_of_vgg16_and_resnets():
    assert list(models.VGG16()._params)[:3] == ["conv1_1", "conv1_2", "conv2_1"]
    assert len(list(models.ResNet152().res4.params())) == 36 * 15 + 5
    with pytest.raises(ValueError, match="n_layers must be 50, 101 or 152, not 18"):
        models.ResNet(18)


def test_sequential_and_weak_references():
    net = models.Sequential(L.Linear(3), F.relu, lambda x: x * 2, L.Linear(1))
    x = Variable(np.ones((2, 4)))
    y = net(x)
    assert len(list(net.params())) == 4
    assert net.inputs[0]() is x and net.outputs[0]() is y
    with pytest.raises(NotImplementedError, match=r"Layer.forward is missing"):
        L.Layer()(x)


def test_weights_that_do_not_fit(tmp_path):
    net = L.Linear(2, in_size=1)
    np.savez(tmp_path / "w.npz", W=np.ones((1, 2)))
    with pytest.raises(RuntimeError, match=r"load_weights: .* has no \['b'\]; it has \['W'\]"):
        net.load_weights(tmp_path / "w.npz")
    with pytest.raises(FileNotFoundError, match="load_weights: there is no file"):
        net.load_weights(tmp_path / "none.npz")


def test_loaders():
    class Numbers(datasets.Dataset):
        def prepare(self):
            self.data, self.label = np.arange(7.0), np.arange(7) * 10

    data = Numbers(transform=lambda x: x + 1, target_transform=lambda t: -t)
    assert data[2] == (3.0, -20)
    loader = dataloaders.DataLoader(data, 3, shuffle=False)
    for _ in range(2):
        assert [x.tolist() for x, _ in loader] == [[1, 2, 3], [4, 5, 6], [7]]
    assert loader.next()[1].tolist() == [0, -10, -20]
    shuffled = dataloaders.DataLoader(data, 7)
    assert sorted(next(shuffled)[0].tolist()) == [1, 2, 3, 4, 5, 6, 7]
    sequence = dataloaders.SeqDataLoader(data, 2)
    assert next(sequence)[0].tolist() == [1.0, 4.0]
    assert next(sequence)[0].tolist() == [2.0, 5.0]
    with pytest.raises(TypeError, match="indexed with one integer, not a ndarray"):
        data[np.array([0, 1])]


def test_mnist_from_its_files(monkeypatch, tmp_path):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    images = np.arange(2 * 784, dtype=np.uint8)
    files = {"train-images-idx3-ubyte.gz": (16, images), "train-labels-idx1-ubyte.gz": (8, [3, 7])}
    for name, (header, body) in files.items():
        content = bytes(header) + np.array(body, np.uint8).tobytes()
        (tmp_path / name).write_bytes(gzip.compress(content))
    data = datasets.MNIST(train=True)
    x, t = data[1]
    assert (len(data), t, x.shape, x.dtype) == (2, 7, (784,), np.float32)
    assert np.allclose(x, images[784:] / 255)
    assert datasets.MNIST(transform=None).data.shape == (2, 1, 28, 28)


def test_cifar10_from_its_archive(monkeypatch, tmp_path):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        body = bytes([9]) + bytes(3072)
        info = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    x, t = datasets.CIFAR10(train=False)[0]
    assert (t, x.shape, float(x.min())) == (9, (3, 32, 32), -1.0)


def test_shakespear_from_its_file(monkeypatch, tmp_path):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path))
    (tmp_path / "shakespear.txt").write_text("abca")
    data = datasets.Shakespear()
    assert (data.data.tolist(), data.label.tolist()) == ([0, 1, 2], [1, 2, 0])
    assert data.id_to_char[2] == "c"


def test_a_download_is_kept_or_leaves_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(utils, "cache_dir", str(tmp_path / "cache"))
    source = tmp_path / "a.txt"
    source.write_text("text")
    path = utils.get_file(source.as_uri())
    source.unlink()
    assert utils.get_file(source.as_uri()) == path
    assert "Downloading: a.txt" in capsys.readouterr().out
    with pytest.raises(OSError):
        utils.get_file((tmp_path / "b.txt").as_uri())
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["a.txt"]


def test_transforms_of_pictures():
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    chain = transforms.Compose(
        [
            transforms.Convert("BGR"),
            transforms.Resize((8, 6)),
            transforms.CenterCrop(4),
            transforms.ToArray(),
            transforms.Normalize([0, 0, 0], [2, 2, 2]),
        ]
    )
    assert (chain(image).shape, chain(image).dtype) == ((3, 4, 4), np.float32)
    back = transforms.ToPIL()(transforms.ToArray()(image))
    assert np.array_equal(np.asarray(back), np.asarray(image))
    assert transforms.Convert("BGR")(image).getpixel((0, 0)) == (2, 1, 0)
    assert transforms.ToInt()(np.array([1.7])).tolist() == [1]
    assert models.VGG16.preprocess(image).shape == (3, 224, 224)


def test_utilities(tmp_path, monkeypatch):
    x = np.arange(6.0).reshape(2, 3)
    assert np.allclose(utils.logsumexp(x), np.log(np.exp(x).sum(1, keepdims=True)))
    assert utils.sum_to(x, (1, 3)).tolist() == [[3.0, 5.0, 7.0]]
    assert utils.reshape_sum_backward(Variable(np.ones(2)), (2, 3), 1, False).shape == (2, 1)
    assert utils.max_backward_shape(x, 1) == [2, 1]
    assert (utils.pair(3), utils.pair((1, 2))) == ((3, 3), (1, 2))
    assert utils.array_equal(Variable(x), x)
    with pytest.raises(RuntimeError, match="expected an int or a tuple of two ints"):
        utils.pair([1, 2])
    y = F.sin(Variable(x))
    utils.plot_dot_graph(y, to_file=str(tmp_path / "g.dot"))
    assert (tmp_path / "g.dot").read_text() == utils.get_dot_graph(y)
    models.Sequential(F.sin).plot(x, to_file=str(tmp_path / "m.dot"))
    assert '[label="Sin"' in (tmp_path / "m.dot").read_text()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingPackageError, match="plot_dot_graph needs the program `dot`"):
        utils.plot_dot_graph(y, to_file=str(tmp_path / "g.png"))


@pytest.mark.skipif(cuda.gpu_enable, reason="speaks of a machine without CuPy")
def test_the_switch_without_cupy():
    x = Variable(np.ones(2))
    assert cuda.get_array_module(x) is np
    assert cuda.as_numpy(x) is x.data
    assert cuda.as_numpy(3.0).shape == ()
    x.to_cpu()
    with pytest.raises(ImportError, match="CuPy cannot be loaded"):
        x.to_gpu()
