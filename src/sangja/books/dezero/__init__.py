"""DeZero, the framework of *Deep Learning from Scratch 3* (Saito, 2020), on sangja's engine.

    import sys, sangja.books.dezero
    sys.modules["dezero"] = sangja.books.dezero

lets the book's steps 23 to 60 run as they are printed, with `import dezero.functions as F`, `from
dezero import Model, optimizers` and so on. `core_simple` is the core up to step 31, whose gradients
are arrays.
"""

from sangja.books.dezero import (
    core,
    core_simple,
    cuda,
    dataloaders,
    datasets,
    functions,
    functions_conv,
    layers,
    models,
    optimizers,
    transforms,
    utils,
)
from sangja.books.dezero.alias import answer_to_aliases
from sangja.books.dezero.core import (
    Config,
    Function,
    Operation,
    Parameter,
    Variable,
    as_array,
    as_variable,
    no_grad,
    setup_variable,
    test_mode,
    using_config,
)
from sangja.books.dezero.dataloaders import DataLoader, SeqDataLoader
from sangja.books.dezero.datasets import Dataset
from sangja.books.dezero.first_steps import Exp, Square, exp, numerical_diff, square
from sangja.books.dezero.functions_tensor import setup_methods
from sangja.books.dezero.layers import Layer
from sangja.books.dezero.models import Model

answer_to_aliases(__name__)
setup_variable()
setup_methods()
is_simple_core = False
__version__ = "0.0.13"
