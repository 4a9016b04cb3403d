"""Markup that cannot be broken into: whatever is not already `Html` is escaped when it is put in.

A page is built of `tag(...)` calls. Their children are either `Html` (made by `tag`, kept as it is)
or anything else (a name, a number: escaped), so there is no place where escaping can be forgotten.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

VOID = frozenset({"img", "meta"})  # elements of HTML that have no end tag

# What neither HTML nor XML can hold: C0 and C1 controls but tab and newline, surrogates,
# noncharacters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Html(str):
    """Text that is markup already and is inserted as it stands."""

    __slots__ = ()


def _picture(match: re.Match[str]) -> str:
    """A visible sign in place of a character that markup cannot hold: ␀ for NUL, else �."""
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def escape(text: object) -> Html:
    """`text` as character data: no character of it is markup, in an element or in an attribute.

    >>> escape('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    if isinstance(text, Html):
        return text
    return _escaped(text)


def join(children: Iterable[object], separator: str = "") -> Html:
    """Children one after another, each escaped unless it is markup."""
    return Html(escape(separator).join(escape(child) for child in children))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element. `class_` is written `class`, `aria_label` `aria-label`; `None` leaves one out.

    >>> tag("td", "1 < 2", class_="wide", title=None)
    '<td class="wide">1 &lt; 2</td>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def _escaped(value: object) -> Html:
    return Html(html.escape(_UNWRITABLE.sub(_picture, str(value)), quote=True))
