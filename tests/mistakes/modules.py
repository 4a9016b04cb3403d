"""Mistakes with modules: making, naming, loading."""

from tests.mistakes.mistake import Mistake


def forward_missing(t):
    class Net(t.nn.Module):
        pass

    Net()(t.zeros(2))


def before_super(t):
    class Net(t.nn.Module):
        def __init__(self):
            self.fc = t.nn.Linear(2, 2)
            super().__init__()

    Net()


def forgot_super_call(t):
    class Net(t.nn.Module):
        def __init__(self):
            pass

        def forward(self, x):
            return x

    Net().parameters().__next__()


def name_exists(t):
    m = t.nn.Linear(2, 2)
    m.register_buffer("weight", t.zeros(2))


def tensor_as_param(t):
    m = t.nn.Linear(2, 2)
    m.weight = t.zeros(2, 2)


def hook_wrong(t):
    m = t.nn.Linear(2, 2)
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    m(t.zeros(2, 2))


MISTAKES = [
    Mistake(
        "load_missing",
        lambda t: t.nn.Linear(2, 2).load_state_dict({"weight": t.zeros(2, 2)}),
        RuntimeError,
        ('Error(s) in loading state_dict for Linear:\n\tMissing key(s) in state_dict: "bias". '),
    ),
    Mistake(
        "load_unexpected",
        lambda t: t.nn.Linear(2, 2).load_state_dict(
            {"weight": t.zeros(2, 2), "bias": t.zeros(2), "module.x": t.zeros(1)}
        ),
        RuntimeError,
        (
            "Error(s) in loading state_dict for Linear:\n\tUnexpected key(s) in state_dict: "
            '"module.x". \n\tThe keys begin with "module.", as those of a model in '
            'DataParallel: load {key.removeprefix("module."): value for key, value in '
            "state.items()}."
        ),
    ),
    Mistake(
        "load_size",
        lambda t: t.nn.Linear(2, 2).load_state_dict({"weight": t.zeros(2, 3), "bias": t.zeros(2)}),
        RuntimeError,
        (
            "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a "
            "param with shape sangja.Size([2, 3]) from checkpoint, the shape in current model "
            "is sangja.Size([2, 2])."
        ),
    ),
    Mistake(
        "load_path",
        lambda t: t.nn.Linear(2, 2).load_state_dict("model.pt"),
        TypeError,
        "Expected state_dict to be dict-like, got <class 'str'>.",
    ),
    Mistake(
        "forward_missing",
        forward_missing,
        NotImplementedError,
        (
            'Module [Net] is missing the required "forward" function: define forward(self, '
            "...) in the class, or call the modules inside one by one; in module Net()"
        ),
    ),
    Mistake(
        "before_super",
        before_super,
        AttributeError,
        (
            "cannot assign module before Module.__init__() call: call super().__init__() first "
            "in Net.__init__"
        ),
    ),
    Mistake(
        "forgot_super_call",
        forgot_super_call,
        AttributeError,
        (
            "'Net' object has no attribute '_parameters': call super().__init__() first in "
            "Net.__init__"
        ),
    ),
    Mistake(
        "name_dot",
        lambda t: t.nn.Module().add_module("a.b", t.nn.ReLU()),
        KeyError,
        'module name can\'t contain ".", got: a.b; dots part the names of a path',
    ),
    Mistake(
        "param_name_dot",
        lambda t: t.nn.Module().register_parameter("a.b", t.nn.Parameter(t.zeros(2))),
        KeyError,
        'parameter name can\'t contain ".", got: a.b; dots part the names of a path',
    ),
    Mistake(
        "name_exists",
        name_exists,
        KeyError,
        "attribute 'weight' already exists in Linear; choose another name",
    ),
    Mistake(
        "missing_attribute",
        lambda t: t.nn.Linear(2, 2).wieght,
        AttributeError,
        "'Linear' object has no attribute 'wieght'",
    ),
    Mistake(
        "tensor_as_param",
        tensor_as_param,
        TypeError,
        (
            "cannot assign 'sangja.FloatTensor' as parameter 'weight' (sangja.nn.Parameter or "
            "None expected); wrap it in nn.Parameter(...)"
        ),
    ),
    Mistake(
        "sequential_list",
        lambda t: t.nn.Sequential([t.nn.Linear(2, 2)]),
        TypeError,
        (
            "list is not a Module subclass; give the modules one by one, as in "
            "nn.Sequential(*modules), or use nn.ModuleList"
        ),
    ),
    Mistake(
        "modulelist_call",
        lambda t: t.nn.ModuleList([t.nn.Linear(2, 2)])(t.zeros(2, 2)),
        NotImplementedError,
        (
            'Module [ModuleList] is missing the required "forward" function: define '
            "forward(self, ...) in the class, or call the modules inside one by one; in module "
            "ModuleList()"
        ),
    ),
    Mistake(
        "sequential_class",
        lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.ReLU),
        TypeError,
        (
            "sangja.nn.activation.ReLU is not a Module subclass but a class: make a module of "
            "it, ReLU()"
        ),
    ),
    Mistake(
        "hook_wrong",
        hook_wrong,
        RuntimeError,
        (
            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
            "3.; in module Linear(in_features=2, out_features=2, bias=True)"
        ),
    ),
]
