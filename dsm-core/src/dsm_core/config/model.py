"""The settings themselves: immutable, typed, each with a default. The loader reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, get_args

from attrs import field, frozen
from attrs.converters import optional

from dsm_core.config.agreement import AgreementConfig
from dsm_core.config.byte_size import MOST_BYTES, SIZE_PATTERN, parse_bytes
from dsm_core.config.document import MAPPING_LABEL, Document
from dsm_core.config.problem import KeyPath, Problem, config_error

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ON_GAPS", "CacheConfig", "DSMConfig", "DefaultsConfig", "HttpConfig", "ProviderSection"]

T = TypeVar("T")
OnGaps: TypeAlias = Literal["warn", "raise", "raise_any", "ignore"]
ON_GAPS: Final[tuple[OnGaps, ...]] = get_args(OnGaps)

# The same in JSON Schema's words, which tell an editor what the validators say.
_ABOVE_0: Final = {"schema": {"exclusiveMinimum": 0}}
_FROM_0: Final = {"schema": {"minimum": 0}}
_MOST_RETRIES: Final = 100
_MOST_AT_ONCE: Final = 1000
_LONGEST_HEADER: Final = 1000
_RETRIES: Final = {"schema": {"minimum": 0, "maximum": _MOST_RETRIES}}
_AT_ONCE: Final = {"schema": {"minimum": 1, "maximum": _MOST_AT_ONCE}}

_BYTES: Final = {"schema": {"minimum": 1, "maximum": MOST_BYTES, "pattern": rf"{SIZE_PATTERN}|\$\{{"}}
_HEADER: Final = {"schema": {"pattern": "^[ -~]*[!-~][ -~]*$", "maxLength": _LONGEST_HEADER}}


def _to_path(value: str | os.PathLike[str]) -> Path:
    return Path(value).expanduser()


def _to_paths(values: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    if isinstance(values, str | os.PathLike):
        # Text is iterable too: one letter would be one cache.
        return (_to_path(values),)
    return tuple(map(_to_path, values))


def _check_wait(_: Any, attribute: Any, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"must be a number of seconds, 0 or more, not {value}")


def _check_limit(_: Any, attribute: Any, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise ValueError(f"must be a number of seconds above 0, not {value}")


def _check_count(_: Any, attribute: Any, value: int) -> None:
    if value < 0:
        raise ValueError(f"must be 0 or more, not {value}")
    if value > _MOST_RETRIES:
        raise ValueError(f"must be {_MOST_RETRIES} or less, not {value}")


def _check_size(_: Any, attribute: Any, value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"must be 1 or more, not {value}")
    if value is not None and value > _MOST_AT_ONCE:
        raise ValueError(f"must be {_MOST_AT_ONCE} or less, not {value}")


def _check_bytes(_: Any, attribute: Any, value: int | str | None) -> None:
    if value is not None:
        parse_bytes(value)


def _check_header(_: Any, attribute: Any, value: str | None) -> None:
    if value is not None and not (value.isascii() and value.isprintable() and value.strip()):
        raise ValueError(f"must be one line of printable ASCII, not {value[:60]!r}")
    if value is not None and len(value) > _LONGEST_HEADER:
        raise ValueError(f"must be {_LONGEST_HEADER} characters or less, not {len(value)}")


@frozen(kw_only=True)
class CacheConfig:
    """Where rows are kept.

    Parameters
    ----------
    dir
        Folder of the cache; ``None`` is the platform's cache folder for the user.
    read_from
        More caches, looked into in this order and never written.
    enabled
        Whether the cache is read and written at all.
    max_size
        Most bytes that it may hold, such as 20GB; what was not used for longest goes first. ``None`` is
        no limit.
    """

    dir: Path | None = field(default=None, converter=optional(_to_path))
    read_from: tuple[Path, ...] = field(default=(), converter=_to_paths)
    enabled: bool = True
    max_size: int | str | None = field(default=None, validator=_check_bytes, metadata=_BYTES)

    @property
    def max_bytes(self) -> int | None:
        """``max_size`` as a number of bytes."""
        return None if self.max_size is None else parse_bytes(self.max_size)


@frozen(kw_only=True)
class DefaultsConfig:
    """What a call means when it does not say.

    Parameters
    ----------
    provider
        Provider's name; ``None`` is the only one installed.
    market_type
        Market's name, such as ``spot``; ``None`` leaves it to each call.
    chart_type
        Chart type's name, such as ``klines``, which ``None`` stands for.
    deadline_s
        Seconds a call may take in all; ``None`` is no limit.
    max_wait_s
        Seconds a call may wait for a rate limit.
    on_gaps
        What happens when rows are missing: ``warn``, ``raise``, ``raise_any`` (final gaps too) or ``ignore``.
    """

    provider: str | None = None
    market_type: str | None = None
    chart_type: str | None = None
    deadline_s: float | None = field(default=300.0, validator=_check_limit, metadata=_ABOVE_0)
    max_wait_s: float = field(default=120.0, validator=_check_wait, metadata=_FROM_0)
    on_gaps: OnGaps = "warn"


@frozen(kw_only=True)
class HttpConfig:
    """How DSM talks HTTP.

    Parameters
    ----------
    connect_timeout_s
        Seconds until a connection must stand.
    read_timeout_s
        Seconds until the next bytes must come.
    retry_count
        Times a failed request is tried again; 0 is never, 100 the most.
    max_concurrent
        REST requests in flight at one time, 1000 at most.
    max_concurrent_downloads
        Archive files in flight at one time, whatever the providers' own keys say; ``None`` is what they say.
    user_agent
        ``User-Agent`` header; ``None`` is DSM's own.
    state_dir
        Folder in which the processes of one machine share rate limits; ``None`` is DSM's own.
    """

    connect_timeout_s: float = field(default=10.0, validator=_check_limit, metadata=_ABOVE_0)
    read_timeout_s: float = field(default=30.0, validator=_check_limit, metadata=_ABOVE_0)
    retry_count: int = field(default=5, validator=_check_count, metadata=_RETRIES)
    max_concurrent: int = field(default=50, validator=_check_size, metadata=_AT_ONCE)
    max_concurrent_downloads: int | None = field(default=None, validator=_check_size, metadata=_AT_ONCE)
    user_agent: str | None = field(default=None, validator=_check_header, metadata=_HEADER)
    state_dir: Path | None = field(default=None, converter=optional(_to_path))


@frozen(kw_only=True, repr=False)
class ProviderSection:
    """A provider's settings as written, until the provider says what they mean.

    Its repr shows keys only, for values may be secrets.

    Parameters
    ----------
    name
        The provider's name.
    raw
        The section's data; placeholders are not filled in.
    positions
        Line of each key path inside the section; empty when there is no file.
    file
        How messages name the file.
    folder
        What relative paths are relative to.
    env
        What placeholders are filled from; ``None`` is the environment at the time of `structure`, so that
        the section of a provider nobody uses needs no variables.
    """

    name: str
    raw: Mapping[str, Any] = field(factory=dict)
    positions: Mapping[KeyPath, int] = field(factory=dict)
    file: str = MAPPING_LABEL
    folder: Path = field(factory=Path)
    env: Mapping[str, str] | None = field(default=None, eq=False)

    def structure(self, cls: type[T]) -> T:
        """Instance of a provider's settings class.

        Parameters
        ----------
        cls
            An attrs class; its fields are the keys.

        Raises
        ------
        ConfigError
            One line for every unknown or missing key, wrong value and unset variable.
        PluginContractError
            `cls` cannot be filled from a file; its author must change it.
        """
        value, problems = self._structure(cls)
        if value is None or problems:
            raise config_error(problems)
        return value

    def check(self, cls: type) -> list[Problem]:
        """Problems that `structure` would raise."""
        return self._structure(cls)[1]

    def _structure(self, cls: type[T]) -> tuple[T | None, list[Problem]]:
        # Late, as cattrs costs more to import than all the rest of this package.
        from dsm_core.config.structure import structure  # noqa: PLC0415

        document = Document(
            data=self.raw,
            positions=self.positions,
            label=self.file,
            folder=self.folder,
            prefix=("providers", self.name),
        )
        return structure(document, cls, os.environ if self.env is None else self.env)

    def __repr__(self) -> str:
        return f"ProviderSection({self.name!r}, keys={list(self.raw)}, file={self.file!r})"


@frozen(kw_only=True)
class DSMConfig:
    """The whole configuration.

    Parameters
    ----------
    cache, defaults, agreement, http
        The sections of the core.
    offline
        Whether every network request is forbidden.
    providers
        Sections by provider name; see `section`.
    source
        The file it came from; ``None`` without one.
    """

    cache: CacheConfig = field(factory=CacheConfig)
    defaults: DefaultsConfig = field(factory=DefaultsConfig)
    agreement: AgreementConfig = field(factory=AgreementConfig)
    http: HttpConfig = field(factory=HttpConfig)
    offline: bool = False
    providers: Mapping[str, ProviderSection] = field(factory=dict)
    source: Path | None = None

    def section(self, name: str) -> ProviderSection:
        """Section of a provider; an empty one where the configuration has none."""
        if name in self.providers:
            return self.providers[name]
        if self.source is None:
            return ProviderSection(name=name)
        return ProviderSection(name=name, file=self.source.name, folder=self.source.parent)
