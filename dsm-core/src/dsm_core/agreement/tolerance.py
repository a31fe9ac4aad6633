"""How far two values of a column may lie apart and still count as equal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.errors import RequestError
from dsm_core.model.arguments import shown, table_of
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column

__all__ = ["Tolerance", "Tolerances"]

# Sources add up trades in another order, or in decimals where others add binary fractions.
_OF_SUMS: Final = 1e-9
_NUMBERS: Final = ("float64", "int64", "time")


@frozen(kw_only=True)
class Tolerance:
    """Two values agree when they differ by the larger of both bounds at most.

    Parameters
    ----------
    relative
        Bound as a fraction of the larger of the two magnitudes.
    absolute
        Bound in the column's unit; nanoseconds for times.
    """

    relative: float = 0.0
    absolute: float = 0.0

    def allows(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Where two numbers, which differ, agree all the same."""
        largest = np.maximum(np.abs(first), np.abs(second))
        near: NDArray[np.bool_] = np.abs(first - second) <= np.maximum(self.absolute, self.relative * largest)
        return near


@frozen
class Tolerances:
    """The tolerance of each column of a chart type."""

    by_column: Mapping[str, Tolerance]

    def of(self, column: str) -> Tolerance:
        """Tolerance of a column; none at all where nothing was said."""
        return self.by_column.get(column, Tolerance())

    @classmethod
    def for_schema(
        cls,
        schema: ChartSchema,
        relative: Mapping[str, float] | None = None,
        absolute: Mapping[str, float] | None = None,
        *,
        is_strict: bool = True,
    ) -> Tolerances:
        """Tolerances of a chart type: what is given, else 1e-9 of sums, else none.

        Parameters
        ----------
        schema
            The chart type. Its float columns that are summed up over bars (volumes) may differ by 1e-9 of
            their value; all others, prices and counts among them, must be equal.
        relative, absolute
            Bounds by column; a column that is named has no default beside them.
        is_strict
            Whether a column that the chart type lacks, or that is no number, is refused; else it is passed
            over, since one configuration serves all chart types.

        Raises
        ------
        RequestError
            Naming the column, or the number that is no bound.
        """
        relative = table_of("relative", relative, '"volume": 1e-6')
        absolute = table_of("absolute", absolute, '"close": 0.01')
        known = {column.name: column for column in schema.columns}
        for bounds in (relative, absolute):
            for name, bound in bounds.items():
                _check_bound(name, bound)
                if is_strict:
                    _check_column(schema, name, known.get(name))
        found = {c.name: _usual(c) for c in schema.columns}
        for name in {*relative, *absolute} & set(known):
            found[name] = Tolerance(relative=relative.get(name, 0.0), absolute=absolute.get(name, 0.0))
        return cls(found)


def _usual(column: Column) -> Tolerance:
    is_sum = column.agg == "sum" and column.dtype == "float64"
    return Tolerance(relative=_OF_SUMS) if is_sum else Tolerance()


def _check_bound(name: str, bound: object) -> None:
    is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
    # A whole number beyond the largest float compares with it, and has no float of its own.
    if not is_number or not 0 <= bound <= sys.float_info.max:  # type: ignore[operator]
        raise RequestError(
            f"The tolerance {shown(bound)} of {name!r} is none.",
            hint="Give a number, 0 or more; the largest is 1.7e308.",
            column=str(name),
        )


def _check_column(schema: ChartSchema, name: str, column: Column | None) -> None:
    if column is None:
        close = get_close_matches(str(name), schema.column_names, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise RequestError(
            f"{schema.name} has no column {name!r}.",
            hint=f"{guess}It has: {', '.join(schema.column_names)}.",
            column=str(name),
        )
    if column.dtype not in _NUMBERS:
        raise RequestError(
            f"The column {name!r} holds {column.dtype}, which has no distance.",
            hint="Leave it out: such values agree when they are equal.",
            column=name,
        )
