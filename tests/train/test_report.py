"""The report of a training run: its structure, its numbers, and that nothing can break into it."""

from __future__ import annotations

import base64
import io
import math
import re
import string
from html.parser import HTMLParser
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from sklearn import metrics

from sangja.core.errors import ArgumentError
from sangja.train.report import LayerRow, RunReport, WrongImage, render_report
from sangja.train.report.axes import linear_axis, log_axis
from sangja.train.report.numbers import duration, number, percent, setting
from sangja.train.report.png import as_pixels, encode_png
from sangja.train.report.scores import accuracy, class_scores, regression_scores
from sangja.train.report.words import KNOWN, TEXTS, Words

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "]]></title></style><b>",
    "line\u2028separator &amp; &lt;",
    "<!-- --><![CDATA[ x ]]>",
    "javascript:alert(1)//{0}%s",
    "오른쪽\u202eleft\u200b👩‍👩‍👧 name",
]
VOID = {"meta", "img"}


class Page(HTMLParser):
    """A page taken apart: its elements in order, their attributes, and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.other: list[str] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {[name for name, _ in self._open]}"

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute is given twice: {tag} {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, []))

    def handle_endtag(self, tag):
        name, text = self._open.pop()
        assert name == tag
        self.texts.append((tag, "".join(text)))
        if self._open:
            self._open[-1][1].extend(text)

    def handle_data(self, data):
        if self._open:
            self._open[-1][1].append(data)

    def handle_comment(self, data):
        self.other.append(data)

    def unknown_decl(self, data):
        self.other.append(data)

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    def all(self, tag: str, class_: str | None = None) -> list[dict[str, str | None]]:
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and (class_ is None or class_ in (attributes.get("class") or "").split())
        ]

    def values(self) -> list[float]:
        """Every exact number of the page, in order."""
        return [float(attributes["value"]) for attributes in self.all("data")]


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": e,
            "train_loss": 2.0 / e + 0.01,
            "valid_loss": 2.0 / e + 0.1 + 0.001 * e,
            "train_metric": 1 - 0.8 / e,
            "valid_metric": 1 - 0.9 / e,
            "lr": 0.01 * 0.9**e,
            "seconds": 0.25 + e / 1000,
        }
        for e in range(1, epochs + 1)
    ]


def classification(names=("cat", "dog", "owl"), **changes) -> RunReport:
    k = len(names)
    confusion = np.diag(np.arange(10, 10 + k)) + np.eye(k, k=1, dtype=int) * 3
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    fields = {
        "title": "pets",
        "task": "classification",
        "created": "2026-11-21",
        "history": history(12),
        "best_epoch": 7,
        "early_stop": "Stopped early.",
        "test": {"accuracy": 0.8125, "loss": 0.4321},
        "class_names": names,
        "confusion": confusion,
        "wrong_images": [WrongImage(image, names[0], names[-1], 0.625)],
        "layers": [LayerRow("0 Linear", (32, 16), 1040), LayerRow("1 ReLU", (32, 16), 0)],
        "splits": {"train": 700, "valid": 100, "test": 200},
        "data_lines": ["A thousand pictures."],
        "settings": {"epochs": 12, "batch_size": 32, "lr": 0.001, "seed": 0},
        "seconds": {"forward": 1.5, "backward": 2.5},
        "machine": {"cpu": "Some CPU", "cores": 2, "python": "3.12.4"},
    }
    return RunReport(**{**fields, **changes})


def regression(true, predicted, **changes) -> RunReport:
    fields = {"title": "prices", "task": "regression", "history": history(5), "metric": "mae"}
    return RunReport(**{**fields, "true": true, "predicted": predicted, **changes})


def pages() -> dict[str, RunReport]:
    """Runs of every kind a report must stand."""
    rng = np.random.default_rng(0)
    true = rng.normal(50, 10, 300)
    broken = history(30)
    broken[3]["train_loss"] = math.nan
    broken[4]["valid_loss"] = math.inf
    broken[9]["valid_metric"] = -math.inf
    lost = [{**row, "train_loss": math.nan, "valid_loss": math.inf} for row in history(3)]
    huge = [{**row, "valid_loss": 10.0 ** (20 * i)} for i, row in enumerate(history(15))]
    names = [f"a rather long name of the class number {i} " * 3 for i in range(40)]
    return {
        "classes": classification(),
        "one epoch": classification(history=history(1), best_epoch=1),
        "500 epochs": classification(history=history(500), best_epoch=499),
        "5000 epochs": classification(history=history(5000), best_epoch=None),
        "not finite": classification(history=broken),
        "nothing finite": classification(history=lost, best_epoch=2),
        "huge losses": classification(history=huge),
        "no epochs": classification(history=[], best_epoch=None),
        "40 classes": classification(names),
        "61 classes": classification([f"c{i}" for i in range(61)]),
        "one class": classification(["only"], wrong_images=[], confusion=np.array([[4]])),
        "no test rows": classification(confusion=np.zeros((3, 3), int), wrong_images=[]),
        "values": regression(true, true + rng.normal(0, 3, 300)),
        "one value": regression(np.array([3.0]), np.array([3.0])),
        "constant": regression(np.full(9, 2.0), np.full(9, 2.0)),
        "huge values": regression(true * 1e306, -true * 1e306),
        "tiny values": regression(true * 1e-310, true * 1e-309),
        "values not finite": regression(np.array([1, np.nan, 3.0]), np.array([1, 2, np.inf])),
        "no values": regression(np.zeros(0), np.zeros(0)),
        "empty": RunReport(title="", task="regression"),
    }


@pytest.fixture(scope="module", params=["en", "ko"])
def rendered(request) -> dict[str, str]:
    return {name: render_report(run, request.param) for name, run in pages().items()}


# --- the page -----------------------------------------------------------------------------------


def test_every_page_is_closed_off(rendered):
    for text in rendered.values():
        assert text.startswith("<!doctype html>\n<html lang=")
        page = Page(text)
        names = {name for name, _ in page.elements}
        assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
        policy = [m for m in page.all("meta") if m.get("http-equiv")]
        assert policy == [
            {
                "http-equiv": "Content-Security-Policy",
                "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
            }
        ]
        for name, attributes in page.elements:
            assert not [key for key in attributes if key.startswith("on")]
            assert (attributes.get("src") or "data:image/png;base64,").startswith("data:image/png")
            assert (attributes.get("href") or "#").startswith("#"), name
        assert not re.search(r"url\(|@import|expression\(", page.of("style")[0])
        assert page.other == []


def test_ids_are_unique_and_all_references_resolve(rendered):
    for text in rendered.values():
        page = Page(text)
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in page.elements:
            named = (attributes.get("aria-labelledby") or "").split()
            linked = [attributes["href"][1:]] if attributes.get("href") else []
            assert set(named + linked) <= set(ids)


def test_tables_have_headers_and_pictures_have_words(rendered):
    for text in rendered.values():
        page = Page(text)
        tables = len(page.all("table"))
        assert len(page.of("caption")) == tables
        assert all(cell.get("scope") in ("col", "row", "colgroup") for cell in page.all("th"))
        assert all(image["alt"] for image in page.all("img"))
        assert len(page.all("h1")) == 1
        for svg in page.all("svg"):
            assert svg.get("aria-hidden") == "true" or (
                svg["role"] == "img" and svg["aria-labelledby"]
            )


def test_charts_are_well_formed_and_stay_inside_their_frame(rendered):
    drawn = 0
    for name, text in rendered.items():
        for source in re.findall(r"<svg class=\"chart\".*?</svg>", text, re.DOTALL):
            drawn += 1
            svg = ElementTree.fromstring(source)
            _, _, width, height = map(float, svg.attrib["viewBox"].split())
            assert [child.tag for child in svg[:2]] == ["title", "desc"]
            assert all(child.text for child in svg[:2])
            for node in svg.iter():
                for key, across in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                    if key in node.attrib:
                        assert 0 <= float(node.attrib[key]) <= across, (name, node.attrib)
                for key in ("width", "height"):
                    assert float(node.attrib.get(key, 0)) >= 0
                for pair in re.findall(r"[ML]([^ MLlm]+) ([^ MLlm]+)", node.attrib.get("d", "")):
                    assert 0 <= float(pair[0]) <= width
                    assert 0 <= float(pair[1]) <= height
    assert drawn >= 40


VALUES = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(history(1)[0], VALUES)), max_size=6)
)
@settings(max_examples=40, deadline=None)
def test_any_history_can_be_drawn(rows):
    rows = [{**row, "epoch": None} for row in rows]
    text = render_report(RunReport(title="", task="regression", history=rows, best_epoch=2))
    for source in re.findall(r"<svg class=\"chart\".*?</svg>", text, re.DOTALL):
        for node in ElementTree.fromstring(source).iter():
            drawn = [node.attrib.get(key, "") for key in ("x", "y", "cx", "cy", "d", "height")]
            assert not re.search("nan|inf|e", "".join(drawn))
    Page(text)


def test_no_page_is_larger_than_a_mail_can_carry(rendered):
    assert max(len(text.encode()) for text in rendered.values()) < 4_000_000


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_and_nothing_else(name, lang):
    def run(word: str) -> RunReport:
        return classification(
            [word, word + "2"],
            title=word,
            lede=word,
            created=word,
            metric=word,
            early_stop=word,
            history=[{**history(1)[0], word: 1.0}],
            best_epoch=1,
            test={word: 0.5},
            layers=[LayerRow(word, word, 3)],
            splits={word: 3},
            data_lines=[word],
            settings={word: word},
            seconds={word: 1.0},
            machine={word: word},
        )

    plain = Page(render_report(run("n" * len(name)), lang))
    hostile = Page(render_report(run(name), lang))

    # The same elements with the same attributes in the same order: a name adds nothing.
    def skeleton(page: Page) -> list[tuple[str, list[str]]]:
        return [(tag, list(attributes)) for tag, attributes in page.elements]

    assert skeleton(hostile) == skeleton(plain)
    assert hostile.other == []
    for tag in ("h1", "th", "td", "dt", "dd", "li", "b", "span", "p"):
        assert name in hostile.of(tag), tag
    assert any(name in image["alt"] for image in hostile.all("img"))
    assert any(name in (cell.get("title") or "") for cell in hostile.all("td"))
    assert sum(name in text for text in hostile.of("desc")) == 1


@given(st.text(st.characters(codec=None), max_size=30))
@settings(max_examples=30, deadline=None)
def test_any_title_survives(title):
    text = render_report(RunReport(title=title, task="regression"))
    text.encode("utf-8")
    shown = Page(text).of("h1")[0]
    assert len(shown) == len(title)
    kept = [(a, b) for a, b in zip(title, shown, strict=True) if a.isprintable() or a in "\t\n"]
    assert all(a == b for a, b in kept)


def test_what_markup_cannot_hold_is_made_visible():
    shown = Page(render_report(RunReport(title="a\0b\rc\ud800d\uffffe", task="regression")))
    assert shown.of("h1") == ["a␀b␍c�d�e"]


# --- numbers ------------------------------------------------------------------------------------


def test_the_history_is_in_the_table_to_the_last_digit():
    rows = history(12)
    rows[2]["grad_norm"] = 3.25
    page = Page(render_report(classification(history=rows)))
    given_numbers = [float(value) for row in rows for value in row.values()]
    assert set(given_numbers) <= set(page.values())
    assert "grad_norm" in page.of("th")
    assert [text for text in page.of("th") if text.endswith("best")] == ["7 best"]


def test_what_was_given_is_what_is_shown():
    run = classification()
    page = Page(render_report(run))
    assert {"Test accuracy", "Test loss", "Best epoch", "Parameters"} <= set(page.of("dt"))
    values = page.of("dd")
    for shown in ("81.2%", "0.4321", "7", "of 12", "1,040", "in 2 layers", "0.001", "Some CPU"):
        assert shown in values, shown
    assert "700 70.0%" in values
    assert "1,000" in values
    assert [t for t in page.of("td") if "×" in t] == ["32 × 16", "32 × 16"]
    total, right = int(run.confusion.sum()), int(np.trace(run.confusion))
    assert f"Of {total} test rows, {right} got the right class: 84.6%." in page.of("p")
    seconds = math.fsum(row["seconds"] for row in run.history)
    assert seconds in page.values()
    assert "Stopped early." in page.of("p")


def test_a_shared_parameter_count_is_shown_as_given():
    page = Page(render_report(classification(parameters=777)))
    assert page.of("tr").count("Total777") == 1


def test_the_confusion_matrix_shows_each_count_and_its_share_of_the_row():
    rng = np.random.default_rng(1)
    confusion = rng.integers(0, 9, (4, 4))
    names = ["north", "south", "east", "west"]
    page = Page(render_report(classification(names, confusion=confusion)))
    cells = [cell for cell in page.all("td") if "true:" in (cell.get("title") or "")]
    assert len(cells) == 16
    for k, cell in enumerate(cells):
        i, j = divmod(k, 4)
        count, row = confusion[i, j], confusion[i].sum()
        assert cell["title"] == (
            f"true: {names[i]} · predicted: {names[j]} · {count} of {row} ({percent(count / row)})"
        )
        assert cell["class"] == ("none" if count == 0 else "hit" if i == j else "miss")
    rows = [text for text in page.of("tr") if text.startswith(tuple(names))][:4]
    assert rows == [names[i] + "".join(map(str, confusion[i])) for i in range(4)]


def test_the_largest_confusions_are_listed_first():
    names = [f"c{i:02d}" for i in range(61)]
    confusion = np.diag(np.full(61, 100))
    confusion[3, 5], confusion[60, 0] = 50, 25
    page = Page(render_report(classification(names, confusion=confusion)))
    rows = page.of("tr")
    assert rows.index("c03c055033.3%") + 1 == rows.index("c60c002520.0%")
    assert not page.all("table", "confusion")


def test_scores_per_class_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    true, said = rng.integers(0, 5, 200), rng.integers(0, 6, 200)  # class 5 is never true
    true[true == 4] = 3  # class 4 is never true, but said
    said[said == 2] = 1  # class 2 is never said
    confusion = metrics.confusion_matrix(true, said, labels=range(7))  # class 6 is neither
    scores = class_scores(confusion)
    expected = metrics.precision_recall_fscore_support(
        true, said, labels=range(7), zero_division=np.nan
    )
    for ours, theirs in zip(
        (scores.precision, scores.recall, scores.f1, scores.support), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    assert accuracy(confusion) == pytest.approx(metrics.accuracy_score(true, said), rel=1e-14)

    names = [f"k{i}" for i in range(7)]
    page = Page(render_report(classification(names, confusion=confusion)))
    rows = [text for text in page.of("tr") if re.match(r"k\d.*(\.\d{3}|–)", text)]
    for i, row in enumerate(rows):
        shown = "".join("–" if math.isnan(e[i]) else f"{e[i]:.3f}" for e in expected[:3])
        assert row == f"k{i}{shown}{expected[3][i]}"
    macro = metrics.f1_score(true, said, labels=range(7), average="macro", zero_division=np.nan)
    assert any(value == pytest.approx(macro, rel=1e-14) for value in page.values())


def test_accuracy_without_rows_is_undefined():
    assert math.isnan(accuracy(np.zeros((2, 2))))


def test_regression_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    true = rng.normal(1e3, 25, 400)
    said = true + rng.normal(1, 9, 400)
    scores = regression_scores(true, said)
    expected = (
        metrics.r2_score(true, said),
        metrics.mean_absolute_error(true, said),
        metrics.root_mean_squared_error(true, said),
    )
    assert (scores.r2, scores.mae, scores.rmse) == pytest.approx(expected, rel=1e-12)
    page = Page(render_report(regression(true, said)))
    shown = page.of("dd")
    for value in expected:
        assert number(value) in shown
        assert any(value == pytest.approx(v, rel=1e-12) for v in page.values())
    assert len(page.all("circle", "point")) == 400
    counts = [int(t.rpartition(": ")[2]) for t in page.of("title") if re.search(r" to .*: \d", t)]
    assert sum(counts) == 400


def test_regression_scores_do_not_overflow():
    scores = regression_scores(np.array([1e300, 2e300]), np.array([1e300, 3e300]))
    assert scores.mae == pytest.approx(5e299)
    assert scores.rmse == pytest.approx(1e300 / math.sqrt(2))
    assert scores.r2 == pytest.approx(-1.0)


def test_rows_that_are_not_finite_are_counted_not_hidden():
    run = regression(np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.5, 2.0, np.inf, 4.0]))
    page = Page(render_report(run))
    assert "2 rows with a value that is not finite are left out." in page.of("p")
    assert len(page.all("circle", "point")) == 2


def test_a_large_scatter_says_how_much_of_it_is_drawn():
    values = np.arange(100_000.0)
    page = Page(render_report(regression(values, values)))
    assert "1,500 of 100,000 points are drawn." in page.of("p")
    assert len(page.all("circle", "point")) == 1500


@given(st.floats(-1e308, 1e308))
def test_a_shown_number_is_the_number_to_four_digits(value):
    exponents = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    text = number(value).replace(",", "").replace("−", "-")
    mantissa, _, exponent = text.partition("×10")
    parsed = float(f"{mantissa}e{exponent.translate(exponents)}" if exponent else mantissa)
    assert parsed == pytest.approx(value, rel=5.1e-4, abs=1e-320)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-3, "−3"),
        (1234567, "1,234,567"),
        (10**400, "1.000×10⁴⁰⁰"),
        (np.float32(0.5), "0.5000"),
        (9.99996, "10.00"),
        (-math.inf, "−∞"),
        (None, "–"),
    ],
)
def test_number(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0%"), (1, "100%"), (0.99999, "99.9%"), (0.00001, "<0.1%"), (0.5, "50.0%")],
)
def test_percent_never_rounds_to_perfect(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0.0451, "45.1 ms", "45.1밀리초"),
        (0.9999, "1.0 s", "1.0초"),
        (59.96, "1 min 00 s", "1분 00초"),
        (3725, "1 h 02 min", "1시간 02분"),
    ],
)
def test_duration(seconds, english, korean):
    assert duration(seconds, Words("en")) == english
    assert duration(seconds, Words("ko")) == korean


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.001, "0.001"),
        (1e-4, "0.0001"),
        (-3e-7, "−3×10⁻⁷"),
        (math.nan, "NaN"),
        (2026, "2026"),
        (123456, "123,456"),
        (True, "True"),
        (None, "None"),
    ],
)
def test_settings_stay_as_they_were_given(value, shown):
    assert setting(value) == shown


# --- charts -------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e280, 1e280), min_size=1, max_size=5))
def test_ticks_are_round_evenly_spaced_and_cover_the_values(values):
    axis = linear_axis(values)
    assert 2 <= len(axis.ticks) <= 9
    assert len(set(axis.labels)) == len(axis.labels)
    steps = np.diff(axis.ticks)
    step = steps[0]
    np.testing.assert_allclose(steps, step, rtol=1e-6)
    mantissa = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-5
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= min(values) <= max(values) <= axis.high + slack
    assert axis.at(axis.low) == 0
    assert axis.at(axis.high) == 1


@given(st.lists(st.floats(1e-150, 1e150), min_size=2, max_size=5))
def test_ticks_of_a_logarithmic_axis_cover_the_values(values):
    axis = log_axis([*values, 200 * max(values)])
    assert 2 <= len(axis.ticks) <= 11
    assert axis.low <= min(values) * 1.001
    assert axis.high >= 200 * max(values) * 0.999
    assert axis.at(math.sqrt(axis.low) * math.sqrt(axis.high)) == pytest.approx(0.5)


def test_a_loss_over_many_decades_is_drawn_on_a_logarithmic_axis():
    rows = [{"train_loss": 10.0 ** (-i)} for i in range(6)]
    assert "Loss, log scale" in render_report(classification(history=rows, best_epoch=None))
    rows[2]["train_loss"] = -1.0
    assert "log scale" not in render_report(classification(history=rows, best_epoch=None))


def chart(run: RunReport, name: str) -> ElementTree.Element:
    for source in re.findall(r"<svg class=\"chart\".*?</svg>", render_report(run), re.DOTALL):
        if f"chart-{name}-title" in source:
            return ElementTree.fromstring(source)
    raise AssertionError(f"there is no chart {name}")


def test_a_curve_breaks_where_a_value_is_lost_and_says_so():
    rows = history(10)
    rows[4]["train_loss"] = math.nan
    rows[7]["train_loss"] = math.inf
    run = classification(history=rows)
    group = next(g for g in chart(run, "loss").iter("g") if g.attrib.get("class") == "train")
    paths = {p.attrib["class"]: p.attrib["d"] for p in group.iter("path")}
    assert paths["line"].count("M") == 3
    assert len(re.findall("l6 6m-6 0l6-6", paths["lost"])) == 2
    assert len(list(group.iter("rect"))) == 8
    assert "Not finite at epoch 5, 8 (marked × at the top edge)." in Page(render_report(run)).of(
        "p"
    )


def test_the_best_epoch_is_marked_on_the_validation_curve():
    svg = chart(classification(), "loss")
    labels = [t for t in svg.iter("text") if "best" in t.attrib["class"]]
    assert [t.text for t in labels] == ["best: 7"]
    (dot,) = (c for c in svg.iter("circle") if c.attrib["class"] == "best-dot")
    valid = next(g for g in svg.iter("g") if g.attrib.get("class") == "valid")
    seventh = [c for c in valid.iter("circle") if c.attrib["class"] == "marker"][6]
    assert (dot.attrib["cx"], dot.attrib["cy"]) == (seventh.attrib["cx"], seventh.attrib["cy"])


def test_pointing_at_a_curve_tells_its_values():
    rows = history(12)
    titles = [t.text for t in chart(classification(), "metric").iter("title")][1:]
    assert titles[2] == (
        f"Epoch 3\nTraining {number(rows[2]['train_metric'])}"
        f"\nValidation {number(rows[2]['valid_metric'])}"
    )
    assert len(titles) == 12


def test_a_long_line_keeps_its_extremes():
    rows = [{"train_loss": 1.0 + (i == 3333)} for i in range(5000)]
    svg = chart(classification(history=rows, best_epoch=None), "loss")
    (line,) = (p.attrib["d"] for p in svg.iter("path") if p.attrib["class"] == "line")
    heights = [float(y) for y in re.findall(r"[ML]\S+ ([\d.]+)", line)]
    assert len(heights) <= 1200
    assert (min(heights), max(heights)) == (34, 242)  # the ends of the axis, 1.0 and 2.0


def test_the_learning_rate_has_a_chart_only_if_it_changed():
    rows = [{**row, "lr": 0.1} for row in history(4)]
    assert "chart-lr" in render_report(classification())
    assert "chart-lr" not in render_report(classification(history=rows, best_epoch=None))


# --- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (8, 5), (7, 9, 1), (7, 9, 3), (7, 9, 4), (192, 3)])
def test_pillow_reads_the_pixels_back(shape):
    pixels = np.random.default_rng(4).integers(0, 256, shape).astype(np.uint8)
    image = Image.open(io.BytesIO(encode_png(as_pixels(pixels))))
    image.load()
    np.testing.assert_array_equal(
        np.asarray(image), pixels.squeeze(2) if shape[2:] == (1,) else pixels
    )


def test_the_page_carries_the_wrong_images():
    pixels = np.random.default_rng(5).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    wrong = [WrongImage(pixels, "cat", "dog", 0.625)] * 70
    page = Page(render_report(classification(wrong_images=wrong)))
    images = page.all("img")
    assert len(images) == 60
    assert "60 of 70 are shown." in page.of("p")
    kind, _, body = images[0]["src"].partition(",")
    assert kind == "data:image/png;base64"
    read = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    np.testing.assert_array_equal(read, pixels)
    assert images[0]["alt"] == "Image of cat, taken for dog with probability 62.5%"
    assert "said dog" in page.of("p")
    assert "is cat" in page.of("p")


def test_other_numbers_are_stretched_to_grey():
    assert as_pixels(np.array([[0.0, 8.0, 16.0]])).tolist() == [[0, 128, 255]]
    assert as_pixels(np.array([[True, False]])).tolist() == [[255, 0]]
    assert as_pixels(np.array([[-1e308, np.nan, 1e308]])).tolist() == [[0, 0, 255]]
    assert as_pixels(np.full((2, 2), np.nan)).tolist() == [[0, 0], [0, 0]]
    assert as_pixels(np.zeros((1000, 30), np.uint8)).shape == (167, 5)


@pytest.mark.parametrize("shape", [(3,), (3, 8, 8), (0, 4), (2, 2, 2, 2)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ArgumentError, match="Images with channels first are turned by") as error:
        as_pixels(np.zeros(shape))
    assert f"an image has shape {shape} and dtype float64" in str(error.value)


# --- words, colours, errors -----------------------------------------------------------------------


def test_every_text_exists_in_both_languages_with_the_same_gaps():
    for key, texts in TEXTS.items():
        assert all(text.strip() for text in texts), key
        english, korean = (
            {field for _, field, _, _ in string.Formatter().parse(text) if field} for text in texts
        )
        assert english == korean, key
    assert set(KNOWN.values()) <= TEXTS.keys()


def test_every_text_is_used():
    package = files("sangja.train.report")
    source = "".join(
        entry.read_text(encoding="utf-8")
        for entry in package.iterdir()
        if entry.name.endswith(".py") and entry.name != "words.py"
    )
    used = {key for key in TEXTS if f'"{key}"' in source} | set(KNOWN.values())
    assert used | {"classification", "regression"} == TEXTS.keys()


def test_a_korean_page_speaks_korean():
    english, korean = (Page(render_report(classification(), lang)) for lang in ("en", "ko"))
    assert korean.all("html") == [{"lang": "ko"}]
    assert english.all("html") == [{"lang": "en"}]
    assert all(re.search("[가-힣]", heading) for heading in korean.of("h2"))
    assert not any(re.search("[가-힣]", text) for text in english.of("body"))
    assert [len(korean.elements), korean.values()] == [len(english.elements), english.values()]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_can_be_read_in_both_schemes(scheme):
    style = Page(render_report(RunReport(title="", task="regression"))).of("style")[0]
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", blocks[scheme]))

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(colours[a]), luminance(colours[b])))
        return (high + 0.05) / (low + 0.05)

    for text in ("ink", "soft", "blue", "orange", "green"):
        for ground in ("page", "surface", "tint"):
            assert contrast(text, ground) >= 4.5, (text, ground)
    for ground in ("hit", "miss"):  # the strongest cells; all others lie between it and surface
        assert contrast("ink", ground) >= 4.5, ground


def test_unknown_languages_and_tasks_are_refused():
    with pytest.raises(ArgumentError, match=r"no language 'fr'; expected one of 'en', 'ko'\."):
        render_report(RunReport(title="", task="regression"), "fr")
    with pytest.raises(ArgumentError, match="no task 'ranking'; expected one of 'classification'"):
        RunReport(title="", task="ranking")


def test_fields_that_contradict_each_other_are_refused():
    with pytest.raises(ArgumentError, match=r"shape \(2, 3\) for 2 class names; expected \(2, 2\)"):
        classification(["a", "b"], confusion=np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="holds a negative count or NaN; expected how often"):
        classification(["a", "b"], confusion=np.array([[1, -1], [0, 1]]))
    with pytest.raises(ArgumentError, match="only one of true and predicted is given"):
        regression(np.ones(3), None)
    with pytest.raises(
        ArgumentError, match=r"true has shape \(3,\) but predicted has shape \(4,\)"
    ):
        regression(np.ones(3), np.ones(4))
