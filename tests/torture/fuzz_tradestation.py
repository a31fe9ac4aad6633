"""TradeStation's clients before a vendor that says what it is told to: bars, and what is said of symbols."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from dsm_core.config import Secret
from dsm_core.errors import ServerError
from dsm_core.fcp.intake import check_inside, take_in
from dsm_core.fcp.series import Series
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange, from_ns
from dsm_core.net import JsonReply
from dsm_core.plugins import ClientContext, Task
from dsm_core.plugins.calling import answers_of, lifetime_of
from dsm_core.schema.chart_type import KLINES
from dsm_tradestation.clients import (
    CryptoBarsRest,
    CryptoKlinesRest,
    EquitiesBarsRest,
    FuturesBarsRest,
    OptionsBarsRest,
)
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.lookup import check_credentials, fetch_symbols
from dsm_tradestation.markets import CRYPTO
from dsm_tradestation.rest import BarsRest
from dsm_tradestation.schemas import BARS
from torture.fuzz_desk import within_the_tree
from torture.fuzz_files import JSON_WORDS
from torture.fuzz_target import Target, room_reader

__all__ = ["BARS_ANSWERS", "SYMBOLS_ANSWERS"]

HOUR_MS: Final = 3_600_000
# Tuesday 3 December 2024, 20:00 UTC: the stock exchanges' last hour.
NOW_NS: Final = 1_733_256_000 * 10**9
LAST_MS: Final = NOW_NS // 10**6 - HOUR_MS // 2
SPAN: Final = TimeRange(NOW_NS - 7 * 86_400 * 10**9, NOW_NS)
DATA: Final = Path(__file__).parent.parent / "data" / "tradestation" / "rest"
BAR_WORDS: Final = (
    *JSON_WORDS, b'"Epoch"', b'"TimeStamp"', b'"BarStatus"', b'"Open"', b'"Bars"', b'"UpVolume"', b'"Error"',
    b'"9999-12-31T23:59:59Z"', b'"0001-01-01"', b"9223372036854775", b"9007199254740993.0",
)  # fmt: skip
SYMBOL_WORDS: Final = (
    *JSON_WORDS, b'"Symbols"', b'"Errors"', b'"Error"', b'"Symbol"', b'"AssetType"', b'"ExpirationDate"',
    b'"9999-12-31"', b'"0001-01-01"', b'"SymbolNames"', b'"Name"', b'"FUTURE"', b"MSFT",
)  # fmt: skip


class Asked(NamedTuple):
    """A series, as a client is made for it."""

    client: type[BarsRest]
    symbol: str
    interval: str
    options: dict[str, str]


# With a calendar and without; stamped by ends and by starts; shorter and longer than a day.
ASKED: Final = (
    Asked(EquitiesBarsRest, "MSFT", "1h", {}),
    Asked(CryptoKlinesRest, "BTCUSD", "5m", {"bar_stamp": "start"}),
    Asked(FuturesBarsRest, "@ES", "1d", {}),
    Asked(CryptoBarsRest, "LTCUSD", "1h", {"bar_stamp": "start"}),
    Asked(OptionsBarsRest, "AAPL 270115C180", "1M", {}),
    Asked(EquitiesBarsRest, "BRK.B", "1w", {}),
)


class Line:
    """An HTTP session that hands on what it is told, read by Python's own JSON.

    That takes more than others do: NaN, lone surrogates, and numbers of any size.
    """

    def __init__(self, bars: bytes, other: bytes) -> None:
        self._bars, self._other = bars, other

    async def get_json(
        self, url: str, params: object = None, *, check: Callable[[Any], None] = lambda _: None, **_: object
    ) -> JsonReply:
        said = self._bars if "/barcharts/" in url else self._other
        try:
            body = json.loads(said)
        except (ValueError, RecursionError) as error:
            raise ServerError(f"The answer is not JSON: {error}") from error
        check(body)
        # Made before the last bar, or after it.
        date = from_ns(NOW_NS - len(said) % 3 * 1800 * 10**9)
        return JsonReply(body=body, headers={}, url=url, status=200, server_date=date)

    async def post_form(self, url: str, form: object, **_: object) -> JsonReply:
        return JsonReply(body={"access_token": "good"}, headers={}, url=url, status=200)


class Floor:
    """Makes clients of one manager after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._workers = ThreadPoolExecutor(1)
        self._config = TradeStationConfig(
            client_id="a-key",
            refresh_token=Secret("first"),
            token_store="memory",
            calendars={"LTCUSD": "none"},
        )
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(self._workers)

    def close(self) -> None:
        self._workers.shutdown()
        self.loop.close()

    def client(self, asked: Asked, bars: bytes, other: bytes) -> BarsRest:
        """A client, and a vendor that says this of bars, and that of all else."""
        context = ClientContext(
            http=Line(bars, other),  # type: ignore[arg-type]
            config=self._config,
            now_ns=lambda: NOW_NS,
            emit=lambda _: None,
            make_workdir=lambda: self._folder,
            workers=self._workers,
        )
        made = asked.client(asked.symbol, Interval(asked.interval), context, **asked.options)
        made.provider = "tradestation"
        return made


