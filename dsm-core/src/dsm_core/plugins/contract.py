"""What a client class and its spec must be; told with the class and the value, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from dsm_core.errors import PluginContractError
from dsm_core.model.interval import Interval
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.options import OPTION_TYPES
from dsm_core.plugins.spec import ClientSpec, Rolling, Since, Unlimited

if TYPE_CHECKING:
    from dsm_core.schema.chart_type import ChartSchema

__all__ = ["check_chart_types", "check_client_class", "check_places", "check_pools"]

_RESERVED: Final = ("auto", "cache")
Fault = tuple[str, str]


def check_client_class(value: Any, provider: str) -> None:
    """Refuse what is no client class, or one whose spec cannot be kept.

    Raises
    ------
    PluginContractError
        Naming the provider, the class and the value.
    """
    fault = _fault_of_class(value)
    if fault is not None:
        raise _error(value, provider, *fault)


def check_chart_types(
    clients: Iterable[type[DataClientInterface]], provider: str, schemas: Mapping[str, ChartSchema]
) -> None:
    """Refuse specs that do not fit the schema of their chart type.

    Parameters
    ----------
    clients
        Client classes.
    provider
        Whose they are.
    schemas
        Every chart type that is declared, by name.

    Raises
    ------
    PluginContractError
        Naming the provider, the class and the value.
    """
    for client in clients:
        schema = schemas.get(client.spec.chart_type)
        if schema is None:
            fault = (
                f"serves the chart type {client.spec.chart_type.value!r}, which nobody declares",
                f"Return its ChartSchema from dsm_chart_types(), or use one of {', '.join(schemas)}.",
            )
            raise _error(client, provider, *fault)
        for what, hint in _schema_faults(client.spec, schema):
            raise _error(client, provider, what, hint)


def check_places(clients: Iterable[type[DataClientInterface]], provider: str) -> None:
    """Refuse two clients of one market, chart type and source.

    Raises
    ------
    PluginContractError
        Naming both classes.
    """
    taken: dict[tuple[str, str, str], type[DataClientInterface]] = {}
    for client in clients:
        spec = client.spec
        place = (spec.market_type, spec.chart_type, spec.source)
        if place in taken:
            served = f"serves {spec.chart_type} of {spec.market_type} from {spec.source!s}"
            what = f"{served}, which {_name(taken[place])} already serves"
            raise _error(client, provider, what, "Keep one of them, or give it a source of its own.")
        taken[place] = client


def check_pools(clients: Iterable[type[DataClientInterface]], provider: str, pools: Iterable[str]) -> None:
    """Refuse a client whose requests would count against a limit that does not exist.

    Raises
    ------
    PluginContractError
        Naming the class, the pool and those that there are.
    """
    known = tuple(dict.fromkeys(pools))
    for client in clients:
        if known and client.spec.pool is not None and client.spec.pool not in known:
            raise _error(
                client,
                provider,
                f"counts against the pool {client.spec.pool!r}, which no limit has",
                f"Use one of {', '.join(known)}, or add a Limit of that name.",
            )


def _name(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


def _error(value: Any, provider: str, what: str, hint: str) -> PluginContractError:
    name = _name(value)
    return PluginContractError(
        f"Provider {provider!r}: {name} {what}.", hint=hint, provider=provider, client=name
    )


def _fault_of_class(value: Any) -> Fault | None:
    if not (isinstance(value, type) and issubclass(value, DataClientInterface)):
        return "is no client class", "Subclass DataClientInterface, and pass the class itself."
    spec = getattr(value, "spec", None)
    if not isinstance(spec, ClientSpec):
        return "has no spec", "Set the class attribute spec to a ClientSpec."
    unwritten = sorted(getattr(value, "__abstractmethods__", ()))
    if unwritten:
        return f"lacks {', '.join(unwritten)}", "Write what its base class leaves open."
    return next(_spec_faults(spec), None)


def _spec_faults(spec: ClientSpec) -> Iterator[Fault]:
    if spec.source in _RESERVED:
        yield (
            f"has the spec value source={spec.source.value!r}",
            "auto and cache mean something else; rename it.",
        )
    for name, is_right, hint in _RULES:
        value = getattr(spec, name)
        if not is_right(value):
            yield f"has the spec value {name}={value!r}", hint
    if spec.snap and spec.keeps_off_grid:
        yield "has both snap and keeps_off_grid in its spec", "A bar off the grid is moved or kept."
    intervals: Any = spec.intervals
    for interval, code in intervals.items() if isinstance(intervals, Mapping) else ():
        if not isinstance(interval, Interval) or not isinstance(code, str):
            yield f"has the interval {interval!r}: {code!r} in its spec", 'Write {Interval("1m"): "code"}.'
    for name, kind in spec.options.items() if isinstance(spec.options, Mapping) else ():
        yield from _option_faults(name, kind)


def _option_faults(name: Any, kind: Any) -> Iterator[Fault]:
    if not isinstance(name, str) or not name.isidentifier():
        yield f"has the option {name!r} in its spec", "An option is named as a Python argument is."
    is_choice = isinstance(kind, tuple) and kind and all(isinstance(v, str) and v for v in kind)
    if not is_choice and kind not in OPTION_TYPES:
        yield f"has the option {name!r} of {kind!r}", "Use bool, int, float, str or a tuple of allowed texts."


def _schema_faults(spec: ClientSpec, schema: ChartSchema) -> Iterator[Fault]:
    known = schema.column_names
    columns = spec.columns or frozenset()
    for column in sorted(map(str, columns - {*known, schema.index})):
        yield f"names the column {column!r} in its spec", f"{schema.name} has: {', '.join(known)}."
    lacking = [c.name for c in schema.columns if c.required and not c.ends_slot and c.name not in columns]
    if spec.columns is not None and lacking:
        yield (
            f"lacks the column {lacking[0]!r} in its spec",
            f"{schema.name} requires it; deliver and name it.",
        )
    numbers = [c.name for c in schema.columns if c.dtype in ("float64", "int64")]
    for column in sorted(spec.not_negative - set(numbers)):
        yield f"names {column!r} in not_negative in its spec", f"Numbers of it are: {', '.join(numbers)}."
    if schema.kind == "bars" and not spec.intervals:
        yield "has no intervals in its spec", f'{schema.name} are bars: write {{Interval("1m"): "code"}}.'
    if schema.kind != "bars" and spec.intervals:
        intervals = ", ".join(map(str, spec.intervals))
        yield (
            f"has the intervals {intervals} in its spec",
            f"{schema.name} are {schema.kind}: leave them out.",
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_history(value: Any) -> bool:
    if isinstance(value, Rolling):
        given = [v for v in (value.rows, value.days) if v is not None]
        rows_right = value.rows is None or _is_count(value.rows)
        return bool(given) and rows_right and (value.days is None or _is_amount(value.days))
    if isinstance(value, Since):
        return isinstance(value.day, date)
    return isinstance(value, Unlimited)


def _is_names(value: Any) -> bool:
    return value is None or (isinstance(value, frozenset) and all(isinstance(v, str) for v in value))


_RULES: Final[tuple[tuple[str, Callable[[Any], bool], str], ...]] = (
    ("intervals", lambda v: isinstance(v, Mapping), 'Write {Interval("1m"): "code"}.'),
    ("columns", _is_names, 'Give names, as in "open high low close".'),
    (
        "not_negative",
        lambda v: v is not None and _is_names(v),
        'Give names of columns, as in "open high low close".',
    ),
    ("page_rows", lambda v: v is None or _is_count(v), "Give a whole number above 0, or None for no limit."),
    ("max_span_s", lambda v: v is None or _is_amount(v), "Give seconds above 0, or None for no limit."),
    (
        "history",
        _is_history,
        "Use Unlimited(), Since(date(2017, 1, 1)), Rolling(rows=720) or Rolling(days=30).",
    ),
    ("authoritative", lambda v: isinstance(v, bool), "Use True or False."),
    ("snap", lambda v: isinstance(v, bool), "Use True or False."),
    ("keeps_off_grid", lambda v: isinstance(v, bool), "Use True or False."),
    ("stamp", lambda v: v in ("start", "end"), 'Use "start" or "end".'),
    ("overlap", lambda v: _is_count(v) or v == 0, "Give a whole number of bars, or 0."),
    ("grid", callable, "Give a function from Interval to Grid or None."),
    ("options", lambda v: isinstance(v, Mapping), 'Write {"adjusted": bool}, or names.'),
    ("cost", callable, "Give a number, or a function of the number of rows."),
    ("pool", lambda v: v is None or isinstance(v, str), "Name a pool of the provider's limits."),
)
