"""Test results: where a classifier is right and wrong, how far a regression is off."""

from __future__ import annotations

import numpy as np

from sangja.train.report.charts import (
    MOST_POINTS,
    histogram,
    histogram_bins,
    scatter_chart,
)
from sangja.train.report.markup import Html, escape, join, tag
from sangja.train.report.numbers import data, metric_data, number, percent
from sangja.train.report.parts import block, name as named, note, scroller, table
from sangja.train.report.png import data_uri
from sangja.train.report.run import RunReport, WrongImage
from sangja.train.report.scores import (
    RegressionScores,
    class_scores,
    mean,
    regression_scores,
)
from sangja.train.report.words import Words

MOST_CLASSES = 60  # a larger matrix is no picture any more: its largest confusions are listed
DENSE = 14  # classes beyond which the cells are small
MOST_IMAGES = 60
MOST_CONFUSIONS = 12


def results(run: RunReport, words: Words) -> Html:
    """The section: final metrics, then what suits the task."""
    parts = [_metrics(run, words)]
    if run.confusion is not None and len(run.class_names):
        confusion = np.asarray(run.confusion)
        blocks = [_confusion(run, confusion, words), _per_class(run, confusion, words)]
        if len(run.class_names) > DENSE:
            blocks.insert(1, _confusions(run, confusion, words))
            parts += blocks
        else:
            parts.append(tag("div", *blocks, class_="pair"))
    if run.true is not None:
        parts.append(_regression(run, words))
    if run.wrong_images or run.confusion is not None:
        parts.append(_wrong_images(run, words))
    return join(parts)


def scored(run: RunReport) -> tuple[RegressionScores, int, int]:
    """Scores over the rows whose values are finite, how many those are, how many are not."""
    true, predicted, dropped = _finite(run)
    return regression_scores(true, predicted), true.size, dropped


def final_metrics(run: RunReport) -> dict[str, float]:
    """The test metrics as given; for a regression also R², MAE and RMSE of its predictions."""
    metrics = dict(run.test)
    if run.true is not None:
        scores, _, _ = scored(run)
        for name, value in (("r2", scores.r2), ("mae", scores.mae), ("rmse", scores.rmse)):
            metrics.setdefault(name, value)
    return metrics


def _metrics(run: RunReport, words: Words) -> Html:
    items = [
        tag("div", tag("dt", words.heading(name)), tag("dd", metric_data(name, value)))
        for name, value in final_metrics(run).items()
    ]
    return tag("dl", *items, class_="legend") if items else Html()


def _confusion(run: RunReport, confusion: np.ndarray, words: Words) -> Html:
    names = list(run.class_names)
    title = words("confusion")
    if len(names) > MOST_CLASSES:
        return block(title, note(words("confusion_large", n=number(len(names)))))
    upright = all(len(name) <= 4 for name in names)
    heads = (
        tag("th", tag("span", name), scope="col", title=name, class_=None if upright else "turned")
        for name in names
    )
    totals = confusion.sum(axis=1)
    rows = (
        tag(
            "tr",
            tag("th", tag("span", name), scope="row", title=name),
            join(
                _cell(names, i, j, int(confusion[i, j]), int(totals[i]), words)
                for j in range(len(names))
            ),
        )
        for i, name in enumerate(names)
    )
    corner = tag("td", f"{words('true_class')} ↓")
    across = tag("th", f"{words('predicted_class')} →", colspan=len(names), scope="colgroup")
    grid = tag(
        "table",
        tag("caption", title, class_="unseen"),
        tag("thead", tag("tr", tag("td"), across), tag("tr", corner, join(heads))),
        tag("tbody", join(rows)),
        class_="confusion dense" if len(names) > DENSE else "confusion",
    )
    return block(title, note(words("confusion_note")), scroller(grid, title, words))


def _cell(names: list[str], i: int, j: int, count: int, total: int, words: Words) -> Html:
    share = count / total if total else 0.0
    text = words(
        "cell",
        true=names[i],
        said=names[j],
        count=number(count),
        total=number(total),
        share=percent(share),
    )
    if not count:
        return tag("td", "0", class_="none", title=text)
    strength = 16 + 84 * share  # a single mistake among thousands is still to be seen
    kind = "hit" if i == j else "miss"
    return tag("td", data(count), class_=kind, style=f"--share:{strength:.0f}%", title=text)


