"""Recorded answers become exactly the values that they hold, and the vendor's own document agrees."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dsm_core.schema.chart_type import KLINES
from dsm_core.testing import LoopbackServer
from dsm_tradestation.bar_rows import bar_table
from dsm_tradestation.config import SESSION_TEMPLATES
from dsm_tradestation.markets import MOST_BARS
from dsm_tradestation.schemas import BARS
from tradestation.desk import CHARTS, DATA, DETAILS, Desk, Venue, asked, bar, moment, recorded, utc

NEW_YORK = ZoneInfo("America/New_York")
SPEC = recorded("spec/webapi-v3-openapi.json")
FIELDS = {
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "TotalVolume",
    "open_interest": "OpenInterest",
    "up_volume": "UpVolume",
    "down_volume": "DownVolume",
    "up_ticks": "UpTicks",
    "down_ticks": "DownTicks",
    "total_ticks": "TotalTicks",
}


def second_opinion(bars: list[dict[str, Any]]) -> pd.DataFrame:
    """Daily bars by way of Decimal and the wall clock of New York, a bar at a time."""
    rows, days = [], []
    for wire in bars:
        end = moment(wire["TimeStamp"])
        assert int(end.timestamp()) * 1000 == wire["Epoch"]
        days.append(pd.Timestamp(end.astimezone(NEW_YORK).date(), tz="UTC"))
        row: dict[str, Any] = {name: Decimal(str(wire[field])) for name, field in FIELDS.items()}
        rows.append(row | {"close_time": pd.Timestamp(end) - pd.Timedelta(milliseconds=1)})
    return pd.DataFrame(rows, index=pd.DatetimeIndex(days, name="open_time"))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("rest/barcharts_MSFT_daily_202503.json", "2025-03-25", "2025-03-31"),
        ("rest/barcharts_MSFT_daily_202011.docexample.json", "2020-11-04", "2020-11-12"),
    ],
)
def test_a_recorded_answer_becomes_its_exact_values(desk: Desk, name: str, first: str, last: str) -> None:
    wire = recorded(name)["Bars"]
    server = desk.serve(Venue({"MSFT": wire}))
    found = desk.manager(server, "equities", utc(2026)).get_data("MSFT", first, last, "1d")
    due = second_opinion(wire)
    assert list(found.columns) == list(BARS.column_names)
    assert list(found.index) == list(due.index)
    assert list(found["close_time"]) == list(due["close_time"])
    for column in FIELDS:
        for value, exact in zip(found[column], due[column], strict=True):
            assert value == (float(exact) if column in ("open_interest", "volume") else type(value)(exact))
    assert {str(found[c].dtype) for c in FIELDS if c.endswith("ticks") or "_volume" in c} == {"int64"}


def test_klines_count_ticks_and_leave_null_what_the_venue_does_not_tell(desk: Desk) -> None:
    wire = recorded("rest/barcharts_MSFT_daily_202503.json")["Bars"]
    server = desk.serve(Venue({"MSFT": wire}))
    manager = desk.manager(server, "equities", utc(2026), chart="klines")
    found = manager.get_data("MSFT", "2025-03-25", "2025-03-31", "1d")
    assert list(found.columns) == list(KLINES.column_names)
    assert list(found["count"]) == [b["TotalTicks"] for b in wire]
    assert list(found["volume"]) == [float(b["TotalVolume"]) for b in wire]
    nulls = ["quote_asset_volume", "taker_buy_volume", "taker_buy_quote_volume"]
    assert found[nulls].isna().all().all()
    assert found.drop(columns=nulls).notna().all().all()


def test_prices_are_the_nearest_doubles_of_their_decimals(desk: Desk) -> None:
    texts = ["0.1", "1234.56789012345678", "-0.30000000000000004", "5e-05", "9007199254740993"]
    wire = [
        bar(utc(2025, 3, 24 + i, 20), close=text, High="1e17", Low="-1e17", Open=text)
        for i, text in enumerate(texts)
    ]
    server = desk.serve(Venue({"MSFT": wire}))
    found = desk.manager(server, "equities", utc(2026)).get_data("MSFT", "2025-03-24", "2025-03-28", "1d")
    assert list(found["close"]) == [float(text) for text in texts]
    for value, text in zip(found["close"], texts, strict=True):
        nearest = min((float(text), *_neighbours(float(text))), key=lambda f: abs(Decimal(f) - Decimal(text)))
        assert value == nearest


def _neighbours(value: float) -> tuple[float, float]:
    return math.nextafter(value, -math.inf), math.nextafter(value, math.inf)


@pytest.mark.parametrize("absent", ["null", "left out", "empty"])
def test_fields_that_the_venue_leaves_blank_are_null_and_never_0(desk: Desk, absent: str) -> None:
    blank = ["TotalVolume", "OpenInterest", "UpVolume", "DownVolume", "UpTicks", "DownTicks", "TotalTicks"]
    wire = bar(utc(2025, 3, 25, 20))
    for name in blank:
        if absent == "left out":
            del wire[name]
        else:
            wire[name] = "" if absent == "empty" and name in blank[:2] else None
    whole = bar(utc(2025, 3, 26, 20))
    server = desk.serve(Venue({"MSFT": [wire, whole]}))
    found = desk.manager(server, "equities", utc(2026)).get_data("MSFT", "2025-03-25", "2025-03-26", "1d")
    columns = [column for column, name in FIELDS.items() if name in blank]
    assert found.iloc[0][columns].isna().all()
    assert found.iloc[1][columns].notna().all()
    assert {str(found[c].dtype) for c in columns} == {"float64", "Int64"}


def test_a_field_that_nobody_knows_changes_nothing(desk: Desk) -> None:
    wire = [{**b, "Vwap": "1"} for b in recorded("rest/barcharts_MSFT_daily_202503.json")["Bars"]]
    server = desk.serve(Venue({"MSFT": wire}))
    found = desk.manager(server, "equities", utc(2026)).get_data("MSFT", "2025-03-25", "2025-03-31", "1d")
    assert len(found) == 5


def test_minutes_without_bar_status_are_taken(desk: Desk) -> None:
    lines = (DATA / "stream/barcharts_MSFT_1min_20210302.ndjson").read_text("utf-8").splitlines()
    wire = [json.loads(line) for line in lines]
    assert all("BarStatus" not in b for b in wire)
    server = desk.serve(Venue({"MSFT": wire}))
    manager = desk.manager(server, "equities", utc(2026), session_template="USEQPreAndPost")
    found = manager.get_data("MSFT", utc(2021, 3, 2, 22, 12), utc(2021, 3, 2, 22, 13), "1m")
    assert [t.isoformat() for t in found.index] == ["2021-03-02T22:12:00+00:00", "2021-03-02T22:13:00+00:00"]
    assert list(found["volume"]) == [71551.0, 100.0]


@pytest.mark.parametrize(("name", "minutes"), [("SPY_60min_2026-07-30", 60), ("SPY_15min_2026-07-31", 15)])
def test_bars_of_the_desktop_platform_stand_on_the_grid_of_extended_hours(
    desk: Desk, name: str, minutes: int
) -> None:
    rows = pq.read_table(DATA / f"desktop/{name}.parquet").to_pylist()
    texts = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
    wire = [bar(r["bar_time"], **{field: str(r[column]) for field, column in texts.items()}) for r in rows]
    server = desk.serve(Venue({"SPY": wire}))
    manager = desk.manager(server, "equities", utc(2026, 8, 5), session_template="USEQPreAndPost")
    first, last = rows[0]["bar_time"], rows[-1]["bar_time"]
    start = first - pd.Timedelta(minutes=minutes)
    data = manager.query("SPY", start, last, f"{minutes}m", inclusive="left", on_gaps="ignore")
    assert list(data.to_pandas().index) == [r["bar_time"] - pd.Timedelta(minutes=minutes) for r in rows]
    assert data.coverage.off_grid == 0
    # Two of the thin hours before the open were without a bar there.
    assert sum(gap.bars for gap in data.gaps) == (last - start) // pd.Timedelta(minutes=minutes) - len(rows)


def test_every_field_and_parameter_is_in_the_vendors_document(desk: Desk) -> None:
    server = desk.serve(Venue({"MSFT": [bar(utc(2025, 3, 25, 20))]}, {"MSFT": "STOCK"}))
    manager = desk.manager(server, "equities", utc(2025, 4, 1))
    manager.get_data("MSFT", "2025-03-25", "2025-03-28", "1d", on_gaps="ignore")
    manager.get_data("MSFT", utc(2025, 3, 25, 15), utc(2025, 3, 25, 16), "7m", on_gaps="ignore")
    operation = SPEC["paths"]["/v3/marketdata/barcharts/{symbol}"]["get"]
    parameters = {p["name"]: p for p in operation["parameters"]}
    sent = {name: r.params for r in asked(server) for name in r.params}
    assert set(sent) <= set(parameters)
    assert not any(parameters[name].get("deprecated") for name in sent)
    units = re.search(r"Valid values are: `(.*?)`", parameters["unit"]["description"])
    assert units is not None
    assert {r.params["unit"] for r in asked(server)} <= set(units[1].split(", "))
    told = re.findall(r"`(\w+)`", parameters["sessiontemplate"]["description"])
    assert set(told) == set(SESSION_TEMPLATES)
    assert f"{MOST_BARS:,}" in operation["description"]
    for path in (CHARTS, DETAILS):
        assert any(known.startswith(path) for known in SPEC["paths"])


def test_every_column_comes_from_a_field_of_the_vendors_document() -> None:
    known = SPEC["components"]["schemas"]["Bar"]["properties"]
    kinds = {"string": ("float64",), "integer": ("int64",)}
    for column, name in FIELDS.items():
        (dtype,) = [c.dtype for c in BARS.columns if c.name == column]
        assert dtype in kinds[known[name]["type"]], column
        assert not known[name].get("deprecated")
    assert {"TimeStamp", "Epoch", "BarStatus"} <= set(known)
    assert set(BARS.column_names) - {"close_time"} == set(FIELDS)


def test_what_the_reader_takes_are_the_fields_compared_here() -> None:
    read: set[str] = set()

    class Watched(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return super().get(name, default)

    wire = Watched(bar(utc(2025, 3, 25, 20)))
    bar_table([wire], "open_time", pd.DatetimeIndex([utc(2025)]).asi8, frozenset(BARS.column_names))
    assert read == set(FIELDS.values())


def test_details_of_symbols_are_those_of_the_vendors_document() -> None:
    detail = SPEC["components"]["schemas"]["SymbolDetail"]["properties"]
    answer = SPEC["components"]["schemas"]["SymbolDetailsResponse"]["properties"]
    assert {"Symbol", "AssetType", "ExpirationDate"} <= set(detail)
    assert {"Symbols", "Errors"} == set(answer)
    assert "Name" in SPEC["components"]["schemas"]["SymbolSuggestDefinition"]["items"]["properties"]
    assert "SymbolNames" in SPEC["components"]["schemas"]["SymbolNames"]["properties"]
    assert any(path.endswith("/cryptopairs/symbolnames") for path in SPEC["paths"])


def test_no_request_is_made_for_what_is_held(desk: Desk) -> None:
    wire = recorded("rest/barcharts_MSFT_daily_202503.json")["Bars"]
    server: LoopbackServer = desk.serve(Venue({"MSFT": wire}))
    for _ in range(2):
        desk.manager(server, "equities", utc(2026)).get_data("MSFT", "2025-03-25", "2025-03-31", "1d")
    assert len(asked(server)) == 1
    assert datetime.fromisoformat(asked(server)[0].params["firstdate"]) < utc(2025, 3, 25)
