"""Sizes in bytes, as people write them: ``20GB``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

__all__ = ["MOST_BYTES", "SIZE_PATTERN", "parse_bytes"]

_UNITS: Final = {
    "": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
_FORM: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([kmgt]i?)?b?", re.IGNORECASE | re.ASCII)
_LONG: Final = re.compile(r"0*[1-9][0-9]{18,}(?:\.[0-9]{1,6})? ?(?:[kmgt]i?)?b?\Z", re.IGNORECASE | re.ASCII)
MOST_BYTES: Final = 2**63 - 1

SIZE_PATTERN: Final = r"^[0-9]{1,18}(\.[0-9]{1,6})? ?([kKmMgGtT][iI]?)?[bB]?$"
"""The same form in JSON Schema's words."""


def parse_bytes(size: int | str) -> int:
    """Bytes of a number or of text such as ``500MB``, ``1.5 GB`` or ``20GiB``.

    kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024; letter case says nothing,
    and the B may be left out.

    Raises
    ------
    ValueError
        When it is no size above 0; the message begins with the verb, as in "must be a size".
    """
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise ValueError(f"must be a size such as 20GB, not {_shown(size)}")
    if isinstance(size, str):
        form = _FORM.fullmatch(size.strip())
        if form is None and _LONG.match(size.strip()):
            raise _too_large(size)
        if form is None:
            raise ValueError(f"must be a size such as 500MB, 20GB or 20GiB, not {size[:60]!r}")
        found = int(Decimal(form[1]) * _UNITS[(form[2] or "").lower()])
    else:
        found = size
    if found > MOST_BYTES:
        raise _too_large(size)
    if found <= 0:
        raise ValueError(f"must be a size of 1 byte or more, not {_shown(size)}")
    return found


def _too_large(size: int | str) -> ValueError:
    return ValueError(f"must be a size below 2**63 bytes: {_shown(size)} is too large")


def _shown(size: object) -> str:
    from dsm_core.model.arguments import shown  # noqa: PLC0415 - imports all of the model

    return shown(size)
