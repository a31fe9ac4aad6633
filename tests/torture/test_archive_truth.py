"""What an archive file must not do: whatever is wrong with it, no wrong row comes, and evidence is kept."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from binance.venues import (
    DAY,
    NOW,
    Desk,
    Venues,
    assert_equal,
    bars_of_rest,
    frame_of,
    sent,
    sources,
)
from dsm_binance.emulator import Emulator, Fault
from dsm_binance.errors import VisionAPIError
from dsm_binance.kinds import TRADES
from dsm_binance.vision_file import read_klines
from dsm_binance.zip_member import read_member
from dsm_core.cache import Quarantine
from dsm_core.errors import AllSourcesFailedError
from dsm_core.model import TimeRange, to_ns
from dsm_core.plugins import Task
from torture.archive_files import (
    DAY_START,
    MEMBER,
    MENDED,
    NAME,
    REFUSED,
    SOUND,
    Defect,
    good_zip,
    rows,
    serve_folder,
    zip_of,
)
from torture.scale import count
from torture.tally import tally

ASKED = ("BTCUSDT", "2024-06-11", "2024-06-11", "1h")
SPAN = TimeRange(to_ns(DAY_START), to_ns(DAY_START + DAY))
TASK = Task(name=NAME, source="vision", span=SPAN, url=f"{{vision}}/data/{NAME}")
FLIPS = count(400, 40_000)


@pytest.fixture(scope="module")
def truthful() -> Iterator[Emulator]:
    """A venue whose REST has the true rows of the day."""
    with Emulator(now=NOW) as venue:
        yield venue


def truth(venue: Emulator) -> Any:
    return frame_of(bars_of_rest(venue, "spot", "BTCUSDT", "1h", DAY_START, DAY_START + DAY), "1h")


def ask(desk: Desk, truthful: Emulator, archive: Emulator) -> Any:
    """The day of a venue whose archive is ``archive``, and whose REST is truthful."""
    endpoints = {**truthful.endpoints, **{key: archive.endpoints[key] for key in ("vision", "listing")}}
    return desk.manager(endpoints, provider="binance").query(*ASKED, on_gaps="raise_any")


def evidence(desk: Desk) -> Any:
    """The one object in quarantine, whose bytes are those whose hash it tells."""
    room = Quarantine(desk.tmp_path / "cache")
    (kept,) = room.ls()
    path = room.path_of(kept)
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == kept.sha256
    assert kept.url.endswith(f"/data/spot/daily/klines/BTCUSDT/1h/{NAME}")
    assert kept.series == "binance/spot/klines/BTCUSDT/1h"
    assert kept.client == "SpotKlinesVision of provider 'binance'"
    assert kept.first_seen == NOW.isoformat()
    return kept


def assert_nothing_leaked(desk: Desk) -> None:
    """Only our own names stand below the test's folder."""
    names = {path.name for path in desk.tmp_path.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith(".csv")]
    kept = {path.name for path in (desk.tmp_path / "cache" / ".quarantine").iterdir()}
    assert all(name == ".lock" or len(name.partition(".")[0]) == 16 for name in kept)


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_file_is_refused_its_range_comes_from_rest_and_evidence_is_kept(
    what: str, venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    defect: Defect = REFUSED[what]
    body = defect.body()
    archive = venues(data=[serve_folder(tmp_path / "files", body, defect.stated)])
    data = ask(desk, truthful, archive)
    assert_equal(data.to_pandas(), truth(truthful))
    assert sources(data) == ["rest"]
    (failure,) = data.failures
    assert NAME in str(failure) or "row" in str(failure)
    kept = evidence(desk)
    assert (kept.outcome, kept.sha256, kept.size) == ("refused", hashlib.sha256(body).hexdigest(), len(body))
    assert defect.says in kept.reason
    assert kept.error == type(failure.error).__name__
    assert_nothing_leaked(desk)
    tally("archive: bad file", injected=1, survived=1)


@pytest.mark.parametrize("kind", ["no-checksum", "bad-checksum", "bad-zip"])
def test_a_file_whose_checksum_is_missing_or_wrong_is_refused_and_kept(
    kind: str, venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    faults = [Fault(kind, "2024-06-11", times=None)]
    archive = venues(data=[serve_folder(tmp_path / "files", good_zip())], faults=faults)
    data = ask(desk, truthful, archive)
    assert_equal(data.to_pandas(), truth(truthful))
    assert sources(data) == ["rest"]
    assert len(sent(archive, "zip")) == 2, "it is downloaded once more before it is refused"
    kept = evidence(desk)
    assert kept.error == "ChecksumMismatchError"
    assert (kept.stated_sha256 is None) == (kind == "no-checksum")
    assert kept.stated_sha256 != kept.sha256
    tally("archive: checksum", injected=1, survived=1)


@pytest.mark.parametrize("what", MENDED)
def test_a_file_that_can_be_put_right_is_used_and_kept_as_evidence(
    what: str, venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    defect: Defect = MENDED[what]
    body = defect.body()
    archive = venues(data=[serve_folder(tmp_path / "files", body)])
    data = ask(desk, truthful, archive)
    assert_equal(data.to_pandas(), frame_of(rows(), "1h"))
    assert (sources(data), data.failures) == (["vision"], ())
    kept = evidence(desk)
    assert (kept.outcome, kept.error, kept.stated_sha256) == ("mended", "", kept.sha256)
    assert defect.says in kept.reason
    tally("archive: mended file", injected=1, survived=1)


@pytest.mark.parametrize("what", SOUND)
def test_a_sound_file_is_used_and_nothing_is_kept(
    what: str, venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    archive = venues(data=[serve_folder(tmp_path / "files", SOUND[what]())])
    data = ask(desk, truthful, archive)
    assert_equal(data.to_pandas(), frame_of(rows(), "1h"))
    assert (sources(data), data.failures) == (["vision"], ())
    assert not (tmp_path / "cache" / ".quarantine").exists()


def test_a_bad_file_that_comes_again_is_kept_once_and_counted(
    venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    body = REFUSED["truncated zip"].body()
    archive = venues(data=[serve_folder(tmp_path / "files", body)], rest=False)
    manager = desk.manager(archive, provider="binance")
    for _ in range(3):
        with pytest.raises(AllSourcesFailedError):
            manager.query(*ASKED, enforce_source="vision")
    assert evidence(desk).times == 3


def test_a_quarantine_that_cannot_be_written_costs_no_row(
    venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ".quarantine").write_text("in the way")
    archive = venues(data=[serve_folder(tmp_path / "files", REFUSED["NaN price"].body())])
    assert_equal(ask(desk, truthful, archive).to_pandas(), truth(truthful))
    assert (tmp_path / "cache" / ".quarantine").read_text() == "in the way"


def test_a_flipped_or_cut_file_gives_the_right_rows_or_none(tmp_path: Path) -> None:
    whole, path = good_zip(), tmp_path / NAME
    path.write_bytes(whole)
    right = read_klines(path, TASK, TRADES, 24).rows
    drawn, refused = random.Random(20240611), 0
    for _ in range(FLIPS):
        data = bytearray(whole)
        if drawn.random() < 0.2:
            del data[drawn.randrange(len(data)) :]
        for _ in range(drawn.choice((1, 1, 2, 8))):
            if data:
                data[drawn.randrange(len(data))] ^= 1 << drawn.randrange(8)
        path.write_bytes(data)
        try:
            assert read_klines(path, TASK, TRADES, 24).rows.equals(right)
        except VisionAPIError:
            refused += 1
    assert refused > FLIPS // 2
    tally("archive: flipped bytes", injected=FLIPS, survived=FLIPS)


@pytest.mark.parametrize("what", ["bomb by size", "bomb by ratio", "bomb that states another size"])
def test_a_bomb_is_refused_before_it_takes_memory(what: str, tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(REFUSED[what].body())
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"claims|damaged"):
            read_member(path, MEMBER, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


FUNDING_DEFECTS = {
    "NaN rate": "1711958400000,8,NaN\n",
    "text for a rate": "1711958400000,8,much\n",
    "no interval": "1711958400000,0,0.0001\n",
    "negative interval": "1711958400000,-8,0.0001\n",
    "absurd interval": "1711958400000,800000000,0.0001\n",
    "two columns": "1711958400000,8\n",
    "rows of another month": "1719792000000,8,0.0001\n",
}


@pytest.mark.parametrize("what", FUNDING_DEFECTS)
def test_a_bad_file_of_funding_rates_is_refused_too(
    what: str, venues: Venues, desk: Desk, truthful: Emulator, tmp_path: Path
) -> None:
    stem = "BTCUSDT-fundingRate-2024-04"
    path = tmp_path / "files" / "um" / "fundingRate" / "BTCUSDT" / f"{stem}.zip"
    path.parent.mkdir(parents=True)
    head = "calc_time,funding_interval_hours,last_funding_rate\n"
    sound = "" if "another" in what else "1711929600000,8,0.0001\n"
    text = head + sound + FUNDING_DEFECTS[what]
    body = zip_of((f"{stem}.csv", text.encode()))
    path.write_bytes(body)
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{hashlib.sha256(body).hexdigest()}  {path.name}\n")
    archive = venues(data=[tmp_path / "files"])
    endpoints = {**truthful.endpoints, **{key: archive.endpoints[key] for key in ("vision", "listing")}}
    manager = desk.manager(endpoints, market="um", provider="binance")
    data = manager.query("BTCUSDT", "2024-04", "2024-04", None, chart_type="funding_rate", on_gaps="ignore")
    assert set(sources(data)) == {"rest"}
    assert data.failures
    (kept,) = Quarantine(tmp_path / "cache").ls()
    assert (kept.outcome, kept.sha256) == ("refused", hashlib.sha256(body).hexdigest())
