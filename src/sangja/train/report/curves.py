"""Learning curves: how loss, metric and learning rate went, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sangja.train.report.charts import Series, line_chart
from sangja.train.report.markup import Html, escape, join, tag
from sangja.train.report.numbers import data, duration, metric_data, number, setting
from sangja.train.report.parts import note, table
from sangja.train.report.run import RunReport
from sangja.train.report.words import Words

COLUMNS = ("train_loss", "valid_loss", "train_metric", "valid_metric", "lr", "seconds")


def curves(run: RunReport, words: Words) -> Html:
    """The section: charts, what to read in them, and every number."""
    if not run.history:
        return note(words("no_epochs"))
    metric = words.heading(run.metric)
    charts = [
        _chart(run, words, "loss", words("loss"), ("train_loss", "valid_loss"), log=True),
        _chart(run, words, "metric", metric, ("train_metric", "valid_metric")),
    ]
    if len({row.get("lr") for row in run.history}) > 1:
        charts.append(_chart(run, words, "lr", words("learning_rate"), ("lr",), log=True))
    charts.append(_at_best(run, words))
    return join([tag("div", *charts, class_="charts"), _numbers(run, words)])


def _at_best(run: RunReport, words: Words) -> Html:
    """A card beside the charts: the numbers of the best epoch and how the run ended."""
    parts = []
    if run.best_epoch is not None:
        epoch = number(run.best_epoch)
        parts.append(tag("h3", words("at_best", epoch=epoch)))
        if run.best_epoch in run.epochs:
            row = run.history[run.epochs.index(run.best_epoch)]
            titles = _titles(run, words)
            items = (
                tag(
                    "div", tag("dt", titles[key]), tag("dd", metric_data(_name(run, key), row[key]))
                )
                for key in COLUMNS[:4]
                if row.get(key) is not None
            )
            parts.append(tag("dl", *items, class_="facts"))
        parts.append(note(words("best_note", epoch=epoch)))
    if run.early_stop:
        parts.append(note(run.early_stop))
    return tag("div", *parts, class_="card") if parts else Html()


def _points(run: RunReport, key: str) -> list[tuple[float, float]]:
    """(epoch, value) of the epochs that have one."""
    pairs = zip(run.epochs, (row.get(key) for row in run.history), strict=True)
    return [(float(epoch), float(value)) for epoch, value in pairs if value is not None]


def _chart(
    run: RunReport,
    words: Words,
    name: str,
    title: str,
    keys: Sequence[str],
    log: bool = False,
) -> Html:
    kinds = [key.partition("_")[0] for key in keys]
    labels = {"train": words("train"), "valid": words("valid"), "lr": words("learning_rate")}
    series = [
        Series(labels[kind], kind, points)
        for kind, key in zip(kinds, keys, strict=True)
        if (points := _points(run, key))
    ]
    if not series:
        return Html()
    best = None
    if run.best_epoch is not None and run.best_epoch in run.epochs:
        best = (float(run.best_epoch), words("best_mark", epoch=number(run.best_epoch)))
    chart = line_chart(
        series,
        name=f"chart-{name}",
        title=title,
        description=_description(series, title, len(run.history), words),
        x_label=words("epoch"),
        best=best,
        log=log,
        log_label=words("log_scale", what=title),
    )
    legend = tag(
        "span",
        join(tag("span", tag("i"), one.label, class_=f"key {one.kind}") for one in series),
        class_="keys",
    )
    lost = sorted({int(x) for one in series for x, y in one.points if not math.isfinite(y)})
    caption = tag("figcaption", tag("b", title), legend if len(series) > 1 else "")
    warning = note(words("not_finite", where=_listed(lost))) if lost else ""
    return tag("figure", caption, chart, warning)


def _description(series: Sequence[Series], title: str, epochs: int, words: Words) -> str:
    ends = " ".join(
        words(
            "curve_end",
            series=one.label,
            first=number(one.points[0][1]),
            last=number(one.points[-1][1]),
        )
        for one in series
    )
    return words("curve_desc", what=title, n=number(epochs), ends=ends)


def _listed(epochs: Sequence[int]) -> str:
    """Epochs as runs: 3, 7–12, 20; after the eighth run only …

    >>> _listed([3, 7, 8, 9, 20])
    '3, 7–9, 20'
    """
    runs: list[list[int]] = []
    for epoch in epochs:
        if runs and epoch == runs[-1][1] + 1:
            runs[-1][1] = epoch
        else:
            runs.append([epoch, epoch])
    texts = [str(a) if a == b else f"{a}–{b}" for a, b in runs[:8]]
    return ", ".join(texts) + (", …" if len(runs) > 8 else "")


def _numbers(run: RunReport, words: Words) -> Html:
    """The history as a table, folded away; it is also what the charts say to a screen reader."""
    known = [key for key in COLUMNS if any(row.get(key) is not None for row in run.history)]
    others = dict.fromkeys(key for row in run.history for key in row)
    keys = known + [key for key in others if key not in COLUMNS and key != "epoch"]
    titles = _titles(run, words)
    rows = []
    for epoch, row in zip(run.epochs, run.history, strict=True):
        mark = tag("span", words("best"), class_="badge") if epoch == run.best_epoch else ""
        cells = [join([data(epoch), " ", mark]) if mark else data(epoch)]
        for key in keys:
            value = row.get(key)
            shown = number(value)
            if key == "seconds":
                shown = duration(value, words)
            elif key == "lr" and value is not None:
                shown = setting(float(f"{value:.4g}"))
            cells.append(data(value, shown))
        rows.append(cells)
    marked = run.epochs.index(run.best_epoch) if run.best_epoch in run.epochs else None
    content = table(
        [words("epoch"), *(titles.get(key, key) for key in keys)],
        rows,
        words("every_epoch"),
        words,
        kinds=["", *["n"] * len(keys)],
        marked=marked,
    )
    return tag("details", tag("summary", escape(words("every_epoch"))), content)


def _titles(run: RunReport, words: Words) -> dict[str, str]:
    """Names of the known columns of the history."""
    metric = words.label(run.metric)
    return {
        "train_loss": words("train_loss"),
        "valid_loss": words("valid_loss"),
        "train_metric": words("train_metric", metric=metric),
        "valid_metric": words("valid_metric", metric=metric),
        "lr": words("learning_rate"),
        "seconds": words("took"),
    }


def _name(run: RunReport, key: str) -> str:
    """What a column of the history measures."""
    return run.metric if key.endswith("_metric") else key
