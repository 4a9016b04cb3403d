"""The pieces that every section of the page is laid out with."""

from __future__ import annotations

from collections.abc import Sequence

from sangja.train.report.markup import Html, join, tag
from sangja.train.report.words import Words

MOST_ROWS = 16  # of a table without a window of its own


def section(key: str, heading: str, body: Html) -> Html:
    """A part of the page with its heading, which the list of contents points to."""
    return tag(
        "section", tag("h2", heading, id=f"{key}-h"), body, id=key, aria_labelledby=f"{key}-h"
    )


def block(heading: str, *children: object) -> Html:
    """A part of a section."""
    return tag("div", tag("h3", heading), *children, class_="block")


def note(text: str) -> Html:
    """A sentence that explains what stands beside it."""
    return tag("p", text, class_="note")


def name(text: str) -> Html:
    """A name of any length in a table: three lines of it, and all of it on pointing at it."""
    return tag("span", text, class_="name", title=text if len(text) > 24 else None)


def scroller(content: Html, label: str, words: Words, class_: str = "scroll") -> Html:
    """A box of its own scroll bar, reachable by keyboard, so that the page itself never scrolls
    sideways."""
    return tag(
        "div",
        content,
        class_=class_,
        tabindex=0,
        role="region",
        aria_label=words("scroll", what=label),
    )


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[Html]],
    caption: str,
    words: Words,
    *,
    foot: Sequence[Html] = (),
    kinds: Sequence[str] = (),
    marked: int | None = None,
) -> Html:
    """A table whose first column names its rows; a long one scrolls in a window of its own.

    `kinds` are the style classes of the columns ("n" for numbers), `marked` the index of a row to
    stand out.
    """
    classes = [kind or None for kind in kinds] if kinds else [None] * len(head)

    def line(cells: Sequence[Html], class_: str | None = None) -> Html:
        first, *rest = cells
        values = (
            tag("td", cell, class_=kind) for cell, kind in zip(rest, classes[1:], strict=True)
        )
        return tag("tr", tag("th", first, scope="row"), join(values), class_=class_)

    headers = (
        tag("th", text, scope="col", class_=kind) if text else tag("td", class_=kind)
        for text, kind in zip(head, classes, strict=True)
    )
    body = (line(row, "marked" if i == marked else None) for i, row in enumerate(rows))
    content = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", tag("tr", join(headers))),
        tag("tbody", join(body)),
        tag("tfoot", line(foot)) if foot else "",
    )
    return scroller(content, caption, words, "scroll tall" if len(rows) > MOST_ROWS else "scroll")


def shape(sizes: Sequence[int] | str) -> str:
    """A shape as text: 64 × 28 × 28."""
    return sizes if isinstance(sizes, str) else " × ".join(map(str, sizes)) or "()"
