"""A list of series to keep: a YAML file that says which ones and how far back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import field, frozen

from dsm_core.config.problem import KeyPath, Problem, config_error

if TYPE_CHECKING:
    from dsm_core.config.document import Document

__all__ = ["Wish", "load_list"]

_SEPARATOR: Final = "/"
_MAX_BYTES: Final = 16 << 20
_MAX_VALUES: Final = 400_000
_KEY_PARTS: Final = ("provider", "market_type", "chart_type", "interval", "options")


@frozen(kw_only=True)
class Wish:
    """One series to keep.

    Parameters
    ----------
    symbol
        The provider's own name.
    provider, market_type, chart_type, interval
        The rest of its key; None leaves it to whoever asks.
    start, end
        First and last open, as in a call; None for ``end`` is now.
    options
        What the provider's clients read, as pairs of text.
    """

    symbol: str
    provider: str | None = None
    market_type: str | None = None
    chart_type: str | None = None
    interval: str | None = None
    start: str | None = None
    end: str | None = None
    options: tuple[tuple[str, str], ...] = ()


def load_list(path: str | os.PathLike[str], *, needs_start: bool = False) -> tuple[Wish, ...]:
    """Wishes of a list file, in its order; one written twice counts once.

    Parameters
    ----------
    path
        YAML with ``series``, a list of symbols, series keys and mappings, and ``defaults``, the keys
        that entries may leave out.
    needs_start
        Whether an entry without a start is a mistake; else it is for the caller to say what that means.

    Raises
    ------
    ConfigError
        The file cannot be read, or something in it is wrong: the message has a line for each mistake.
    """
    from dsm_core.config.structure import structure  # noqa: PLC0415 - imports cattrs

    document = _read(Path(path))
    parsed, problems = structure(_with_mappings(document), _ListFile, os.environ)
    problems = [*document.problems, *problems]
    if parsed is None:
        raise config_error(_in_order(problems))
    wishes = [_wish(entry, parsed.defaults) for entry in parsed.series]
    problems += _contradictions(document, wishes, needs_start=needs_start)
    if problems:
        raise config_error(_in_order(problems))
    return tuple(dict.fromkeys(wishes))


def _read(path: Path) -> Document:
    from dsm_core.config.yaml_file import FileForm, read_yaml_file  # noqa: PLC0415 - imports ruamel.yaml

    form = FileForm(
        expected="the keys 'defaults:' and 'series:'",
        size="a list names a few thousand series",
        max_bytes=_MAX_BYTES,
        max_values=_MAX_VALUES,
    )
    return read_yaml_file(Path.cwd() / path, str(path), form)


def _with_mappings(document: Document) -> Document:
    """The document with every entry a mapping: a lone symbol or key becomes its ``symbol``."""
    entries = document.data.get("series")
    if not isinstance(entries, list):
        return document
    lone = str | int | float
    series = [{"symbol": entry} if isinstance(entry, lone) else entry for entry in entries]
    return attrs.evolve(document, data={**document.data, "series": series})


def _text(value: str | int | None) -> str | None:
    # `start: 2024` is a number in YAML, and a year here.
    return None if value is None else str(value)


def _check_time(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None:
        _bounds(value, attribute.name)


def _check_interval(_: object, attribute: object, value: str | None) -> None:
    from dsm_core.model.interval import Interval  # noqa: PLC0415 - the model is loaded with a list

    if value is not None:
        Interval(value)


def _check_names(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    from dsm_core.model.names import ChartType, MarketType  # noqa: PLC0415

    if value is not None:
        (MarketType if attribute.name == "market_type" else ChartType)(value)


def _check_symbol(_: object, attribute: object, value: str) -> None:
    if not value.strip():
        raise ValueError("is empty; name a symbol")
    if _SEPARATOR in value:
        from dsm_core.model.series import SeriesKey  # noqa: PLC0415

        SeriesKey.parse(value)


def _check_series(_: object, attribute: object, value: tuple[Any, ...]) -> None:
    if not value:
        raise ValueError("the list is empty; name at least one series")


@frozen(kw_only=True)
class _Defaults:
    """What entries may leave out."""

    provider: str | None = None
    market_type: str | None = field(default=None, validator=_check_names)
    chart_type: str | None = field(default=None, validator=_check_names)
    interval: str | None = field(default=None, validator=_check_interval)
    start: str | int | None = field(default=None, converter=_text, validator=_check_time)
    end: str | int | None = field(default=None, converter=_text, validator=_check_time)
    options: dict[str, str | int | float | bool] = field(factory=dict)


@frozen(kw_only=True)
class _Entry(_Defaults):
    """One entry as it is written."""

    symbol: str = field(validator=_check_symbol)

    def __attrs_post_init__(self) -> None:
        if _SEPARATOR in self.symbol:
            told = [name for name in _KEY_PARTS if getattr(self, name)]
            if told:
                raise ValueError(f"{self.symbol!r} is a whole key, so leave out {', '.join(told)}")


@frozen
class _ListFile:
    """Keys of the top level."""

    series: tuple[_Entry, ...] = field(validator=_check_series)
    defaults: _Defaults = field(factory=_Defaults)


def _wish(entry: _Entry, defaults: _Defaults) -> Wish:
    # One with the same meaning must be equal, or it would be fetched twice: names in their usual form.
    own = _key_parts(entry) if _SEPARATOR in entry.symbol else _named_parts(entry, defaults)
    return Wish(**own, start=_text(entry.start or defaults.start), end=_text(entry.end or defaults.end))


def _key_parts(entry: _Entry) -> dict[str, Any]:
    from dsm_core.model.series import SeriesKey  # noqa: PLC0415

    key = SeriesKey.parse(entry.symbol)
    return {
        "symbol": key.symbol,
        "provider": key.provider,
        "market_type": str(key.market_type),
        "chart_type": str(key.chart_type),
        "interval": None if key.interval is None else str(key.interval),
        "options": key.options,
    }


def _named_parts(entry: _Entry, defaults: _Defaults) -> dict[str, Any]:
    from dsm_core.model.interval import Interval  # noqa: PLC0415
    from dsm_core.model.names import ChartType, MarketType  # noqa: PLC0415
    from dsm_core.model.series import option_pairs  # noqa: PLC0415

    market = entry.market_type or defaults.market_type
    chart = entry.chart_type or defaults.chart_type
    interval = entry.interval or defaults.interval
    return {
        "symbol": entry.symbol,
        "provider": entry.provider or defaults.provider,
        "market_type": None if market is None else str(MarketType(market)),
        "chart_type": None if chart is None else str(ChartType(chart)),
        "interval": None if interval is None else str(Interval(interval)),
        "options": option_pairs({**defaults.options, **entry.options}),
    }


def _contradictions(document: Document, wishes: list[Wish], *, needs_start: bool) -> list[Problem]:
    """What only shows once the defaults are filled in."""
    found = []
    for place, wish in enumerate(wishes):
        path: KeyPath = ("series", place)
        if wish.end is not None and wish.start is None:
            found.append(document.problem(path, "has an end and no start; give one here or in defaults"))
        elif needs_start and wish.start is None:
            found.append(document.problem(path, "has no start; give one here or in defaults"))
        elif _is_reversed(wish):
            found.append(document.problem(path, f"start {wish.start} is after end {wish.end}; swap them"))
    return found


def _is_reversed(wish: Wish) -> bool:
    if wish.start is None or wish.end is None:
        return False
    return _bounds(wish.end, "end")[1] <= _bounds(wish.start, "start")[0]


def _bounds(value: str, name: str) -> tuple[int, int]:
    from dsm_core.model.request import moment_bounds  # noqa: PLC0415

    return moment_bounds(value, name)


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line or 0)
