"""What happens when two sources tell different things of one row."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias, get_args

from attrs import field, frozen

__all__ = ["POLICIES", "AgreementConfig", "Policy"]

Policy: TypeAlias = Literal["prefer", "flag", "raise"]
POLICIES: Final[tuple[Policy, ...]] = get_args(Policy)


def _check_bounds(_: Any, attribute: Any, value: dict[str, float]) -> None:
    for column, bound in value.items():
        if not column.strip():
            raise ValueError(f"{column!r} names no column; write one such as close")
        if not (math.isfinite(bound) and bound >= 0):
            raise ValueError(f"the bound of {column!r} must be a number, 0 or more, not {bound}")


@frozen(kw_only=True)
class AgreementConfig:
    """How rows of two sources are held against each other.

    Parameters
    ----------
    policy
        When a call meets rows that two sources tell differently: ``prefer`` compares nothing, ``flag`` tells
        of them, ``raise`` refuses the answer that came later.
    relative
        Tolerances by column, as a fraction; a column named here or below has no default.
    absolute
        Tolerances by column, in its unit; nanoseconds for times.
    """

    policy: Policy = "prefer"
    relative: dict[str, float] = field(factory=dict, validator=_check_bounds)
    absolute: dict[str, float] = field(factory=dict, validator=_check_bounds)
