"""The page on compatibility says what its data say, and its data say what is there."""

import importlib.util
import json

import pytest

from tests.pages import ROOT

PATH = ROOT / "tools" / "compatibility.py"
NAMES = json.loads((ROOT / "src" / "sangja" / "cli" / "torch_names.json").read_text("utf-8"))


def load():
    spec = importlib.util.spec_from_file_location("compatibility", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compatibility = load()


def test_the_page_is_made_of_its_data():
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    assert page == compatibility.text(), "run python tools/compatibility.py"


@pytest.mark.parametrize("path", NAMES)
def test_no_name_is_claimed_that_is_not_there(path):
    known = compatibility.read("missing")[path]
    assert known["here"] + len(known["missing"]) == len(NAMES[path])
    space = compatibility.located(path)
    assert set(known["missing"]) <= set(NAMES[path])
    assert [n for n in NAMES[path] if n not in known["missing"] and not hasattr(space, n)] == []


@pytest.mark.parametrize("path", NAMES)
def test_the_nearest_names_are_there(path):
    for name, nearest in compatibility.read("missing")[path]["missing"].items():
        if nearest:
            parent, _, last = f"torch.{nearest}".rpartition(".")
            assert hasattr(compatibility.located(parent), last), (name, nearest)


def test_every_difference_has_its_reason_and_every_reason_its_difference():
    reasons = compatibility.read("reasons")
    differing = {
        name
        for tier in compatibility.read("operators").values()
        for name, failed in tier["failing"].items()
        if "missing" not in failed
    }
    assert set(reasons) == differing
    assert all(reason.endswith(".") for reason in reasons.values())


def test_a_report_is_condensed_to_what_differs():
    counts = {kind: [2, 2] for kind in compatibility.KINDS}
    wrong = {**counts, "edge": [1, 4]}
    report = {
        "meta": {"torch": "2.13.0+cpu"},
        "totals": {"ops_ok": 1, "ops": 3, "checks_ok": 5, "checks": 9, "counts": counts},
        "ops": {
            "right": {"dtypes": {"float32": {"counts": counts, "categories": {}}}},
            "wrong": {
                "dtypes": {
                    "float32": {"counts": wrong, "categories": {"edge_wrong_value": 3}},
                    "float64": {"counts": wrong, "categories": {"edge_wrong_value": 3}},
                }
            },
            "absent": {"dtypes": {"float32": {"counts": wrong, "categories": {"missing": 1}}}},
        },
    }
    found = compatibility.condensed(report)
    assert found["failing"] == {"wrong": {"edge": [6, 8]}, "absent": {"missing": True}}
    assert found["torch"] == "2.13.0" and found["ops"] == [1, 3] and found["checks"] == [5, 9]


def test_pytorchs_names_are_those_of_the_version_measured():
    torch = pytest.importorskip("torch")
    for path, names in NAMES.items():
        space = torch
        for part in path.split(".")[1:]:
            space = getattr(space, part, None) or importlib.import_module(path)
        assert [n for n in names if not hasattr(space, n)] == []


def test_the_databases_have_as_many_entries_as_the_page_says():
    modules = pytest.importorskip("torch.testing._internal.common_modules")
    optimizers = pytest.importorskip("torch.testing._internal.common_optimizers")
    known = compatibility.read("databases")
    for name, entries in (
        ("module_db", {info.module_cls.__name__ for info in modules.module_db}),
        ("optim_db", {info.optim_cls.__name__ for info in optimizers.optim_db}),
    ):
        assert known[name]["entries"] == len(entries)
        assert set(known[name]["missing"]) <= entries
        assert known[name]["checked"] == len(entries) - len(known[name]["missing"])
