"""A checked public call, before any source is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Final, Literal, TypedDict

from attrs import field, frozen

from dsm_core.errors import RequestError
from dsm_core.model.interval import Interval
from dsm_core.model.names import DataSource
from dsm_core.model.request import Last

__all__ = ["ON_GAPS", "CallOptions", "Moment", "OnGaps", "Request"]

ON_GAPS: Final = ("warn", "raise", "raise_any", "ignore")


Moment = str | date | datetime
"""An aware datetime, ISO text with offset, or a label of a whole UTC period."""
OnGaps = Literal["warn", "raise", "raise_any", "ignore"]


class CallOptions(TypedDict, total=False):
    """What every verb takes beyond symbol, range and interval; ``get_data`` tells what each means."""

    last: Last | None
    columns: Sequence[str] | None
    inclusive: Literal["both", "left", "right", "neither"]
    use_cache: bool
    enforce_source: str
    provider: str | None
    market_type: str | None
    chart_type: str | None
    include_source_metadata: bool
    include_open_bar: bool
    on_gaps: OnGaps | None
    options: Mapping[str, Any] | None
    deadline_s: float | None


def _interval(value: str | None) -> Interval | None:
    return None if value is None else Interval(value)


def _check_on_gaps(_: object, attribute: object, value: str | None) -> None:
    if value is not None and value not in ON_GAPS:
        raise RequestError(f"on_gaps={value!r}.", hint=f"Use one of {', '.join(ON_GAPS)}.")


def _check_deadline(_: object, attribute: object, value: float | None) -> None:
    if value is not None and not (isinstance(value, int | float) and value > 0):
        raise RequestError(f"deadline_s={value!r}.", hint="Give seconds above 0, or None.")


@frozen(kw_only=True)
class Request:
    """What ``get_data``, ``query``, ``explain`` and ``prefetch`` were asked.

    Times stay as they were given: what they mean depends on the venue's clock.
    """

    symbol: str
    start: Any = None
    end: Any = None
    interval: Interval | None = field(default=None, converter=_interval)
    last: Last | None = None
    inclusive: str = "both"
    columns: tuple[str, ...] | None = None
    use_cache: bool = True
    source: DataSource = field(default=DataSource.AUTO, converter=DataSource)
    provider: str | None = None
    market_type: str | None = None
    chart_type: str | None = None
    include_open_bar: bool = False
    include_source: bool = False
    on_gaps: str | None = field(default=None, validator=_check_on_gaps)
    options: Mapping[str, Any] = field(factory=dict)
    deadline_s: float | None = field(default=None, validator=_check_deadline)

    @classmethod
    def of(
        cls,
        symbol: str,
        start: Moment | None,
        end: Moment | None,
        interval: str | None,
        given: CallOptions,
    ) -> Request:
        """Request of a public call.

        Raises
        ------
        RequestError
            When a value means nothing.
        TypeError
            For a keyword that no verb takes.
        """
        _check_keywords(given)
        columns = _texts(given.get("columns"))
        options = given.get("options") or {}
        if not isinstance(options, Mapping):
            raise RequestError(f"options={options!r} is no mapping.", hint='Write options={"name": "value"}.')
        return cls(
            symbol=symbol,
            start=start,
            end=end,
            interval=interval,
            last=given.get("last"),
            inclusive=given.get("inclusive", "both"),
            columns=columns,
            use_cache=given.get("use_cache", True),
            source=given.get("enforce_source", DataSource.AUTO),
            provider=given.get("provider"),
            market_type=given.get("market_type"),
            chart_type=given.get("chart_type"),
            include_open_bar=given.get("include_open_bar", False),
            include_source=given.get("include_source_metadata", False),
            on_gaps=given.get("on_gaps"),
            options=dict(options),
            deadline_s=given.get("deadline_s"),
        )


def _check_keywords(given: CallOptions) -> None:
    known = CallOptions.__annotations__
    for keyword in given:
        if keyword not in known:
            close = get_close_matches(keyword, known, n=1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"unexpected keyword argument {keyword!r}{guess}")


def _texts(columns: Any) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, str):
        names = [name.strip() for name in columns.split(",") if name.strip()]
        raise RequestError(f"columns={columns!r} is one text.", hint=f"Write columns={names!r}.")
    if not isinstance(columns, Iterable):
        raise RequestError(f"columns={columns!r} is no list.", hint='Write columns=["open", "close"].')
    return tuple(map(str, columns))
