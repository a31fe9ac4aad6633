"""What a manager was told, checked and laid over its configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from os import PathLike
from pathlib import Path

from attrs import frozen

from dsm_core.config import ConfigSource, DSMConfig, load_config, parse_bytes
from dsm_core.errors import RequestError
from dsm_core.model.names import ChartType, MarketType
from dsm_core.plugins.interface import DataClientInterface

__all__ = ["Settings", "make_settings"]


@frozen(kw_only=True)
class Settings:
    """Arguments of a manager, checked and laid over its configuration."""

    config: DSMConfig
    provider: str | None = None
    market_type: MarketType | None = None
    chart_type: ChartType | None = None
    rest_client: type[DataClientInterface] | None = None
    cache_dir: Path | None = None
    use_cache: bool = True
    cache_max_bytes: int | None = None
    max_concurrent: int | None = None
    retry_count: int | None = None
    max_concurrent_downloads: int | None = None
    clock: Callable[[], datetime] | None = None


def make_settings(  # noqa: PLR0913 - the constructor's keywords are the public face
    *,
    market_type: str | None,
    provider: str | None,
    chart_type: str | None,
    rest_client: type[DataClientInterface] | None,
    cache_dir: str | PathLike[str] | None,
    use_cache: bool,
    cache_max_size: int | str | None,
    max_concurrent: int | None,
    retry_count: int | None,
    max_concurrent_downloads: int | None,
    config: ConfigSource,
    clock: Callable[[], datetime] | None,
) -> Settings:
    """Settings of a manager from its constructor's arguments.

    Raises
    ------
    ConfigError
        When the configuration is wrong.
    RequestError
        When an argument is.
    """
    for name, value, least in (
        ("max_concurrent", max_concurrent, 1),
        ("max_concurrent_downloads", max_concurrent_downloads, 1),
        ("retry_count", retry_count, 0),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise RequestError(f"{name}={value!r}.", hint=f"Give a whole number, {least} or more.")
    if cache_dir is not None and (not isinstance(cache_dir, str | PathLike) or not str(cache_dir)):
        raise RequestError(f"cache_dir={cache_dir!r}.", hint="Give the path of a folder, or leave it out.")
    if "\0" in str(cache_dir):
        raise RequestError(f"cache_dir={cache_dir!r} holds a NUL.", hint="Give the path of a folder.")
    try:
        cache_max_bytes = None if cache_max_size is None else parse_bytes(cache_max_size)
    except ValueError as error:
        raise RequestError(f"cache_max_size {error}.", hint="Give bytes, or text such as '20GB'.") from None
    if clock is not None and not callable(clock):
        raise RequestError(f"clock={clock!r}.", hint="Pass a function that gives an aware datetime.")
    if rest_client is not None and not (
        isinstance(rest_client, type) and issubclass(rest_client, DataClientInterface)
    ):
        raise RequestError(
            f"rest_client={rest_client!r}.", hint="Pass a client class: a subclass of DataClientInterface."
        )
    return Settings(
        config=load_config(config),
        provider=None if provider is None else str(provider),
        market_type=None if market_type is None else MarketType(market_type),
        chart_type=None if chart_type is None else ChartType(chart_type),
        rest_client=rest_client,
        cache_dir=None if cache_dir is None else Path(cache_dir).expanduser(),
        use_cache=use_cache,
        cache_max_bytes=cache_max_bytes,
        max_concurrent=max_concurrent,
        retry_count=retry_count,
        max_concurrent_downloads=max_concurrent_downloads,
        clock=clock,
    )