async def _read_bars(floor: Floor, data: bytes) -> None:
    """A page, taken in as a call does, and how long the symbol lived."""
    asked = ASKED[len(data) % len(ASKED)]
    known = {"Symbols": [{"Symbol": asked.symbol, "AssetType": "UNKNOWN"}], "Errors": []}
    client = floor.client(asked, data, json.dumps(known).encode())
    spec = client.spec
    series = Series(
        key=SeriesKey(
            "tradestation", spec.market_type, spec.chart_type, asked.symbol, Interval(asked.interval)
        ),
        schema=KLINES if spec.chart_type == KLINES.name else BARS,
        clients={"rest": client},
        grid=client.grid,
    )
    task = Task(name="page", source="rest", span=SPAN)
    with within_the_tree():
        async for answer in answers_of(client, task):
            check_inside(task, take_in(series, client, task, answer, NOW_NS))
    with within_the_tree():
        await lifetime_of(client)


async def _read_symbols(floor: Floor, data: bytes) -> None:
    """Everything that is asked of symbols: whether one exists, what comes near, which there are."""
    client = floor.client(ASKED[len(data) % len(ASKED)], b'{"Bars":[]}', data)
    with within_the_tree():
        async for _ in answers_of(client, Task(name="page", source="rest", span=SPAN)):
            pass
    listed = floor.client(ASKED[len(data) % len(ASKED)], BARS_SEEDS[-1], data)
    for ask in (
        lambda: lifetime_of(listed),
        lambda: fetch_symbols(listed.context, CRYPTO.market_type),
        lambda: check_credentials(listed.context),
    ):
        with within_the_tree():
            await ask()


def _bar(stamp_ms: int, **fields: Any) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(stamp_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    prices = {"High": "11.25", "Low": "9.75", "Open": "10", "Close": "10.5", "TotalVolume": "300"}
    counts = {"UpTicks": 2, "UpVolume": 200, "DownTicks": 1, "DownVolume": 100, "TotalTicks": 3}
    told = {"TimeStamp": stamp, "Epoch": stamp_ms, "OpenInterest": "0", "BarStatus": "Closed"}
    return {**prices, **counts, **told, **fields}


def _bars(step_ms: int, last_ms: int, **last: Any) -> bytes:
    stamps = range(last_ms - 5 * step_ms, last_ms + 1, step_ms)
    bars = [_bar(stamp, **(last if stamp == last_ms else {})) for stamp in stamps]
    return json.dumps({"Bars": bars}).encode()


BARS_SEEDS: Final = (
    _bars(HOUR_MS, LAST_MS + HOUR_MS // 2, BarStatus="Open"),
    _bars(HOUR_MS, LAST_MS, UpVolume=1e300),
    _bars(HOUR_MS // 12, LAST_MS, Close="\ud800"),
    _bars(24 * HOUR_MS, LAST_MS + HOUR_MS, BarStatus=None, TotalTicks=None, UpVolume="200", DownVolume=1.0),
    b'{"Error":"Forbidden","Message":"Not entitled to data for this symbol"}',
    json.dumps(
        {"Bars": json.loads((DATA / "barcharts_MSFT_daily_202503.json").read_bytes())["Bars"][:6]}
    ).encode(),
    _bars(31 * 24 * HOUR_MS, LAST_MS),
)
SYMBOLS_SEEDS: Final = (
    b'{"Symbols":[{"Symbol":"MSFT","AssetType":"STOCK"},{"Symbol":"LTCUSD","AssetType":"UNKNOWN"},'
    b'{"Symbol":"@ES","AssetType":"FUTURE","ExpirationDate":"2024-12-20T00:00:00Z"},'
    b'{"Symbol":"AAPL 270115C180","AssetType":"STOCKOPTION","ExpirationDate":"9999-12-31T00:00:00Z"}]}',
    b'{"Symbols":[],"Errors":[{"Symbol":"MSFT","Error":"NotFound","Message":"Invalid symbol"}]}',
    b'{"SymbolNames":["BTCUSD","ETHUSD"]}',
    b'[{"Name":"MSFT","Category":"Stock"},{"Name":"@ES","Category":"Future"}]',
    (DATA / "symbols_TY_FF.json").read_bytes(),
)
BARS_ANSWERS: Final = Target(room_reader(Floor, _read_bars), lambda: list(BARS_SEEDS), BAR_WORDS, share=2)
SYMBOLS_ANSWERS: Final = Target(room_reader(Floor, _read_symbols), lambda: list(SYMBOLS_SEEDS), SYMBOL_WORDS)
