"""A manager knows the providers of its registry, and shows what it is without its secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from attrs import frozen

from dsm_core import DataClientFactory, DataSourceManager
from dsm_core.config import Secret
from dsm_core.errors import ProviderNotFoundError, RequestError
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, Registry
from plugins.test_fetch_forms import END, SPEC, START, columns
from plugins.venues import Desk


@frozen(kw_only=True)
class KeyConfig:
    """A provider with a secret."""

    key: Secret


class Rest(DataClientInterface):
    spec = SPEC

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        return columns(start_time, end_time)


class Files(Rest):
    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="files",
        intervals=["1h"],
        columns="open high low close",
    )


def test_the_only_provider_of_the_registry_is_the_default(desk: Desk) -> None:
    manager = desk.manager(Provider(name="house", clients=[Rest]))
    assert len(manager.get_data("ACME", START, END, "1h", inclusive="left")) == 6
    with pytest.raises(ProviderNotFoundError, match="installed: house"):
        manager.get_data("ACME", START, END, "1h", provider="binance")


def test_a_client_registered_after_the_first_call_is_asked_by_the_same_manager(desk: Desk) -> None:
    registry = Registry.of(Provider(name="house", clients=[Rest]))
    manager = desk.manager(registry)
    manager.get_data("ACME", START, END, "1h")
    with registry.registered("house", Files):
        data = manager.query("ACME", START, END, "1h", enforce_source="files")
        assert {s.source for s in data.provenance} == {"files"}
    with pytest.raises(RequestError, match="no source 'files'"):
        manager.query("ACME", START, END, "1h", enforce_source="files")


def test_a_block_at_run_time_serves_managers_made_before_it(desk: Desk) -> None:
    given: dict[str, Any] = {"cache_dir": desk.tmp_path, "config": {}, "clock": lambda: desk.now}
    with DataSourceManager("spot", provider="house", **given) as manager:
        with pytest.raises(ProviderNotFoundError):
            manager.get_data("ACME", START, END, "1h")
        with DataClientFactory.registered(provider="house", client_class=Rest):
            assert len(manager.get_data("ACME", START, END, "1h", inclusive="left")) == 6
        with pytest.raises(ProviderNotFoundError):
            manager.get_data("ACME", START, END, "1h")


def test_what_is_no_registry_is_refused() -> None:
    with pytest.raises(RequestError, match="Pass a Registry"):
        DataSourceManager(registry=Provider(name="house", clients=[Rest]))  # type: ignore[arg-type]


def test_a_manager_shows_its_defaults_and_no_secret(desk: Desk) -> None:
    provider = Provider(name="house", clients=[Rest], config=KeyConfig)
    config = {"providers": {"house": {"key": "hush-hush"}}}
    manager = desk.manager(provider, "spot", config=config, provider="house")
    manager.get_data("ACME", START, END, "1h")
    folder = str(desk.tmp_path / "cache")
    assert repr(manager) == (
        f"<DataSourceManager(market_type='spot', provider='house', cache_dir={folder!r})>"
    )
    manager.close()
    assert repr(manager).endswith(" closed>")
    assert "hush" not in repr(manager)
    assert "use_cache=False" in repr(desk.manager(provider, use_cache=False, config=config))


class Adjusted(Rest):
    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="adjusted",
        intervals=["1h"],
        columns="open high low close",
        authoritative=True,
        options={"adjusted": bool},
    )


def test_a_source_that_does_not_read_an_option_is_not_asked_for_that_variant(desk: Desk) -> None:
    manager = desk.manager(Provider(name="house", clients=[Files, Adjusted]))
    plain = manager.query("ACME", START, END, "1h", inclusive="left")
    assert {s.source for s in plain.provenance} == {"files"}
    for value in (True, False):
        data = manager.query("ACME", START, END, "1h", inclusive="left", options={"adjusted": value})
        assert {s.source for s in data.provenance} == {"adjusted"}
    with pytest.raises(RequestError, match=r"'files' does not read the option 'adjusted'.*adjusted reads"):
        manager.query("ACME", START, END, "1h", options={"adjusted": True}, enforce_source="files")
