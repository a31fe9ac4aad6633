"""The emulator's archive and listing: files, sidecars, publication, pages of keys."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from hashlib import md5, sha256
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from dsm_binance.emulator import RECORDED, Emulator, Listing, Outage

NOW = datetime(2025, 6, 10, 12, 34, 56, tzinfo=UTC)
SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
DAY_FILE = "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-03-05.zip"
MONTH_FILE = "data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2024-03.zip"


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Message


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    try:
        with urlopen(Request(url, headers=dict(headers or {}))) as found:
            return Answer(found.status, found.read(), found.headers)
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read(), refused.headers)


def fetch(venue: Emulator, path: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return get(f"{venue.endpoints['vision']}/{path}", sent)


def rows_of(body: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return list(csv.reader(io.StringIO(archive.read(archive.namelist()[0]).decode())))


def listed(venue: Emulator, **query: object) -> ElementTree.Element:
    asked = urlencode({name.replace("_", "-"): str(value) for name, value in query.items()})
    return ElementTree.fromstring(get(f"{venue.endpoints['listing']}?{asked}").body)


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.iterfind("/".join(SPACE + part for part in path.split("/")))]


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    listings = [
        Listing("BTCUSDT"),
        Listing("ETHUSDT", listed_at=datetime(2024, 2, 10, 5, tzinfo=UTC)),
        Listing("GONEUSDT", delisted_at=datetime(2018, 3, 2, 3, tzinfo=UTC), removed=True),
        Listing("ETHUSDT", "um"),
        Listing("BTCUSD_PERP", "cm"),
    ]
    outages = [Outage(datetime(2024, 4, 2, tzinfo=UTC), datetime(2024, 4, 3, tzinfo=UTC), "spot")]
    running = Emulator(
        data=[RECORDED],
        listings=listings,
        outages=outages,
        now=NOW,
        missing=["data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-05-0*.zip"],
        lacking={
            "data/um/x": [],
            "data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2024-07.zip": ["2024-07-05"],
        },
        spot_weight=10**6,
    )
    with running:
        yield running


def test_recorded_files_are_served_byte_for_byte(venue: Emulator) -> None:
    for file in sorted(RECORDED.rglob("*.zip")):
        interval, name = file.parent.name, file.name
        frequency = "daily" if name.count("-") == 4 else "monthly"
        path = f"data/spot/{frequency}/klines/BTCUSDT/{interval}/{name}"
        assert fetch(venue, path).body == file.read_bytes()
        sidecar = file.with_name(name + ".CHECKSUM").read_bytes()
        assert fetch(venue, path + ".CHECKSUM").body == sidecar
        assert sidecar.split()[0].decode() == sha256(file.read_bytes()).hexdigest()


def test_the_origin_of_each_recorded_file_is_told_with_its_hash() -> None:
    origin = (RECORDED / "ORIGIN.md").read_text()
    for file in RECORDED.rglob("*.zip"):
        assert sha256(file.read_bytes()).hexdigest() in origin


def test_a_generated_file_matches_its_sidecar_and_etag(venue: Emulator) -> None:
    answer = fetch(venue, DAY_FILE)
    sidecar = fetch(venue, DAY_FILE + ".CHECKSUM").body.decode()
    assert sidecar == f"{sha256(answer.body).hexdigest()}  ETHUSDT-1h-2024-03-05.zip"
    assert answer.headers["ETag"] == f'"{md5(answer.body).hexdigest()}"'
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Last-Modified"] == "Wed, 06 Mar 2024 08:40:00 GMT"
    assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_a_zip_holds_one_csv_of_its_own_name_and_is_built_the_same_again(venue: Emulator) -> None:
    body = fetch(venue, DAY_FILE).body
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.namelist() == ["ETHUSDT-1h-2024-03-05.csv"]
    listing = Listing("ETHUSDT", listed_at=datetime(2024, 2, 10, 5, tzinfo=UTC))
    with Emulator(listings=[listing], now=NOW) as again:
        assert fetch(again, DAY_FILE).body == body


@pytest.mark.parametrize(
    ("path", "market", "symbol", "interval"),
    [
        (DAY_FILE, "spot", "ETHUSDT", "1h"),
        ("data/spot/daily/klines/ETHUSDT/1m/ETHUSDT-1m-2025-01-02.zip", "spot", "ETHUSDT", "1m"),
        ("data/spot/monthly/klines/ETHUSDT/1mo/ETHUSDT-1mo-2024-08.zip", "spot", "ETHUSDT", "1M"),
        ("data/spot/monthly/klines/ETHUSDT/1w/ETHUSDT-1w-2024-08.zip", "spot", "ETHUSDT", "1w"),
        ("data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-05.zip", "spot", "BTCUSDT", "1h"),
    ],
)
def test_archive_and_rest_tell_the_same(
    venue: Emulator, path: str, market: str, symbol: str, interval: str
) -> None:
    rows = rows_of(fetch(venue, path).body)[:900]
    url = f"{venue.endpoints[market]}/api/v3/klines?symbol={symbol}&interval={interval}&limit=900"
    told = json.loads(get(f"{url}&startTime={rows[0][0][:13]}").body)[: len(rows)]
    as_text = [[str(cell) for cell in row] for row in told]
    assert [row[1:6] + row[7:] for row in rows] == [row[1:6] + row[7:] for row in as_text]
    assert [(row[0][:13], row[6][:13]) for row in rows] == [(row[0], row[6]) for row in as_text]


def test_spot_goes_to_microseconds_with_2025_and_futures_never_do(venue: Emulator) -> None:
    def first(path: str) -> list[str]:
        return next(row for row in rows_of(fetch(venue, path).body) if row[0].isdigit())

    older = first("data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-12-31.zip")
    newer = first("data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-01-01.zip")
    future = first("data/futures/um/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2025-01-01.zip")
    assert (int(older[0]), int(older[6])) == (ms(2024, 12, 31), ms(2024, 12, 31, 1) - 1)
    assert (int(newer[0]), int(newer[6])) == (ms(2025, 1, 1) * 1000, ms(2025, 1, 1, 1) * 1000 - 1)
    assert int(future[0]) == ms(2025, 1, 1)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (DAY_FILE, False),
        ("data/futures/um/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2022-04-30.zip", False),
        ("data/futures/um/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2022-05-01.zip", True),
        ("data/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2020-12-31.zip", False),
        ("data/futures/cm/monthly/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2023-01.zip", True),
    ],
)
def test_only_newer_futures_files_have_a_header(venue: Emulator, path: str, header: bool) -> None:
    assert (rows_of(fetch(venue, path).body)[0][0] == "open_time") is header


@pytest.mark.parametrize(
    ("path", "out_at"),
    [
        (DAY_FILE, datetime(2024, 3, 6, 8, 40, tzinfo=UTC)),
        (MONTH_FILE, datetime(2024, 4, 1, 8, 40, tzinfo=UTC)),
        (
            "data/spot/monthly/klines/ETHUSDT/1d/ETHUSDT-1d-2024-04.zip",
            datetime(2024, 5, 6, 8, 40, tzinfo=UTC),
        ),
        (
            "data/spot/monthly/klines/ETHUSDT/1w/ETHUSDT-1w-2024-03.zip",
            datetime(2024, 5, 6, 8, 40, tzinfo=UTC),
        ),
    ],
)
def test_a_file_is_out_from_its_hour_on(path: str, out_at: datetime) -> None:
    with Emulator(listings=[Listing("ETHUSDT")], now=out_at.replace(minute=39)) as early:
        assert fetch(early, path).status == 404
        early.clock.set(out_at)
        assert fetch(early, path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-02-09.zip",
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-04-02.zip",
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-05-03.zip",
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-05-03.zip.CHECKSUM",
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-02-30.zip",
        "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-06.zip",
        "data/spot/monthly/klines/ETHUSDT/1M/ETHUSDT-1M-2024-06.zip",
        "data/spot/daily/klines/ETHUSDT/1w/ETHUSDT-1w-2024-06-03.zip",
        "data/futures/um/daily/klines/ETHUSDT/1s/ETHUSDT-1s-2024-06-03.zip",
        "data/spot/daily/klines/NOPEUSDT/1h/NOPEUSDT-1h-2024-06-03.zip",
        "data/spot/monthly/klines/GONEUSDT/1h/GONEUSDT-1h-2018-04.zip",
    ],
)
def test_what_is_not_there_is_no_such_key(venue: Emulator, path: str) -> None:
    answer = fetch(venue, path)
    assert answer.status == 404
    assert ElementTree.fromstring(answer.body).findtext("Code") == "NoSuchKey"


def test_a_delisted_symbol_keeps_its_archive(venue: Emulator) -> None:
    rows = rows_of(fetch(venue, "data/spot/monthly/klines/GONEUSDT/1h/GONEUSDT-1h-2018-03.zip").body)
    assert int(rows[-1][0]) == ms(2018, 3, 2, 2)


def test_a_monthly_file_can_lack_days_that_daily_files_have(venue: Emulator) -> None:
    month = rows_of(fetch(venue, "data/spot/monthly/klines/ETHUSDT/1h/ETHUSDT-1h-2024-07.zip").body)
    day = rows_of(fetch(venue, "data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-07-05.zip").body)
    assert len(month) == 30 * 24
    assert not {row[0] for row in month} & {row[0] for row in day}


def test_ranges_and_conditions_are_honoured(venue: Emulator) -> None:
    whole = fetch(venue, DAY_FILE)
    part = fetch(venue, DAY_FILE, Range="bytes=10-19")
    assert (part.status, part.body) == (206, whole.body[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.body)}"
    assert fetch(venue, DAY_FILE, Range="bytes=100-").body == whole.body[100:]
    assert fetch(venue, DAY_FILE, Range="bytes=-7").body == whole.body[-7:]
    assert fetch(venue, DAY_FILE, Range=f"bytes={len(whole.body)}-").status == 416
    assert fetch(venue, DAY_FILE, Range="bytes=10-", If_Range='"other"').status == 200
    unchanged = fetch(venue, DAY_FILE, If_None_Match=whole.headers["ETag"])
    assert (unchanged.status, unchanged.body) == (304, b"")


def test_a_republished_file_has_other_rows_and_other_tags() -> None:
    with Emulator(listings=[Listing("ETHUSDT")], now=NOW) as venue:
        before = fetch(venue, DAY_FILE)
        at = datetime(2024, 3, 5, 7, tzinfo=UTC)
        venue.republish(
            DAY_FILE, changed={at: {"close": "1.00000000"}}, withdrawn=[datetime(2024, 3, 5, 9, tzinfo=UTC)]
        )
        after = fetch(venue, DAY_FILE, If_None_Match=before.headers["ETag"])
        rows = rows_of(after.body)
        assert len(rows) == 23
        assert rows[7][4] == "1.00000000"
        assert after.headers["Last-Modified"] == "Tue, 10 Jun 2025 12:34:56 GMT"
        sidecar = fetch(venue, DAY_FILE + ".CHECKSUM").body.decode()
        assert sidecar.split()[0] == sha256(after.body).hexdigest()
        venue.republish(f"/vision/{MONTH_FILE}")
        assert fetch(venue, MONTH_FILE).status == 200
        with pytest.raises(ValueError, match="no archive file"):
            venue.republish("data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2030-01-01.zip")
        with pytest.raises(ValueError, match="no bar opens at"):
            venue.republish(DAY_FILE, withdrawn=[datetime(2024, 3, 6, tzinfo=UTC)])


def test_a_folder_lists_its_files_with_true_sizes(venue: Emulator) -> None:
    root = listed(venue, prefix="data/spot/monthly/klines/BTCUSDT/1h/", delimiter="/")
    keys = texts(root, "Contents/Key")
    assert keys == sorted(keys)
    assert keys[0].endswith("BTCUSDT-1h-2017-08.zip")
    assert keys[1].endswith("BTCUSDT-1h-2017-08.zip.CHECKSUM")
    assert keys[-1].endswith("BTCUSDT-1h-2025-05.zip.CHECKSUM")
    for key, size, etag in zip(keys, texts(root, "Contents/Size"), texts(root, "Contents/ETag"), strict=True):
        if "2024-12" in key:
            body = fetch(venue, key).body
            assert (int(size), etag) == (len(body), f'"{md5(body).hexdigest()}"')
    assert texts(root, "Name") == ["data.binance.vision"]
    assert texts(root, "IsTruncated") == ["false"]


def test_listed_keys_are_exactly_the_files_that_are_served(venue: Emulator) -> None:
    keys = texts(listed(venue, prefix="data/spot/daily/klines/ETHUSDT/1h/ETHUSDT-1h-2024-0"), "Contents/Key")
    days = {key[-14:-4] for key in keys if key.endswith(".zip")}
    assert min(days) == "2024-02-10"
    assert "2024-04-02" not in days
    assert not {day for day in days if day.startswith("2024-05-0")}
    assert len(keys) == 2 * len(days)


def test_pages_follow_each_other_without_loss(venue: Emulator) -> None:
    prefix = "data/futures/um/daily/klines/ETHUSDT/1d/"
    keys: list[str] = []
    marker = ""
    for _ in range(20):
        root = listed(venue, prefix=prefix, marker=marker, max_keys=5000)
        page = texts(root, "Contents/Key")
        keys += page
        assert len(page) <= 1000
        assert texts(root, "NextMarker") == []
        marker = keys[-1]
        if texts(root, "IsTruncated") == ["false"]:
            break
    assert len(keys) == len(set(keys)) == 2 * (NOW.date() - datetime(2019, 12, 31).date()).days
    assert keys == sorted(keys)


def test_a_delimiter_rolls_folders_up_and_pages_through_them(venue: Emulator) -> None:
    assert texts(listed(venue, prefix="data/", delimiter="/"), "CommonPrefixes/Prefix") == [
        "data/futures/",
        "data/spot/",
    ]
    prefix = "data/spot/daily/klines/"
    assert texts(listed(venue, prefix=prefix, delimiter="/"), "CommonPrefixes/Prefix") == [
        f"{prefix}{symbol}/" for symbol in ("BTCUSDT", "ETHUSDT", "GONEUSDT")
    ]
    first = listed(venue, prefix=prefix, delimiter="/", max_keys=2)
    assert texts(first, "NextMarker") == [f"{prefix}ETHUSDT/"]
    second = listed(venue, prefix=prefix, delimiter="/", max_keys=2, marker=f"{prefix}ETHUSDT/")
    assert texts(second, "CommonPrefixes/Prefix") == [f"{prefix}GONEUSDT/"]
    assert texts(second, "IsTruncated") == ["false"]


def test_version_two_pages_by_token(venue: Emulator) -> None:
    query = {"list_type": 2, "prefix": "data/spot/monthly/klines/ETHUSDT/1d/", "max_keys": 7}
    whole = texts(listed(venue, **{**query, "max_keys": 1000}), "Contents/Key")
    keys: list[str] = []
    token: dict[str, str] = {}
    while True:
        root = listed(venue, **query, **token)
        keys += texts(root, "Contents/Key")
        if texts(root, "IsTruncated") == ["false"]:
            break
        token = {"continuation_token": texts(root, "NextContinuationToken")[0]}
    assert keys == whole
    start_after = texts(listed(venue, **query, start_after=whole[3]), "Contents/Key")
    assert start_after == whole[4:11]


def test_a_prefix_that_names_nothing_lists_nothing(venue: Emulator) -> None:
    root = listed(venue, prefix="data/spot/daily/klines/NOPEUSDT/", delimiter="/")
    assert texts(root, "Contents/Key") == texts(root, "CommonPrefixes/Prefix") == []
    assert get(f"{venue.endpoints['listing']}?max-keys=many").status == 400


def test_a_folder_without_recordings_is_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="no recorded klines"):
        Emulator(data=[tmp_path])


def test_recorded_data_alone_serve_the_days_of_a_recorded_month_but_no_month_of_a_day() -> None:
    with Emulator(data=[RECORDED], now=NOW) as venue:
        assert fetch(venue, "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-05.zip").status == 200
        assert fetch(venue, "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-01.zip").status == 200
        assert fetch(venue, "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01.zip").status == 404
        assert fetch(venue, "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2020-01-02.zip").status == 404
        assert fetch(venue, "data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2025-01.zip").status == 404
