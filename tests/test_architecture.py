"""The house of six ranks: imports go down only, siblings do not know each other, and nothing
hides."""

import ast
import graphlib
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "sangja"
RANKS = [
    {"core"},
    {"backend"},
    {"engine"},
    {"ops"},
    {"compile", "nn", "optim", "data", "io", "func", "distributions"},
    {"train", "viz", "books", "distributed", "cli"},
]
RANK = {room: rank for rank, rooms in enumerate(RANKS) for room in rooms}
TOP = len(RANKS)  # `sangja/__init__.py` and the torch-shaped aliases beside it
# The faces of rank 5 that may use another room of rank 5.
FACES = {("cli", "train")}
# Modules that are loaded where they are first used: together they took 30 of 120 ms.
SLOW = {
    *("concurrent.futures", "hashlib", "importlib.resources", "json", "logging", "numpy.random"),
    *("pathlib", "random", "secrets", "tempfile", "zipfile"),
}
MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = ("sangja", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else ""


def rank_of(module: str) -> int:
    return RANK.get(room_of(module), TOP)


def imports(path: Path, nodes=None):
    """(line, module) for every import of our own package in a file."""
    for node in ast.walk(ast.parse(path.read_text())) if nodes is None else nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "sangja":
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative import"
            if node.module and node.module.split(".")[0] == "sangja":
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield node.lineno, full if full in NAMES else node.module


def runtime_imports(path: Path):
    """The imports that run: those under `if TYPE_CHECKING` are for the type checker alone."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    return imports(path, [n for n in ast.walk(tree) if id(n) not in hidden])


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_down_only(path: Path):
    module = name_of(path)
    for line, other in imports(path):
        here, there = room_of(module), room_of(other)
        if rank_of(module) == TOP or here == there or (here, there) in FACES:
            continue
        assert rank_of(other) < rank_of(module), f"{path}:{line} imports {other} from {module}"


def test_there_is_no_cycle():
    graph = {name: {m for _, m in runtime_imports(p) if m != name} for name, p in NAMES.items()}
    for name, path in NAMES.items():
        if path.name == "__init__.py":  # a package's face may be imported by its own rooms' users
            graph[name] = {m for m in graph[name] if m != name}
    tuple(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_our_own_package_is_imported_at_the_top_only(path: Path):
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found = list(imports(path, ast.walk(function)))
            assert not found, f"{path}:{found[0][0]} imports {found[0][1]} inside a function"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_can_execute_a_file(path: Path):
    """No pickle, marshal, eval or exec anywhere, and no shell."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {a.name.split(".")[0] for a in node.names} | {
                (getattr(node, "module", "") or "").split(".")[0]
            }
            assert not names & {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, f"{path}:{node.lineno}"
            for keyword in node.keywords:
                assert not (keyword.arg == "shell" and ast.unparse(keyword.value) == "True")
                assert not (keyword.arg == "allow_pickle" and ast.unparse(keyword.value) == "True")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_a_room_with_one_subject(path: Path):
    """Under 600 lines, where it is more than a list of re-exports; functions under 71 without their
    docstring."""
    text = path.read_text()
    assert path.name == "__init__.py" or text.count("\n") <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = ast.get_docstring(node, clean=False)
            length = node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
            assert length <= 70, f"{path}:{node.lineno} {node.name}: {length} lines"


def test_import_touches_only_numpy_and_the_standard_library():
    """`import sangja` loads no optional package, no LLVM, no progress bars, no command line; nor
    what takes the standard library and NumPy milliseconds and an import does not need."""
    import subprocess

    code = (
        "import sys, numpy; before = set(sys.modules); import sangja; "
        "print(*set(sys.modules) - before)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    packages = {name.split(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert packages <= {"sangja", "numpy", "_distutils_hack"}
    assert SLOW.isdisjoint(found)
