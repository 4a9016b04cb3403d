"""The report of a training run as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np

from sangja.train.report import curves, results
from sangja.train.report.markup import Html, escape, join, tag
from sangja.train.report.numbers import data, duration, metric_data, number, percent, setting
from sangja.train.report.parts import name, section, shape, table
from sangja.train.report.run import RunReport
from sangja.train.report.scores import accuracy
from sangja.train.report.words import Words

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
LONG = len("12,345,678</data>")  # a figure longer than this is written smaller

# A box seen from a corner: three faces of glass.
LOGO = Html(
    '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true">'
    '<path class="top" d="M16 2 29 9 16 16 3 9Z"></path>'
    '<path class="left" d="M3 9v14l13 7V16Z"></path>'
    '<path class="right" d="M29 9v14l-13 7V16Z"></path></svg>'
)


def render_report(run: RunReport, lang: str = "en") -> str:
    """The page of a run, in English ("en") or Korean ("ko").

    It holds no script and refers to nothing outside itself; its content security policy forbids
    both. Every text and number of `run` appears as text, whatever characters it has.

    Raises:
        ArgumentError: an unknown language, or a wrong image that is no image.

    >>> page = render_report(RunReport(title="digits", task="classification"))
    >>> page.startswith("<!doctype html>")
    True
    """
    words = Words(lang)
    sections = {
        "curves": curves.curves(run, words),
        "results": results.results(run, words),
        "model": _model(run, words),
        "data": _data(run, words),
        "settings": _settings(run, words),
        "time_parts": _time(run, words),
        "machine": _machine(run, words),
    }
    present = {key: body for key, body in sections.items() if body}
    style = files("sangja.train.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{run.title} · sangja"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        _header(run, words),
        _contents(list(present), words),
        tag(
            "main",
            join(section(key, words(key), text) for key, text in present.items()),
        ),
        tag("footer", LOGO, tag("p", words("footer"))),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang=lang)


def _header(run: RunReport, words: Words) -> Html:
    meta = [words(run.task), run.created] if run.created else [words(run.task)]
    return tag(
        "header",
        tag(
            "p",
            LOGO,
            tag("b", "sangja"),
            tag("span", words("kind")),
            join(tag("span", text) for text in meta),
            class_="eyebrow",
        ),
        tag("h1", run.title),
        tag("p", _lede(run, words), class_="lede"),
        _figures(run, words),
    )


def _lede(run: RunReport, words: Words) -> str:
    if run.lede:
        return run.lede
    if run.confusion is not None and np.sum(run.confusion) > 0:
        return words(
            "lede_classes",
            n=number(int(np.sum(run.confusion))),
            k=number(int(np.trace(run.confusion))),
            share=percent(accuracy(run.confusion)),
        )
    if run.true is not None and run.predicted is not None:
        scores, rows, _ = results.scored(run)
        if rows:
            return words("lede_values", n=number(rows), mae=number(scores.mae))
    return "" if run.test else words("lede_none")


def _figures(run: RunReport, words: Words) -> Html:
    """The few numbers a reader looks for first."""
    figures = [
        _figure(words("test", what=words.label(key)), metric_data(key, value))
        for key, value in list(results.final_metrics(run).items())[:3]
    ]
    if run.best_epoch is not None:
        of = words("of_epochs", n=number(len(run.history)))
        figures.append(_figure(words("best_epoch"), data(run.best_epoch), of))
    if run.layers or run.parameters is not None:
        count = len(run.layers)
        layers = words("in_layer") if count == 1 else words("in_layers", n=number(count))
        parameters = data(run.total_parameters)
        figures.append(_figure(words("parameters"), parameters, layers if count else ""))
    taken = total_seconds(run)
    if taken is not None:
        mean = words("per_epoch", t=duration(taken / len(run.history), words))
        figures.append(_figure(words("time"), data(taken, duration(taken, words)), mean))
    return tag("dl", *figures, class_="figures") if figures else Html()


def total_seconds(run: RunReport) -> float | None:
    """Time of all epochs together; None if it was not measured."""
    seconds = [row["seconds"] for row in run.history if row.get("seconds") is not None]
    return math.fsum(float(s) for s in seconds if s is not None) if seconds else None


def _figure(label: str, value: Html, small: str = "") -> Html:
    return tag(
        "div",
        tag("dt", label),
        tag("dd", value, class_="long" if len(value.partition(">")[2]) > LONG else None),
        tag("dd", small, class_="small") if small else "",
    )


def _contents(keys: list[str], words: Words) -> Html:
    links = join(tag("a", words(key), href=f"#{key}") for key in keys)
    return tag("nav", links, aria_label=words("contents")) if keys else Html()


def _model(run: RunReport, words: Words) -> Html:
    if not run.layers:
        return Html()
    largest = max((abs(layer.parameters) for layer in run.layers), default=0)
    rows = [
        [
            name(layer.name),
            escape(shape(layer.output_shape)),
            data(layer.parameters),
            _bar(layer.parameters / largest if largest else 0.0),
        ]
        for layer in run.layers
    ]
    head = [words("layer"), words("output_shape"), words("parameters"), ""]
    foot = [escape(words("total")), Html(), data(run.total_parameters), Html()]
    return table(head, rows, words("model"), words, foot=foot, kinds=["", "code", "n", "bars"])


def _bar(share: float) -> Html:
    width = f"width:{min(max(share, 0.0), 1.0) * 100:.1f}%"
    return tag("span", tag("i", style=width), class_="track", aria_hidden="true")


def _data(run: RunReport, words: Words) -> Html:
    if not (run.splits or run.data_lines):
        return Html()
    total = sum(run.splits.values())
    parts = [
        tag("i", style=f"flex-grow:{max(count, 0) / total * 100:.2f}") if total else ""
        for count in run.splits.values()
    ]
    items = [
        tag(
            "div",
            tag("dt", words.heading(key)),
            tag("dd", data(count), " ", tag("small", percent(count / total)) if total else ""),
        )
        for key, count in run.splits.items()
    ]
    items.append(tag("div", tag("dt", words("total")), tag("dd", data(total)), class_="sum"))
    blocks = []
    if run.splits:
        blocks.append(tag("div", *parts, class_="split", aria_hidden="true"))
        blocks.append(tag("dl", *items, class_="legend"))
    if run.data_lines:
        lines = join(tag("li", line) for line in run.data_lines)
        blocks.append(tag("ul", lines, class_="lines"))
    return join(blocks)


def _facts(facts: list[tuple[str, object]]) -> Html:
    return tag(
        "dl",
        *(tag("div", tag("dt", key), tag("dd", setting(value))) for key, value in facts),
        class_="facts",
    )


def _settings(run: RunReport, words: Words) -> Html:
    facts = [(words.heading(key), value) for key, value in run.settings.items()]
    return _facts(facts) if facts else Html()


def _time(run: RunReport, words: Words) -> Html:
    if not run.seconds:
        return Html()
    finite = [s for s in run.seconds.values() if math.isfinite(s)]
    total, largest = math.fsum(finite), max(finite, default=0.0)
    rows = [
        [
            name(words.heading(key)),
            data(seconds, duration(seconds, words)),
            escape(percent(seconds / total if total else math.nan)),
            _bar(seconds / largest if largest and math.isfinite(seconds) else 0.0),
        ]
        for key, seconds in run.seconds.items()
    ]
    head = [words("part"), words("time"), words("share"), ""]
    foot = [escape(words("total")), data(total, duration(total, words)), Html(), Html()]
    return table(head, rows, words("time_parts"), words, foot=foot, kinds=["", "n", "n", "bars"])


def _machine(run: RunReport, words: Words) -> Html:
    facts = [(words.heading(key), value) for key, value in run.machine.items()]
    return _facts(facts) if facts else Html()