def _confusions(run: RunReport, confusion: np.ndarray, words: Words) -> Html:
    """The largest cells off the diagonal, for a matrix too large to take in at a glance."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(int(k), wrong.shape[1]) for k in order if wrong.flat[k] > 0]
    title = words("confusions")
    if not pairs:
        return block(title, note(words("no_confusions")))
    totals = confusion.sum(axis=1)
    rows = [
        [
            named(run.class_names[i]),
            named(run.class_names[j]),
            data(int(wrong[i, j])),
            escape(percent(wrong[i, j] / totals[i])),
        ]
        for i, j in pairs
    ]
    head = [words(key) for key in ("true_class", "predicted_class", "count", "row_share")]
    return block(title, table(head, rows, title, words, kinds=["", "", "n", "n"]))


def _per_class(run: RunReport, confusion: np.ndarray, words: Words) -> Html:
    scores = class_scores(confusion)
    columns = (scores.precision, scores.recall, scores.f1)
    rows = [
        [
            named(name),
            *(data(float(column[i]), _score(column[i])) for column in columns),
            data(int(scores.support[i])),
        ]
        for i, name in enumerate(run.class_names)
    ]
    foot = [
        escape(words("macro")),
        *(data(mean(column), _score(mean(column))) for column in columns),
        data(int(scores.support.sum())),
    ]
    head = [words(key) for key in ("class", "precision", "recall", "f1", "rows")]
    title = words("per_class")
    kinds = ["", "n", "n", "n", "n"]
    return block(title, table(head, rows, title, words, foot=foot, kinds=kinds))


def _score(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _wrong_images(run: RunReport, words: Words) -> Html:
    title = words("wrong")
    if not run.wrong_images:
        return block(title, note(words("no_wrong")))
    shown = run.wrong_images[:MOST_IMAGES]
    some = words("wrong_some", n=number(len(shown)), total=number(len(run.wrong_images)))
    cards = join(_card(image, words) for image in shown)
    return block(
        title,
        note(some) if len(shown) < len(run.wrong_images) else "",
        tag("div", cards, class_="images"),
    )


def _card(wrong: WrongImage, words: Words) -> Html:
    share = percent(wrong.probability)
    alt = words("image_alt", true=wrong.true, said=wrong.predicted, p=share)
    width = min(max(wrong.probability, 0.0), 1.0) * 100 if np.isfinite(wrong.probability) else 0.0
    return tag(
        "figure",
        tag("img", src=data_uri(wrong.image), alt=alt),
        tag(
            "figcaption",
            tag("p", tag("small", words("said")), " ", tag("b", wrong.predicted, class_="miss")),
            tag("p", tag("small", words("was")), " ", tag("b", wrong.true, class_="hit")),
            tag(
                "p",
                tag("span", tag("i", style=f"width:{width:.1f}%"), class_="track"),
                data(float(wrong.probability), share),
                class_="sure",
            ),
        ),
    )


def _finite(run: RunReport) -> tuple[np.ndarray, np.ndarray, int]:
    """True and predicted values of the rows where both are finite, and how many rows are not."""
    true = np.asarray(run.true, np.float64).ravel()
    predicted = np.asarray(run.predicted, np.float64).ravel()
    kept = np.isfinite(true) & np.isfinite(predicted)
    return true[kept], predicted[kept], int(kept.size - kept.sum())


def _regression(run: RunReport, words: Words) -> Html:
    true, predicted, dropped = _finite(run)
    notes = [note(words("dropped", n=number(dropped)))] if dropped else []
    if not true.size:
        return join(notes)
    with np.errstate(over="ignore"):
        residual = np.nan_to_num(predicted - true)  # ±∞ becomes the largest float
    shown = min(true.size, MOST_POINTS)
    if shown < true.size:
        notes.append(note(words("scatter_some", n=number(shown), total=number(true.size))))
    scatter = scatter_chart(
        true,
        predicted,
        name="chart-scatter",
        title=words("scatter"),
        description=words("scatter_desc", n=number(shown)),
        x_label=words("true_value"),
        y_label=words("predicted_value"),
    )
    bars = histogram(
        residual,
        name="chart-residuals",
        title=words("residuals"),
        description=words(
            "residuals_desc", n=number(true.size), bins=number(histogram_bins(residual))
        ),
        x_label=words("residual"),
        y_label=words("rows"),
        bin_text=words("bin", low="{low}", high="{high}", count="{count}"),
    )
    figures = (
        tag("figure", tag("figcaption", tag("b", words(key))), chart)
        for key, chart in (("scatter", scatter), ("residuals", bars))
    )
    return join([tag("div", join(figures), class_="charts"), *notes])
