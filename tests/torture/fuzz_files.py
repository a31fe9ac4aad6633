"""Readers of files: archive zips and the CSV in them, the cache's own, configuration, lock files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Final

import xxhash
from pyrate_limiter import Rate

from core.cache_series import MINUTE, at, entry, key_of, table_of
from core.two_sources import HOUR, START, two_sources
from dsm_binance.config import BinanceConfig
from dsm_binance.funding_vision import UsdsMFundingVision
from dsm_binance.kinds import TRADES
from dsm_binance.vision_file import read_klines
from dsm_core.cache import DocumentStore
from dsm_core.cache.documents import list_documents
from dsm_core.cache.file import CacheFile, encode, load, peek
from dsm_core.cache.header import CHECKSUM_MARK, CHECKSUM_PLACEHOLDER, Header
from dsm_core.cache.period import parse_period
from dsm_core.config.check import check_config
from dsm_core.lineage import read_lock, write_lock
from dsm_core.model.coverage import Ledger
from dsm_core.model.grid import EpochGrid
from dsm_core.model.time_range import TimeRange
from dsm_core.net.limit_store import FileStateStore
from dsm_core.net.window import SlotWindow
from dsm_core.plugins import Task
from dsm_core.porting.candles import read_json_rows
from dsm_core.porting.csv_rows import read_csv
from dsm_core.porting.source_file import SourceFile
from dsm_core.porting.time_text import TimeForm
from dsm_core.schema.chart_type import KLINES
from dsm_core.schema.conform import conform
from torture.archive_files import DAY_START, MEMBER, NAME, csv_of, good_zip, rows, zip_of
from torture.fuzz_target import Target, file_reader

__all__ = ["TARGETS"]

HOURS: Final = EpochGrid(3600 * 10**9)
DAY_TASK: Final = Task(
    name=NAME,
    source="vision",
    span=TimeRange(int(DAY_START.timestamp()) * 10**9, int(DAY_START.timestamp() + 86_400) * 10**9),
    url="{vision}/" + NAME,
)
KEY: Final = key_of("1m")
FUNDING_NAME: Final = "BTCUSDT-fundingRate-2024-06.zip"
FUNDING: Final = b"".join(b"%d,8,0.000%d\n" % (1717200000000 + i * 28_800_000, i % 9 + 1) for i in range(12))
FUNDING_HEADER: Final = b"calc_time,funding_interval_hours,last_funding_rate\n"
FUNDING_TASK: Final = Task(
    name=FUNDING_NAME,
    source="vision",
    span=TimeRange(at(2024, 6, 1), at(2024, 7, 1)),
    url="{vision}/" + FUNDING_NAME,
)
JSON_WORDS: Final = (b",", b"{", b"}", b"[", b"]", b'"')
YAML_SEEDS: Final = (
    b"cache: {dir: ~/market-data, max_size: 20GB}\ndefaults: {provider: binance, market_type: spot}\n",
    b"defaults:\n  provider: binance\n  deadline_s: 120\n  on_gaps: warn\nhttp:\n  retry_count: 3\n",
    b"providers:\n  binance:\n    sources: [vision, rest]\n    endpoints:\n"
    b'      vision: "https://data.binance.vision"\n      spot: ["https://a.example", "https://b.example"]\n'
    b"    max_concurrent_downloads: 13\n",
    b"a: &x {b: 1}\nc: *x\nd: {<<: *x, e: ${HOME:-none}}\nf: !!python/object/apply:os.system ['true']\n",
    b"a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c, *c, *c]\n",
    b"? [a]\n: |\n  text\n  more\nt: >-\n  folded\n'q': \"\\u263a \\x41\"\nn: [0o17, 0x1f, 1e3, .inf, ~]\n",
)


def read_csv_member(data: bytes) -> bytes:
    """A whole zip around spoiled CSV, so that the CSV is what is read."""
    return zip_of((MEMBER, data), method=0)


def read_archive(path: Path) -> object:
    answer = read_klines(path, DAY_TASK, TRADES, 24)
    return conform(answer.rows, KLINES, grid=HOURS, strays="moved", span=DAY_TASK.span)


def read_archive_csv(path: Path) -> object:
    path.write_bytes(read_csv_member(path.read_bytes()))
    return read_archive(path)


def read_funding(path: Path) -> object:
    client = UsdsMFundingVision("BTCUSDT", None, None)  # type: ignore[arg-type]
    path.write_bytes(zip_of((FUNDING_NAME.replace(".zip", ".csv"), path.read_bytes()), method=0))
    return client.parse(FUNDING_TASK, path)


def cache_bytes() -> bytes:
    """A cache file of sixteen rows."""
    first = at(2024, 1, 1)
    span = (first, first + 16 * MINUTE)
    header = Header(
        key=KEY,
        period="2024-01",
        generation=3,
        rows=16,
        first=span[0],
        last=span[1] - MINUTE,
        ledger=Ledger((entry(*span), entry(span[1], span[1] + MINUTE, "absent"))),
    )
    return b"".join(encode(table_of({first + i * MINUTE: 1.5 for i in range(16)}), header))


def read_cache_file(path: Path) -> object:
    period = parse_period("2024-01")
    assert period is not None
    found = load(str(path), period, KEY, KLINES)
    if isinstance(found, CacheFile):
        assert path.read_bytes() == cache_bytes(), "a file that was spoiled is taken for whole"
    return peek(str(path))


def sealed(document: bytes) -> bytes:
    """A cache file with another document in its footer, under a checksum that is right."""
    good = cache_bytes()
    start, end = good.rfind(CHECKSUM_MARK), good.rfind(b"}") + 1
    room = end - start
    body = (CHECKSUM_MARK + CHECKSUM_PLACEHOLDER + b'",' + document)[:room].ljust(room)
    whole = good[:start] + body + good[end:]
    place = start + len(CHECKSUM_MARK)
    digest = xxhash.xxh3_128(whole[:place] + whole[place + 32 :]).hexdigest()
    return whole[:place] + digest.encode() + whole[place + 32 :]


def document() -> bytes:
    good = cache_bytes()
    start = good.rfind(CHECKSUM_MARK) + len(CHECKSUM_MARK) + 34
    return good[start : good.rfind(b"}") + 1]


def read_sealed(path: Path) -> object:
    path.write_bytes(sealed(path.read_bytes()))
    period = parse_period("2024-01")
    assert period is not None
    return load(str(path), period, KEY, KLINES), peek(str(path))


def read_document(path: Path) -> object:
    place = path.parent / "binance" / "spot"
    place.mkdir(parents=True, exist_ok=True)
    path.replace(place / "symbols.json")
    listed = list(list_documents(str(path.parent)))
    return listed, DocumentStore(path.parent).read(("binance", "spot", "symbols"))


def read_state(path: Path) -> object:
    """The limits' shared file: whatever it holds, units are granted or refused."""
    store = FileStateStore(path, wall=lambda: 1_700_000_000.0)
    window, rates = SlotWindow(), [Rate(6000, 60_000)]
    store.raise_to(window, rates, [5])
    verdict = store.admit(window, rates, 1)
    assert 0 <= verdict.wait_s <= 3 * 86_400 + 60, verdict
    return verdict


