"""Names on disk: how any text becomes one safe folder name, and where a series lives.

A path component made here is plain ASCII, means the same on file systems that ignore case, is no
device name of Windows, and can be read back unless it was too long.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import Final, Literal

import xxhash

from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey

__all__ = ["MAX_COMPONENT", "escape", "interval_folder", "series_folder", "unescape"]

MAX_COMPONENT: Final = 120
"""Longest folder name; several of them and a file name stay below the 260 of old Windows."""

_KEPT: Final = {
    "upper": frozenset(string.ascii_uppercase + string.digits + "_-"),
    "lower": frozenset(string.ascii_lowercase + string.digits + "_-"),
}
# Escaped text has a hexadecimal digit after every percent sign, so these two cannot be mistaken for it.
_EMPTY: Final = "%"
_CUT: Final = "%~"
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])\Z", re.IGNORECASE)
_CODE: Final = re.compile(r"%([0-9A-F]{2})")
_HALF_CODE: Final = re.compile(r"%[0-9A-F]?\Z")

LetterCase = Literal["upper", "lower"]


def escape(text: str, *, keep: LetterCase = "upper") -> str:
    """One path component that stands for ``text`` and for no other text.

    Digits, ``_``, ``-`` and the letters of one case stay readable; every other character becomes
    the percent codes of its UTF-8 bytes. Results of one ``keep`` differ even where case is ignored.

    Parameters
    ----------
    keep
        Which letters stay: upper case for symbols (``BTCUSDT``), lower case for names and options.
    """
    kept = _KEPT[keep]
    codes = (c if c in kept else _coded(c) for c in text)
    name = "".join(codes) if not _DEVICE.match(text) else _coded(text[0]) + escape(text[1:], keep=keep)
    return _bounded(name, text) or _EMPTY


def unescape(name: str) -> str:
    """The text behind a component that :func:`escape` made.

    Raises
    ------
    ValueError
        When the name was cut because it was too long; the file inside tells the full text.
    """
    if _CUT in name:
        raise ValueError(f"{name!r} was shortened and cannot be read back.")
    if name == _EMPTY:
        return ""
    raw = _CODE.sub(lambda code: chr(int(code[1], 16)), name)
    return raw.encode("latin-1").decode("utf-8", "surrogatepass")


def interval_folder(interval: Interval | None, options: tuple[tuple[str, str], ...]) -> str:
    """Last folder of a series: the interval, or ``all``, and the options sorted by name."""
    pairs = "".join(f";{escape(k, keep='lower')}={escape(v, keep='lower')}" for k, v in sorted(options))
    name = ("all" if interval is None else interval.path_name) + pairs
    return _bounded(name, name)


@lru_cache(maxsize=4096)
def series_folder(key: SeriesKey) -> str:
    """Folder of a series below the cache's root, with ``/`` between its five parts."""
    return "/".join(
        (
            escape(key.provider, keep="lower"),
            escape(key.market_type, keep="lower"),
            escape(key.chart_type, keep="lower"),
            escape(key.symbol),
            interval_folder(key.interval, key.options),
        )
    )


def _coded(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _bounded(name: str, text: str) -> str:
    if len(name) <= MAX_COMPONENT:
        return name
    tail = _CUT + xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
    return _HALF_CODE.sub("", name[: MAX_COMPONENT - len(tail)]) + tail
