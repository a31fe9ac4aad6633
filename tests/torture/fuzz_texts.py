"""Readers of texts: what a server answers, a stored login, and the names that a caller gives."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from dsm_binance.funding_rest import UsdsMFundingRest
from dsm_binance.listing import parse_listing
from dsm_binance.markets import COIN_M, MARKETS, SPOT
from dsm_binance.rest import CoinMKlinesRest, SpotKlinesRest
from dsm_binance.symbols import check_pair, check_symbol, parse_symbols
from dsm_core.cache.paths import MAX_COMPONENT, escape, series_folder, unescape
from dsm_core.errors import DSMError
from dsm_core.fcp.intake import _made
from dsm_core.model.coverage import Origin
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.request import moment_bounds
from dsm_core.model.series import SeriesKey, option_pairs
from dsm_core.net.json_text import JsonError, loads
from dsm_core.net.status import MAX_BAN_S, parse_http_date, parse_retry_after
from dsm_core.plugins import Answer
from dsm_core.plugins.options import read_options
from dsm_core.schema.chart_type import KLINES
from dsm_core.schema.conform import conform
from torture.fuzz_desk import NOW_S, SPAN, START, Desk
from torture.fuzz_files import HOURS, JSON_WORDS
from torture.fuzz_login import LOGIN, SIGN_IN
from torture.fuzz_target import Target, plainly, room_reader
from torture.fuzz_tradestation import BARS_ANSWERS, SYMBOLS_ANSWERS

__all__ = ["TARGETS"]

ROW: Final = b'[%d,"1.5","2.0","1.0","1.75","10",%d,"15",3,"5","7.5","0"]'
ROWS: Final = (
    b"["
    + b",".join(
        ROW % (1_717_200_000_000 + i * 3_600_000, 1_717_203_599_999 + i * 3_600_000) for i in range(6)
    )
    + b"]"
)
FUNDING: Final = (
    b"["
    + b",".join(
        b'{"symbol":"BTCUSDT","fundingTime":%d,"fundingRate":"0.0001","markPrice":"7"}'
        % (1_717_200_000_000 + i * 28_800_000)
        for i in range(4)
    )
    + b"]"
)
INFO: Final = (
    b'{"serverTime":1717300000000,"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC",'
    b'"quoteAsset":"USDT","onboardDate":1569398400000,"deliveryDate":4133404800000,"contractType":"PERPETUAL"}]}'
)
LISTING: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>data.binance.vision</Name><Prefix>data/</Prefix><IsTruncated>true</IsTruncated><NextMarker>data/b"
    b"</NextMarker><Contents><Key>data/a.zip</Key></Contents><CommonPrefixes><Prefix>data/c/</Prefix>"
    b"</CommonPrefixes></ListBucketResult>"
)
HEADERS: Final = (
    b"content-type: application/json; charset=utf-8", b"content-encoding: gzip", b"content-length: 12",
    b"retry-after: 5", b"retry-after: Sun, 02 Jun 2024 04:00:00 GMT", b"date: Sun, 02 Jun 2024 03:46:40 GMT",
    b"x-mbx-used-weight-1m: 17", b"etag: \"a\"", b"last-modified: Sun, 02 Jun 2024 00:00:00 GMT",
    b"location: /elsewhere?a=b", b"content-type: text/html; charset=latin-1",
    b"content-encoding: deflate, br",
)  # fmt: skip
CHARSETS: Final = (
    b"idna",
    b"punycode",
    b"hex",
    b"unicode_escape",
    b"undefined",
    b"utf-7",
    b"utf-16",
    b"nonsense",
)
HTTP_WORDS: Final = (
    *HEADERS,
    *(b"content-type: a/b; charset=" + name for name in CHARSETS),
    b"\r\n",
    *JSON_WORDS,
)


ASKED: Final[tuple[tuple[Any, str], ...]] = (
    (SpotKlinesRest, "BTCUSDT"),
    (CoinMKlinesRest, "BTCUSD_PERP"),
    (UsdsMFundingRest, "BTCUSDT"),
)


async def read_answer(desk: Desk, data: bytes) -> None:
    await desk.ask(*ASKED[len(data) % len(ASKED)], data)


def read_rows(data: bytes) -> object:
    with suppress(JsonError):
        body = loads(data)
        if isinstance(body, dict):
            parse_symbols(body)
        answer = Answer.from_rows(body, "open_time:ms open high low close volume close_time:ms _ count")
        return conform(answer.rows, KLINES, grid=HOURS, strays="moved", span=SPAN)
    return None


def read_wait(data: bytes) -> object:
    text = data.decode("latin-1")
    wait_s = parse_retry_after(text, NOW_S)
    assert wait_s is None or 0 < wait_s <= MAX_BAN_S, wait_s
    # What was made later than now was not made yet, whatever a header says.
    assert _made(Answer({}, origin=Origin(last_modified=text)), START) <= START
    return parse_http_date(text)


def _tried(make: Any, *given: Any) -> object:
    with suppress(DSMError):
        return make(*given)
    return None


def read_name(data: bytes) -> object:
    """A text as everything that a caller can name; as part of a path it is one harmless component."""
    text = data.decode("utf-8", "surrogatepass" if data.isascii() else "surrogateescape")
    for keep in ("upper", "lower"):
        name = escape(text, keep=keep)  # type: ignore[arg-type]
        assert name.isascii(), name
        assert 0 < len(name) <= MAX_COMPONENT, name
        assert not set(name) & set('/\\:*?"<>|\0\n\r. '), name
        assert name.upper() not in ("CON", "NUL", "AUX"), name
        assert "%~" in name or unescape(name) == text, name
    for make in (Interval, MarketType, ChartType, DataSource):
        _tried(make, text)
    key = SeriesKey("binance", MarketType("spot"), ChartType("klines"), text, Interval("1h"), (("o", text),))
    assert series_folder(key).count("/") == 4
    parsed = _tried(SeriesKey.parse, text)
    assert parsed is None or SeriesKey.parse(str(parsed)) == parsed, parsed
    _tried(moment_bounds, text, "start_time")
    _tried(read_options, {"a": text, "b": text}, {"a": int, "b": float})
    _tried(read_options, {text: "1"}, {"a": bool})
    _tried(option_pairs, {text: text})
    for market in MARKETS.values():
        _tried(check_symbol, text, market)
    _tried(check_pair, text, COIN_M)
    _tried(SpotKlinesRest.check_symbol, text)
    return SPOT


TARGETS: Final = {
    "JSON rows": Target(plainly(read_rows), lambda: [ROWS, FUNDING, INFO], JSON_WORDS, share=5),
    "HTTP answers": Target(
        room_reader(Desk, Desk.exchange),
        lambda: [
            b"200 OK\r\n" + b"\r\n".join(HEADERS[:1]) + b"\r\n\r\n" + ROWS,
            b"200 OK\r\ncontent-type: text/plain; charset=idna\r\n\r\nabc\xff",
            b"429 No\r\nretry-after: 7\r\nx-mbx-used-weight-1m: 7000\r\n\r\n{}",
            b"418 No\r\n\r\n" + b'{"code":-1003,"msg":"banned until 1717300009000"}',
            b"302 Go\r\nlocation: /b\r\n\r\n",
            b"200 OK\r\ncontent-encoding: gzip\r\n\r\n"
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x8b\x8e\x05\x00)\xbbL\r\x02\x00\x00\x00",
            b"200 OK\r\ndate: Sun, 02 Jun 99999999999999999999 04:00:00 GMT\r\n\r\n[]",
            b"503 No\r\nretry-after: Sun, 02 Jun 2024 04:00:00 GMT\r\ndate: x\r\n\r\n<html>",
        ],
        HTTP_WORDS,
    ),
    "Binance's answers": Target(
        room_reader(Desk, read_answer),
        lambda: [ROWS, FUNDING, INFO, b"[]", b'{"code":-1121}'],
        JSON_WORDS,
    ),
    "TradeStation's bars": BARS_ANSWERS,
    "TradeStation's symbols": SYMBOLS_ANSWERS,
    "TradeStation's sign-in": SIGN_IN,
    "stored login": LOGIN,
    "listing XML": Target(
        plainly(lambda data: parse_listing(data.decode("utf-8", "replace"), "http://a")),
        lambda: [LISTING],
        share=5,
    ),
    "Retry-After": Target(
        plainly(read_wait),
        lambda: [b"5", b"Sun, 02 Jun 2024 04:00:00 GMT", b"Sunday, 02-Jun-24 04:00:00 +9959", b"1e9",
                 b"Sun, 02 Jun 99999999999999999999 04:00:00 GMT", b"Sun, 02 Jun 2024 04:00:00 -0000"],
        (b"GMT", b"+0000", b"-9999", b"Jun", b":"),
        share=4,
    ),
    "names": Target(
        plainly(read_name),
        lambda: [
            b"BTCUSDT", b"../../etc/passwd", b"binance/spot/klines/BTCUSDT/1h;a=b", b"1h", b"15min",
            b"2024-01-31",
            b"2024-01-31T12:00:00.123456789+09:30", b"CON", b"\xe5\xb8\x81\xe5\xae\x89USDT",
            b"%2e%2e%2f", b"BTC/USD",
            b"9999-12-31T23:59:59-23:59", b"lpt1.txt", b"$ESH24", b"funding_rate", b"true", b"-5",
        ],
        share=4,
    ),
}  # fmt: skip
