"""Numbers as a reader wants them: four digits, thousands apart, no e+06."""

from __future__ import annotations

import math

import numpy as np

from sangja.train.report.markup import Html, tag
from sangja.train.report.words import Words

MISSING = "–"
SHARES = ("accuracy", "precision", "recall", "f1")  # metrics that are shares of one
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: object) -> str:
    """A number in four significant digits (a whole number: in all of them up to 10¹²).

    >>> number(0.123456), number(1234567), number(1.5e9), number(float("nan")), number(None)
    ('0.1235', '1,234,567', '1.500×10⁹', 'NaN', '–')
    """
    if value is None:
        return MISSING
    if isinstance(value, (int, np.integer)) and abs(int(value)) < 10**12:
        return _minus(f"{int(value):,}")
    try:
        x = float(value)  # type: ignore[arg-type]
    except OverflowError:  # a whole number beyond the floats
        return power(int(value), 3)  # type: ignore[call-overload]
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    if not 9.9995e-5 <= abs(x) < 999_950:
        return power(x, 3)
    exponent = int(f"{x:.3e}".partition("e")[2])  # of the rounded number: 9.9999 is 10.00
    return _minus(f"{x:,.{max(0, 3 - exponent)}f}")


def power(value: float, digits: int) -> str:
    """Scientific notation with a real exponent.

    >>> power(0.0000123, 2)
    '1.23×10⁻⁵'
    """
    if isinstance(value, int) and abs(value) >= 10**300:
        sign, text = ("-" if value < 0 else ""), str(abs(value) // 10 ** (_length(value) - 9))
        mantissa, exponent = f"{sign}{float(text) / 1e8:.{digits}f}", _length(value) - 1
    else:
        mantissa, _, written = f"{value:.{digits}e}".partition("e")
        exponent = int(written)
    return _minus(mantissa) + "×10" + str(exponent).translate(_SUPERSCRIPT)


def percent(share: float) -> str:
    """A share of one as a percentage with one decimal.

    >>> percent(0.9722), percent(1.0), percent(float("nan"))
    ('97.2%', '100%', '–')
    """
    if not math.isfinite(share):
        return MISSING
    if 0.9995 <= share < 1:  # never round up to a perfection that is not there
        return "99.9%"
    if 0 < share < 0.0005:
        return "<0.1%"
    return "100%" if share == 1 else "0%" if share == 0 else _minus(f"{share * 100:,.1f}%")


def duration(seconds: float | None, words: Words) -> str:
    """Seconds in the units that fit: 45 ms, 12.3 s, 3 min 20 s, 2 h 05 min."""
    if seconds is None or not math.isfinite(seconds):
        return number(seconds)
    if abs(seconds) < 0.9995:
        return words("milliseconds", n=f"{seconds * 1000:.3g}")
    if abs(seconds) < 59.95:
        return words("seconds", n=f"{seconds:.1f}")
    whole = round(seconds)
    if whole < 3600:
        return words("minutes", m=whole // 60, s=f"{whole % 60:02d}")
    return words("hours", h=f"{whole // 3600:,}", m=f"{whole % 3600 // 60:02d}")


def data(value: object, shown: str | None = None) -> Html:
    """A number with its exact value beside the rounded one, for whoever reads by machine."""
    text = number(value) if shown is None else shown
    if value is None:
        return tag("span", text)
    exact = int(value) if isinstance(value, (int, np.integer)) else float(value)  # type: ignore[arg-type]
    return tag("data", text, value=_exact(exact))


def metric_data(name: str, value: float | None) -> Html:
    """A metric's value: a percentage where it is a share."""
    share = name in SHARES and value is not None and 0 <= value <= 1
    return data(value, percent(value) if share and value is not None else None)


def setting(value: object) -> str:
    """A setting as it was given: 0.001 stays 0.001.

    >>> setting(0.001), setting(2.5e-5), setting("Adam")
    ('0.001', '2.5×10⁻⁵', 'Adam')
    """
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, np.integer)):
        return str(int(value)) if abs(int(value)) < 10_000 else number(value)
    if isinstance(value, (float, np.floating)):
        mantissa, _, exponent = f"{float(value):.10g}".partition("e")
        tens = "×10" + str(int(exponent)).translate(_SUPERSCRIPT) if exponent else ""
        return _minus(mantissa) + tens if math.isfinite(value) else number(value)
    return str(value)


def _exact(value: int | float) -> str:
    """`repr`, but of a whole number too long to write also something."""
    return repr(value) if isinstance(value, float) or abs(value) < 10**300 else power(value, 9)


def _length(value: int) -> int:
    """Decimal digits of a whole number, however long (Python refuses to print beyond 4300)."""
    guess = int(math.log10(2) * (abs(value).bit_length() - 1))
    return guess + 1 if abs(value) < 10 ** (guess + 1) else guess + 2


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