def read_config(path: Path) -> object:
    env = {"HOME": "/nowhere"}
    problems = check_config(path, {"binance": BinanceConfig}, env=env, cwd=path.parent)
    return [str(problem) for problem in problems]


def read_foreign(path: Path) -> object:
    file = SourceFile.read(path)
    return conform(read_csv(file, KLINES, {}, TimeForm(None, None)), KLINES, grid=HOURS, strays="moved")


def lock_seeds() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder, two_sources(Path(folder)) as manager:
        path = Path(folder, "a.lock.json")
        data = manager.query("ACME", START, START + 6 * HOUR, "1h")
        write_lock(path, [data.lock(values=True)])
        whole = path.read_bytes()
    return [whole, json.dumps(json.loads(whole)).encode()]


def zip_seeds() -> list[bytes]:
    good = good_zip()
    at = good.rfind(b"PK\x01\x02") + 20
    return [good, good[:at] + b"\xff\xff\xff\xf0" + good[at + 4 :]]


def csv_seeds() -> list[bytes]:
    plain = csv_of(rows())
    return [plain, b"open_time,open,high,low,close,volume,close_time,q,count,a,b,ignore\n" + plain, b""]


def foreign_seeds() -> list[bytes]:
    head = b"open_time,open,high,low,close,volume\n"
    body = b"".join(b"%d,1.5,2,1,1.75,%d\n" % (1704067200000 + i * 3_600_000, i) for i in range(8))
    iso = head + b"2024-01-01T00:00:00Z,1,2,0.5,1.5,7\n2024-01-01 01:00:00+00:00,1,2,0.5,1.5,7\n"
    return [head + body, iso]


TARGETS: Final = {
    "archive zip": Target(file_reader(read_archive, NAME), zip_seeds, (b"PK\x03\x04",), share=5),
    "archive CSV": Target(file_reader(read_archive_csv, NAME), csv_seeds, (b",", b"\n", b'"'), share=3),
    "funding CSV": Target(
        file_reader(read_funding, FUNDING_NAME), lambda: [FUNDING_HEADER + FUNDING, FUNDING], (b",", b"\n")
    ),
    "cache file": Target(file_reader(read_cache_file), lambda: [cache_bytes()], (b"ARROW1",), share=5),
    "cache file's footer": Target(
        file_reader(read_sealed),
        lambda: [document(), document().replace(b'"generation":3', b'"generation":1e999')],
        JSON_WORDS,
        share=2,
    ),
    "cached document": Target(
        file_reader(read_document),
        lambda: [
            b'{"fetched": 17, "body": [{"symbol": "A"}]}',
            b'{"fetched": 1e999, "body": 1}',
            b"[" * 5000,
        ],
        JSON_WORDS,
        share=2,
    ),
    "shared limits": Target(
        file_reader(read_state),
        lambda: [
            b"[" * 5000,
            b'{"v":1,"at":1699999999000,"windows":[60000],"state":[566666666'
            + b",3" * 21
            + b'],"blocked":[0,0,0]}',
        ],
        JSON_WORDS,
    ),
    "configuration": Target(file_reader(read_config, "dsm.yaml"), lambda: list(YAML_SEEDS)),
    "lock file": Target(file_reader(read_lock, "a.lock.json"), lock_seeds, JSON_WORDS, share=2),
    "imported CSV": Target(file_reader(read_foreign, "a.csv"), foreign_seeds, (b",", b"\n", b'"'), share=2),
    "imported JSON": Target(
        file_reader(lambda path: read_json_rows(SourceFile.read(path)), "a.json"),
        lambda: [b"[[1704067200000, 1, 2, 0.5, 1.5, 7], [1704070800000, 1, 2, 0.5, 1.5, 7]]"],
        JSON_WORDS,
        share=3,
    ),
}
