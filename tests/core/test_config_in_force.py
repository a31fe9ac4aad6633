"""What a constructor takes can be set in the configuration, and holds there."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from core.fake_clients import archive, paged
from dsm_core import DataSourceManager
from dsm_core.config import DSMConfig, load_config
from dsm_core.errors import UnsupportedChartTypeError
from dsm_core.events import EventBus
from dsm_core.fcp.session import Session
from dsm_core.fcp.settings import Settings
from dsm_core.model.names import MarketType
from dsm_core.net import AdaptiveLane
from dsm_core.plugins import Provider, Registry

ARCHIVE, REST = archive(), paged()
HOUSE = Provider(name="house", clients=[type(ARCHIVE), type(REST)], sources=["vision", "rest"])
# Argument of a manager, and the key that says the same.
KEYS = {
    "market_type": "defaults.market_type",
    "provider": "defaults.provider",
    "chart_type": "defaults.chart_type",
    "cache_dir": "cache.dir",
    "use_cache": "cache.enabled",
    "cache_max_size": "cache.max_size",
    "max_concurrent": "http.max_concurrent",
    "retry_count": "http.retry_count",
    "max_concurrent_downloads": "http.max_concurrent_downloads",
}
# What only Python can say: code, and the configuration itself.
PYTHON_ONLY = {"rest_client", "clock", "registry", "config"}


def test_every_argument_of_a_manager_has_a_key() -> None:
    arguments = set(inspect.signature(DataSourceManager).parameters)
    assert arguments == set(KEYS) | PYTHON_ONLY
    for path in KEYS.values():
        section, key = path.split(".")
        assert hasattr(getattr(DSMConfig(), section), key)


def lanes(config: Any, **arguments: Any) -> tuple[AdaptiveLane, AdaptiveLane]:
    """What bounds downloads and requests of a manager with that configuration."""
    loaded = load_config({**config, "cache": {"enabled": False}}, env={})
    session = Session(Settings(config=loaded, **arguments), EventBus(), Registry.of(HOUSE))
    venue, market = session.market(None)
    assert market == MarketType.SPOT
    return venue.lane(ARCHIVE), venue.lane(REST)


def test_downloads_and_requests_in_flight_are_what_the_file_says() -> None:
    config = {"http": {"max_concurrent_downloads": 3, "max_concurrent": 7}}
    assert [lane.most for lane in lanes(config)] == [3, 7]
    assert [lane.most for lane in lanes(config, max_concurrent_downloads=5, max_concurrent=9)] == [5, 9]
    assert lanes({})[0].most == 13


def test_defaults_name_the_series_of_a_call_that_does_not(tmp_path: Path) -> None:
    config = {
        "cache": {"dir": str(tmp_path / "cache")},
        "defaults": {"provider": "house", "market_type": "spot", "chart_type": "funding_rate"},
    }
    with (
        DataSourceManager(config=config, registry=Registry.of(HOUSE)) as manager,
        pytest.raises(UnsupportedChartTypeError, match="funding_rate"),
    ):
        manager.explain("BTCUSDT", last="1d", interval="1h")
    with DataSourceManager(chart_type="klines", config=config, registry=Registry.of(HOUSE)) as manager:
        assert manager.explain("BTCUSDT", last="1d", interval="1h").series == "house/spot/klines/BTCUSDT/1h"
