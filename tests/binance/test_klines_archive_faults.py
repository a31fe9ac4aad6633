"""What is wrong with archive files costs no row: mended, or refused and asked of REST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.venues import (
    DAY,
    HOUR,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    check_frame,
    frame_of,
    gaps,
    make_rows,
    sent,
    sources,
    utc,
    write_zip,
)
from dsm_binance import VisionAPIError
from dsm_binance.emulator import Emulator, Fault
from dsm_core.errors import (
    AccessDeniedError,
    AllSourcesFailedError,
    ChecksumMismatchError,
    RequestError,
    SchemaMismatchError,
)

MONTH: tuple[Any, ...] = ("BTCUSDT", "2024-04", "2024-04", "1h")
DAYS: tuple[Any, ...] = ("BTCUSDT", "2024-06-10", "2024-06-12", "1h")
DAY_START = utc(2024, 6, 11)
Rows = list[list[str]]


def truth(venue: Emulator, start: Any, end: Any) -> pd.DataFrame:
    return frame_of(bars_of_rest(venue, "spot", "BTCUSDT", "1h", start, end), "1h")


def test_a_download_that_fails_its_checksum_once_is_downloaded_again(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("bad-checksum")])
    data = desk.manager(venue).query(*MONTH)
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert (len(sent(venue, "zip")), len(sent(venue, "checksum")), len(sent(venue, "klines"))) == (2, 2, 0)
    assert (data.failures, sources(data)) == ((), ["vision"])


@pytest.mark.parametrize("kind", ["bad-checksum", "no-checksum", "bad-zip"])
def test_a_file_that_cannot_be_verified_is_refused_and_its_range_comes_from_rest(
    kind: str, venues: Venues, desk: Desk
) -> None:
    venue = venues(faults=[Fault(kind, "2024-06-11", times=None)])
    data = desk.manager(venue).query(*DAYS)
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 6, 10), utc(2024, 6, 13)))
    assert sources(data) == ["vision", "rest", "vision"]
    (failure,) = data.failures
    assert (failure.source, failure.start_ns, failure.end_ns) == (
        "vision",
        pd.Timestamp(DAY_START).value,
        pd.Timestamp(DAY_START + DAY).value,
    )
    assert isinstance(failure.error, ChecksumMismatchError)
    assert "BTCUSDT-1h-2024-06-11.zip" in str(failure)
    assert len([r for r in sent(venue, "zip") if "2024-06-11" in r.path]) == 2


def test_a_month_that_cannot_be_verified_is_read_from_its_days(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("bad-checksum", "monthly", times=None)])
    data = desk.manager(venue).query(*MONTH)
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert sources(data) == ["vision"]
    assert len(data.failures) == 1


def test_a_damaged_zip_that_matches_its_checksum_is_refused(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    path = write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", make_rows(DAY_START, 24))
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 0xFF
    data = _serve(venues, desk, tmp_path, path, bytes(damaged))
    _assert_refused(data, "2024-06-11")


def test_a_truncated_zip_that_matches_its_checksum_is_refused(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    path = write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", make_rows(DAY_START, 24))
    data = _serve(venues, desk, tmp_path, path, path.read_bytes()[:-30])
    _assert_refused(data, "2024-06-11")


def test_a_day_that_was_never_published_comes_from_rest(venues: Venues, desk: Desk) -> None:
    venue = venues(missing=["*/BTCUSDT-1h-2024-06-11.zip"])
    data = desk.manager(venue).query(*DAYS, on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 6, 10), utc(2024, 6, 13)))
    assert sources(data) == ["vision", "rest", "vision"]
    assert data.failures == ()
    assert [r.query["limit"] for r in sent(venue, "klines")] == ["24"]


def test_a_month_that_lacks_days_is_completed_from_daily_files(venues: Venues, desk: Desk) -> None:
    path = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip"
    venue = venues(lacking={path: ["2024-04-09", "2024-04-10"]})
    data = desk.manager(venue).query(*MONTH, on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert sources(data) == ["vision"]
    assert [r.path[-14:-4] for r in sent(venue, "zip")][1:] == ["2024-04-09", "2024-04-10"]
    assert sent(venue, "klines") == []


def test_a_month_and_its_days_that_were_never_published_come_from_rest(venues: Venues, desk: Desk) -> None:
    venue = venues(missing=["*2024-04*"])
    data = desk.manager(venue).query(*MONTH, on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert sources(data) == ["rest"]
    assert len(sent(venue, "zip")) <= 15, "the listing bounds what is probed"


def test_a_wrong_listing_loses_no_row(venues: Venues, desk: Desk) -> None:
    venue = venues(missing=["*2024-04*"], faults=[Fault("html", "prefix=", times=None)])
    data = desk.manager(venue).query(*MONTH, on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))


@pytest.mark.parametrize(
    ("kind", "match"),
    [("cut", ".zip"), ("reset", ".zip"), ("500", ".zip"), ("503", ".CHECKSUM"), ("html", "re:zip$")],
)
def test_a_download_that_breaks_once_is_repeated(kind: str, match: str, venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault(kind, match)])
    data = desk.manager(venue).query(*MONTH)
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 4), utc(2024, 5)))
    assert (sources(data), data.failures) == (["vision"], ())


def test_an_archive_that_answers_403_is_left_alone_and_rest_delivers(venues: Venues, desk: Desk) -> None:
    good, bad = venues(), venues(faults=[Fault("403", times=None)])
    endpoints = {**good.endpoints, "vision": bad.endpoints["vision"], "listing": bad.endpoints["listing"]}
    manager = desk.manager(endpoints)
    data = manager.query(*DAYS)
    assert_equal(data.to_pandas(), truth(good, utc(2024, 6, 10), utc(2024, 6, 13)))
    assert sources(data) == ["rest"]
    assert {type(f.error) for f in data.failures} == {AccessDeniedError}
    bad.clear_requests()
    assert sources(manager.query("BTCUSDT", "2024-06-01", "2024-06-02", "1h")) == ["rest"]
    assert bad.requests == []


@pytest.mark.parametrize("head", [True, False])
def test_a_file_without_rows_is_an_answer(head: bool, venues: Venues, desk: Desk, tmp_path: Path) -> None:
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", b"", head=head)
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-10", make_rows(utc(2024, 6, 10), 24))
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-12", make_rows(utc(2024, 6, 12), 24))
    archive = venues(data=[tmp_path])
    _publish_empty(archive)
    data = desk.manager(archive).query(*DAYS)
    assert data.failures == ()
    assert len(data) == 48
    assert gaps(data) == [(DAY_START, DAY_START + DAY, "venue_has_none", True)]


def _publish_empty(venue: Emulator) -> None:
    """Let a recorded file without rows exist, which the emulator takes for unpublished."""
    archive = venue._gate._rooms.archive
    assert archive is not None
    known = archive.exists
    archive.exists = lambda key: known(key) or archive.book.recordings.file(key.path) is not None


def _shuffled(rows: Rows) -> Rows:
    return [*rows[12:], *reversed(rows[:12])]


def _doubled(rows: Rows) -> Rows:
    return [*rows, *rows[5:9], rows[0]]


def _mixed(rows: Rows) -> Rows:
    return rows[:7] + make_rows(DAY_START + 7 * HOUR, 17, micros=True)[:17]


@pytest.mark.parametrize("spoil", [_shuffled, _doubled])
@pytest.mark.parametrize("head", [True, False])
def test_disorder_and_duplicates_are_mended(
    spoil: Callable[[Rows], Rows], head: bool, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    rows = make_rows(DAY_START, 24)
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", spoil(rows), head=head)
    venue = venues(data=[tmp_path], rest=False)
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    check_frame(frame)
    assert_equal(frame, frame_of(rows, "1h"))


def test_milliseconds_and_microseconds_may_stand_in_one_file(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    rows = make_rows(DAY_START, 7) + make_rows(DAY_START + 7 * HOUR, 17, micros=True)
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", rows)
    venue = venues(data=[tmp_path], rest=False)
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    check_frame(frame)
    assert_equal(frame, frame_of(rows, "1h"))


def test_windows_line_ends_and_a_missing_last_one_are_read(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    rows = make_rows(DAY_START, 24)
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", "\r\n".join(map(",".join, rows)).encode())
    venue = venues(data=[tmp_path], rest=False)
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    assert_equal(frame, frame_of(rows, "1h"))


def _cell(row: int, column: int, text: str) -> Callable[[Rows], Rows]:
    def spoil(rows: Rows) -> Rows:
        rows[row][column] = text
        return rows

    return spoil


BAD_ROWS: dict[str, Callable[[Rows], Rows]] = {
    "NaN price": _cell(3, 1, "NaN"),
    "infinite price": _cell(3, 2, "inf"),
    "empty price": _cell(3, 4, ""),
    "text for a price": _cell(3, 4, "n/a"),
    "low above high": _cell(3, 3, "999999.0"),
    "open above high": _cell(3, 1, "999999.0"),
    "close below low": _cell(3, 4, "0.5"),
    "text for a time": _cell(3, 0, "yesterday"),
    "time in nanoseconds": _cell(3, 0, "1718064000000000000"),
    "eleven columns": lambda rows: [row[:11] for row in rows],
    "thirteen columns": lambda rows: [[*row, "0"] for row in rows],
    "a short row": lambda rows: [*rows[:5], rows[5][:4], *rows[6:]],
    "rows of another day": lambda rows: make_rows(DAY_START - DAY, 24),
    "fractional count": _cell(3, 8, "7.5"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_file_with_wrong_rows_is_refused_and_its_range_comes_from_rest(
    what: str, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    write_zip(tmp_path / "files", "spot/BTCUSDT/1h/2024-06-11", BAD_ROWS[what](make_rows(DAY_START, 24)))
    data = _beside_rest(venues, desk, tmp_path / "files")
    _assert_refused(data, "2024-06-11", VisionAPIError | SchemaMismatchError)


@pytest.mark.parametrize("member", ["other.csv", "BTCUSDT-1h-2024-06-12.csv", "../BTCUSDT-1h-2024-06-11.csv"])
def test_a_zip_whose_member_has_another_name_is_refused(
    member: str, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    write_zip(tmp_path / "files", "spot/BTCUSDT/1h/2024-06-11", make_rows(DAY_START, 24), member=member)
    data = _beside_rest(venues, desk, tmp_path / "files")
    _assert_refused(data, "2024-06-11")


def test_rows_of_another_day_beside_the_right_ones_are_left_out(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    rows = make_rows(DAY_START, 24)
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", [*rows, *make_rows(DAY_START + DAY, 2)])
    venue = venues(data=[tmp_path], rest=False)
    frame = desk.manager(venue).get_data("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    assert_equal(frame, frame_of(rows, "1h"))


def test_a_refused_file_with_no_other_source_is_an_error_that_names_it(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    write_zip(tmp_path, "spot/BTCUSDT/1h/2024-06-11", make_rows(DAY_START - DAY, 24))
    venue = venues(data=[tmp_path], rest=False)
    with pytest.raises(AllSourcesFailedError, match=r"BTCUSDT-1h-2024-06-11\.zip") as caught:
        desk.manager(venue).get_data(
            "BTCUSDT", "2024-06-11", "2024-06-11", "1h", enforce_source="vision", on_gaps="ignore"
        )
    assert isinstance(caught.value.__cause__, VisionAPIError)
    assert not list((desk.tmp_path / "cache").rglob("*.arrow"))


def test_a_refused_file_is_asked_for_again_by_the_next_call(venues: Venues, desk: Desk) -> None:
    venue = venues(faults=[Fault("bad-checksum", "2024-06-11", times=None)])
    manager = desk.manager(venue)
    data = manager.query(*DAYS, enforce_source="vision", on_gaps="ignore")
    assert [(g.reason, g.final) for g in data.gaps] == [("source_failed", False)]
    venue.clear_faults()
    venue.clear_requests()
    data = manager.query(*DAYS, enforce_source="vision", on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(venue, utc(2024, 6, 10), utc(2024, 6, 13)))
    assert [r.path[-14:-4] for r in sent(venue, "zip")] == ["2024-06-11"]


def _beside_rest(venues: Venues, desk: Desk, files: Path) -> Any:
    """Ask an archive that holds ``files``, with the REST of a venue that has the true rows."""
    good, bad = venues(), venues(data=[files])
    endpoints = {**good.endpoints, "vision": bad.endpoints["vision"], "listing": bad.endpoints["listing"]}
    data = desk.manager(endpoints).query("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    assert_equal(data.to_pandas(), truth(good, DAY_START, DAY_START + DAY))
    return data


def _serve(venues: Venues, desk: Desk, files: Path, path: Path, body: bytes) -> Any:
    """The same with other bytes under the checksum's own authority."""
    bad = venues(data=[files])
    recording = bad._gate._rooms.archive.book.recordings.file(
        f"data/spot/daily/klines/BTCUSDT/1h/{path.name}"
    )
    recording.__dict__["body"] = body
    recording.__dict__["sidecar"] = None
    good = venues()
    endpoints = {**good.endpoints, "vision": bad.endpoints["vision"], "listing": bad.endpoints["listing"]}
    data = desk.manager(endpoints).query("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
    assert_equal(data.to_pandas(), truth(good, DAY_START, DAY_START + DAY))
    return data


def _assert_refused(data: Any, date: str, kind: Any = VisionAPIError) -> None:
    assert sources(data) == ["rest"]
    assert data.gaps == ()
    (failure,) = data.failures
    assert isinstance(failure.error, kind), failure
    assert failure.source == "vision"
    assert date in str(failure)


@pytest.mark.parametrize("kind", ["500", "reset", "418", "429"])
def test_an_archive_that_is_down_costs_no_row(kind: str, venues: Venues, desk: Desk) -> None:
    good, bad = venues(), venues(faults=[Fault(kind, times=None, retry_after=None)])
    endpoints = {**good.endpoints, "vision": bad.endpoints["vision"], "listing": bad.endpoints["listing"]}
    manager = desk.manager(endpoints, retry_count=0, config={"defaults": {"max_wait_s": 0.5}})
    data = manager.query("BTCUSDT", "2024-03", "2024-06-12", "1h", on_gaps="raise_any")
    assert_equal(data.to_pandas(), truth(good, utc(2024, 3), utc(2024, 6, 13)))
    assert sources(data) == ["rest"]
    assert data.failures
    assert len(bad.requests) <= 30, "one round of downloads, and then the host is left alone"


def test_sources_that_are_switched_off_are_not_asked(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue, config={"binance": {"sources": ["rest"]}})
    data = manager.query(*DAYS)
    assert (sources(data), len(data)) == (["rest"], 72)
    assert {r.kind for r in venue.requests} == {"klines", "time"}
    with pytest.raises(RequestError, match=r"vision.*rest"):
        manager.query(*DAYS, enforce_source="vision")


def test_sources_may_be_asked_in_another_order(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue, config={"binance": {"sources": ["rest", "vision"]}})
    assert sources(manager.query(*DAYS)) == ["rest"]
    venue.add_fault(Fault("500", "v3/klines", times=None))
    other = desk.manager(venue, config={"binance": {"sources": ["rest", "vision"]}}, retry_count=0)
    assert sources(other.query("BTCUSDT", "2024-05-10", "2024-05-12", "1h")) == ["vision"]
