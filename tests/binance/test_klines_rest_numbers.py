"""REST rows with numbers that cannot be: refused with a typed error, and never cached."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError, SchemaMismatchError
from dsm_core.testing import LoopbackServer, Request

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
HOUR_MS = 3_600_000
DAY = ("2024-05-01", "2024-05-01")
_METHODS = {
    "klines": "klines",
    "mark_price_klines": "markPriceKlines",
    "premium_index_klines": "premiumIndexKlines",
}


@define
class Venue:
    """Hourly bars of every kind, of which one, at 07:00, may be changed: cells by their place."""

    changed: dict[int, Any] = field(factory=dict)

    def answer(self, request: Request) -> Any:
        name = request.path.rpartition("/")[2]
        if name not in _METHODS.values():
            return None
        first, last = int(request.params["startTime"]), int(request.params["endTime"])
        opens = range(-(-first // HOUR_MS) * HOUR_MS, last + 1, HOUR_MS)
        return [self.row(t) for t in opens][: int(request.params["limit"])]

    def row(self, t: int) -> list[Any]:
        row = [t, "5.0", "6.0", "4.0", "5.5", "7.0", t + HOUR_MS - 1, "35.0", 12, "3.0", "15.0", "0"]
        for place, cell in self.changed.items() if t // HOUR_MS % 24 == 7 else ():
            row[place] = cell
        return row


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def url(venue: Venue) -> Iterator[str]:
    with LoopbackServer(venue.answer) as server:
        yield server.url


def manager(url: str, folder: Path, chart: str) -> DataSourceManager:
    endpoints = {key: f"{url}/{key}" for key in ("vision", "listing", "spot", "um", "cm")}
    http = {"state_dir": str(folder / "limits"), "retry_count": 0}
    return DataSourceManager(
        "spot" if chart == "klines" else "um",
        provider="binance",
        chart_type=chart,
        config={"http": http, "providers": {"binance": {"endpoints": endpoints}}},
        cache_dir=folder / "cache",
        clock=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("chart", "changed", "told"),
    [
        ("klines", {5: "-0.5"}, "'volume': is -0.5 in row 7"),
        ("klines", {7: "-35.0"}, "'quote_asset_volume': is -35.0"),
        ("klines", {8: -1}, "'count': is -1"),
        ("klines", {9: "-3"}, "'taker_buy_volume': is -3.0"),
        ("klines", {10: "-3"}, "'taker_buy_quote_volume': is -3.0"),
        ("klines", {3: "-4.0"}, "'low': is -4.0"),
        ("klines", {1: "-5", 2: "-4", 3: "-6", 4: "-5"}, "'close': is -5.0"),
        ("klines", {3: "5.2"}, "is above open in row 7"),
        ("klines", {2: "5.2"}, "is above high in row 7"),
        ("klines", {5: "NaN"}, "'volume'"),
        ("klines", {4: "Infinity"}, "'close'"),
        ("mark_price_klines", {3: "-0.1"}, "'low': is -0.1"),
        ("mark_price_klines", {8: -5}, "'count': is -5"),
        ("premium_index_klines", {8: -5}, "'count': is -5"),
        ("premium_index_klines", {2: "-9"}, "is above high"),
    ],
)
def test_an_answer_with_an_impossible_number_is_refused_and_never_cached(
    chart: str, changed: dict[int, Any], told: str, venue: Venue, url: str, tmp_path: Path
) -> None:
    venue.changed = changed
    with manager(url, tmp_path, chart) as made:
        with pytest.raises(AllSourcesFailedError) as caught:
            made.query("BTCUSDT", *DAY, "1h", enforce_source="rest")
        assert isinstance(caught.value.__cause__, SchemaMismatchError)
        assert told in str(caught.value.__cause__)
        assert len(made.query("BTCUSDT", *DAY, "1h", enforce_source="cache", on_gaps="ignore")) == 0
    venue.changed = {}
    with manager(url, tmp_path, chart) as made:
        data = made.query("BTCUSDT", *DAY, "1h", enforce_source="rest", on_gaps="raise_any")
    assert (len(data), data.to_pandas()["low"].unique().tolist()) == (24, [4.0])


def test_a_premium_below_zero_is_a_premium(venue: Venue, url: str, tmp_path: Path) -> None:
    venue.changed = {1: "-0.002", 2: "-0.001", 3: "-0.004", 4: "-0.003"}
    with manager(url, tmp_path, "premium_index_klines") as made:
        data = made.query("BTCUSDT", *DAY, "1h", enforce_source="rest", on_gaps="raise_any")
    assert data.to_pandas()["low"].iloc[7] == -0.004


def test_a_neighbouring_page_is_kept_when_one_is_refused(venue: Venue, url: str, tmp_path: Path) -> None:
    venue.changed = {5: "-0.5"}
    night = (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 6, tzinfo=UTC))
    with manager(url, tmp_path, "klines") as made:
        assert len(made.query("BTCUSDT", *night, "1h", enforce_source="rest")) == 7
        data = made.query("BTCUSDT", night[0], night[1] + timedelta(hours=6), "1h", on_gaps="ignore")
    assert len(data) == 7
    assert {gap.reason for gap in data.gaps} == {"source_failed"}
    assert any(isinstance(failure.error, SchemaMismatchError) for failure in data.failures)
