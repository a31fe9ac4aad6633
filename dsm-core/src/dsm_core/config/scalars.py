"""Plain scalars by the core schema of YAML 1.2.2, section 10.3.2.

The rules are stated here because YAML libraries mix in those of 1.1, where `ON` is true and `0777` is 511.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["Scalar", "read_scalar"]

Scalar: TypeAlias = str | int | float | bool | None

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = frozenset({"true", "True", "TRUE"})
_FALSE: Final = frozenset({"false", "False", "FALSE"})
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]+", re.ASCII)
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INFINITY: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)", re.ASCII)
_NAN: Final = frozenset({".nan", ".NaN", ".NAN"})
# No number of a configuration is longer, and Python refuses to read or print integers of over 4300 digits.
_LONGEST_NUMBER: Final = 400


def read_scalar(text: str) -> Scalar:
    """Value of an unquoted scalar: null, a switch, a number, or the text itself."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    return _read_number(text)


def _read_number(text: str) -> str | int | float:
    if len(text) > _LONGEST_NUMBER:
        return text
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.fullmatch(text):
            return int(text if base == 10 else text[2:], base)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITY.fullmatch(text):
        return float(f"{match[1]}inf")
    return float("nan") if text in _NAN else text
