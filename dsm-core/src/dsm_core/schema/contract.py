"""What may stand in a schema: refused when it is made, with the value and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from dsm_core.errors import PluginContractError

__all__ = [
    "KINDS",
    "check_chart_type",
    "check_column",
    "check_key",
    "check_known",
    "check_names",
    "check_not_negative",
    "check_ordered",
    "check_ttl",
    "pairs_of",
    "tuple_of",
]

KINDS: Final = ("bars", "events", "documents")
_DTYPES: Final = ("float64", "int64", "bool", "string", "time")
_AGGREGATIONS: Final = ("first", "max", "min", "last", "sum")
# A sum of instants or of texts means nothing, nor does the largest text or truth.
_AGGREGATIONS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "bool": ("first", "last"),
    "string": ("first", "last"),
    "time": ("first", "max", "min", "last"),
}
_CHART_TYPE: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_COLUMN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_LONGEST: Final = 60
_LONGEST_TTL_S: Final = 366 * 86_400
# What tables of several series add beside the columns.
_TAKEN: Final = ("symbol", "interval", "provider", "market_type", "options")
_COMPARED: Final = {"float64": "number", "int64": "number", "time": "time"}


def _fault(what: str, hint: str, **details: Any) -> PluginContractError:
    return PluginContractError(f"{what}.", hint=hint, **details)


def tuple_of(value: Any) -> Any:
    """A list, or whatever can be gone through, as a tuple; other values stay, for the check to name."""
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def pairs_of(value: Any) -> Any:
    """The same, of pairs."""
    return (
        tuple(map(tuple_of, value)) if isinstance(value, Iterable) and not isinstance(value, str) else value
    )


def check_column(name: Any, dtype: Any, agg: Any, *, is_time_only: bool, unit: Any) -> None:
    """Refuse a column that cannot be kept.

    Raises
    ------
    PluginContractError
        Naming the value.
    """
    _check_column_name(name)
    if dtype not in _DTYPES:
        raise _fault(f"Column {name!r} has dtype={dtype!r}", _one_of(dtype, _DTYPES), column=name)
    allowed = _AGGREGATIONS_OF.get(dtype, _AGGREGATIONS)
    if agg is not None and agg not in allowed:
        what = f"Column {name!r} of {dtype} has agg={agg!r}"
        raise _fault(what, f"{_one_of(agg, allowed)} None says that bars cannot be joined.", column=name)
    if is_time_only and dtype != "time":
        what = f"Column {name!r} of {dtype} has whole_ms or ends_slot"
        raise _fault(what, "They are for columns of dtype time.", column=name)
    if not isinstance(unit, str):
        raise _fault(f"Column {name!r} has unit={unit!r}", "Say in words what one unit is.", column=name)


def check_not_negative(name: str, dtype: str, not_negative: Any) -> None:
    """Refuse a bound on what is no number.

    Raises
    ------
    PluginContractError
        Naming the value.
    """
    if not isinstance(not_negative, bool) or (not_negative and _COMPARED.get(dtype) != "number"):
        what = f"Column {name!r} of {dtype} has not_negative={not_negative!r}"
        raise _fault(what, "True is for columns of float64 and int64.", column=name)


def check_chart_type(name: Any, kind: Any) -> None:
    """Refuse a name that is none, and an unknown kind.

    Raises
    ------
    PluginContractError
        Naming the value.
    """
    if not isinstance(name, str) or not _CHART_TYPE.match(name) or len(name) > _LONGEST:
        what = f"{name!r} is no name of a chart type"
        hint = f"Use at most {_LONGEST} lower-case letters, digits and underscores: 'open_interest'."
        raise _fault(what, hint)
    if kind not in KINDS:
        raise _fault(f"The chart type {name!r} has kind={kind!r}", _one_of(kind, KINDS), chart_type=name)


def check_names(chart_type: str, index: Any, columns: Sequence[str]) -> None:
    """Refuse an index and columns that cannot stand beside each other.

    Raises
    ------
    PluginContractError
        Naming the column.
    """
    _check_column_name(index)
    seen: dict[str, str] = {}
    for name in columns:
        if name.lower() == index.lower():
            what = f"The chart type {chart_type!r} has its index {index!r} among the columns too"
            raise _fault(what, "Leave it out of columns.", chart_type=chart_type, column=name)
        if name.lower() in seen:
            first = seen[name.lower()]
            twice = f"the column {name!r} twice" if first == name else f"both columns {first!r} and {name!r}"
            what = f"The chart type {chart_type!r} has {twice}"
            raise _fault(what, "Letter case makes no second name.", chart_type=chart_type, column=name)
        seen[name.lower()] = name


def check_ttl(chart_type: str, kind: str, ttl_s: Any) -> None:
    """Refuse documents without time-to-live, and a time-to-live of anything else.

    Raises
    ------
    PluginContractError
        Naming the value.
    """
    if kind != "documents":
        if ttl_s is not None:
            what = f"The chart type {chart_type!r} is of kind {kind} and has ttl_s={ttl_s!r}"
            raise _fault(what, "Only documents grow old: leave it out.", chart_type=chart_type)
        return
    is_number = isinstance(ttl_s, int | float) and not isinstance(ttl_s, bool)
    if not is_number or not 0 < ttl_s <= _LONGEST_TTL_S:
        what = f"The chart type {chart_type!r} is of kind documents and has ttl_s={ttl_s!r}"
        hint = "Say for how many seconds, a year's at most, a record may be handed out again: ttl_s=3600."
        raise _fault(what, hint, chart_type=chart_type)


def check_ordered(chart_type: str, ordered: Any, dtypes: Mapping[str, str]) -> None:
    """Refuse an order of columns that are not there, or that cannot be compared.

    Raises
    ------
    PluginContractError
        Naming the pair.
    """
    for pair in ordered if isinstance(ordered, tuple) else (ordered,):
        if not isinstance(pair, tuple) or len(pair) != 2:
            hint = 'Write pairs of columns: ordered=(("low", "high"),).'
            raise _fault(f"The chart type {chart_type!r} has ordered={pair!r}", hint, chart_type=chart_type)
        for name in pair:
            check_known(chart_type, "ordered", name, dtypes)
        low, high = (_COMPARED.get(dtypes[name]) for name in pair)
        if low is None or low != high:
            what = (
                f"The chart type {chart_type!r} orders {pair[0]!r} and {pair[1]!r}, which nobody can compare"
            )
            raise _fault(what, "Order numbers with numbers, times with times.", chart_type=chart_type)


def check_key(
    chart_type: str, kind: str, key: Any, dtypes: Mapping[str, str], optional: Iterable[str]
) -> None:
    """Refuse a key of what is no events, or of columns that may be absent.

    Raises
    ------
    PluginContractError
        Naming the column.
    """
    if not isinstance(key, tuple):
        raise _fault(f"The chart type {chart_type!r} has key={key!r}", 'Name columns: key=("trade_id",).')
    if key and kind != "events":
        what = f"The chart type {chart_type!r} is of kind {kind} and has key={key!r}"
        raise _fault(what, "Only events share an instant: leave it out.", chart_type=chart_type)
    absent = frozenset(optional)
    for name in key:
        check_known(chart_type, "key", name, dtypes)
        if name in absent:
            what = f"The chart type {chart_type!r} has {name!r} in its key, which may be absent"
            raise _fault(what, "Make it required and not nullable.", chart_type=chart_type)


def check_known(chart_type: str, where: str, name: Any, dtypes: Mapping[str, str]) -> None:
    """Refuse a column that the schema does not have.

    Raises
    ------
    PluginContractError
        With the nearest one.
    """
    if not isinstance(name, str) or name not in dtypes:
        what = f"The chart type {chart_type!r} has {name!r} in {where}, which is none of its columns"
        raise _fault(what, _one_of(name, tuple(dtypes)), chart_type=chart_type)


def _check_column_name(name: Any) -> None:
    if not isinstance(name, str) or not _COLUMN.match(name) or len(name) > _LONGEST:
        hint = f"Use at most {_LONGEST} letters, digits and underscores, a letter first: 'mark_price'."
        raise _fault(f"{name!r} is no name of a column", hint)
    if name.lower() in _TAKEN:
        what = f"A column cannot be called {name!r}, as DSM adds one of that name to tables of many series"
        raise _fault(what, f"Call it otherwise, such as 'contract' or 'venue_{name.lower()}'.", column=name)


def _one_of(value: Any, known: Sequence[str]) -> str:
    close = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    guess = f"Did you mean {close[0]!r}? " if close else ""
    return f"{guess}Use one of {', '.join(known)}."
