"""What an answer is made of, locked; and today's rows held against the lock."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from core.two_sources import HOUR, START, Files, Rest, again, ns, two_sources
from dsm_core import DataSourceManager, MarketData, __version__
from dsm_core.errors import IntegrityError, RequestError
from dsm_core.lineage import Difference, Locked, Verified, read_lock, write_lock
from dsm_core.lineage.packed import pack, unpack

ROWS = 600
RANGE: dict[str, Any] = {
    "start_time": START,
    "end_time": START + ROWS * HOUR,
    "interval": "1h",
    "inclusive": "left",
}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DataSourceManager]:
    with two_sources(tmp_path) as made:
        yield made


def at(hour: int) -> datetime:
    return START + hour * HOUR


def locked(data: MarketData, folder: Path, *, values: bool) -> Locked:
    """As it comes back from a file."""
    write_lock(folder / "a.lock.json", [data.lock(values=values)])
    (entry,) = read_lock(folder / "a.lock.json")
    return entry


def verified(entry: Locked, folder: Path, **given: Any) -> Verified:
    """Against rows of a new cache: what the sources tell now."""
    with again(folder, cache_dir=folder / "new", **given) as manager:
        return manager.query(**entry.call(), on_gaps="ignore").verify(entry)


def test_a_manifest_tells_request_origins_versions_and_hash(manager: DataSourceManager) -> None:
    Files.absent = {at(5)}
    told = manager.query("ACME", **RANGE).manifest()
    facts = json.loads(json.dumps(told.as_dict()))
    assert facts["request"] == {
        "series": "house/spot/klines/ACME/1h",
        "start_time": "2024-01-01T00:00:00+00:00",
        "end_time": "2024-01-26T00:00:00+00:00",
        "source": "auto",
    }
    assert facts["rows"] == ROWS
    assert facts["content"] == {"definition": "dsm-content-1", "sha256": told.sha256}
    assert facts["columns"][:2] == [["open_time", "time"], ["open", "float64"]]
    assert [(s["source"], s["rows"]) for s in facts["segments"]] == [
        ("files", 5),
        ("rest", 1),
        ("files", 594),
    ]
    assert facts["made_by"] == {"dsm-core": __version__, "house": "not installed"}


def test_the_cache_gives_the_manifest_that_the_sources_gave(manager: DataSourceManager) -> None:
    first = manager.query("ACME", **RANGE)
    second = manager.query("ACME", **RANGE)
    assert first.provenance[0].from_cache is not second.provenance[0].from_cache
    assert first.manifest() == second.manifest()
    assert first.manifest().as_dict() == second.manifest().as_dict()


def test_equal_rows_of_equal_origin_give_equal_lock_files_in_any_cache(
    manager: DataSourceManager, tmp_path: Path
) -> None:
    Files.absent = {at(5)}
    write_lock(tmp_path / "a", [manager.query("ACME", **RANGE).lock()])
    later = {"cache_dir": tmp_path / "other", "clock": lambda: datetime(2024, 7, 1, tzinfo=UTC)}
    with again(tmp_path, **later) as other:
        for start in (300, 0, 100):
            other.query("ACME", at(start), at(start + 120), "1h")
        data = other.query("ACME", **RANGE)
        write_lock(tmp_path / "b", [data.lock()])
    ours = manager.query("ACME", **RANGE)
    assert {s.fetched_at for s in data.provenance}.isdisjoint(s.fetched_at for s in ours.provenance)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    # When it was fetched is told all the same, by the object.
    assert data.manifest() == ours.manifest()
    assert {s.fetched_at for s in data.manifest().segments} == {s.fetched_at for s in data.provenance}


def test_manifest_and_lock_print_on_one_line(manager: DataSourceManager) -> None:
    data = manager.query("ACME", **RANGE)
    entry, sha256 = data.lock(values=True), data.manifest().sha256[:16]
    span = "house/spot/klines/ACME/1h [2024-01-01 00:00, 2024-01-26 00:00)"
    assert str(data.manifest()) == f"<Manifest of {span}: 600 rows, sha256 {sha256}>"
    assert str(entry) == f"<Lock of {span}: 600 rows in 3 parts, sha256 {sha256}, with values>"
    assert len(repr(entry.blocks[0])) < 600


def test_the_hash_is_of_the_rows_that_are_handed_out(manager: DataSourceManager) -> None:
    whole = manager.query("ACME", **RANGE).manifest()
    some = manager.query("ACME", **RANGE, columns=["close"]).manifest()
    noted = manager.query("ACME", **RANGE, include_source_metadata=True).manifest()
    assert [name for name, _ in some.columns] == ["open_time", "close"]
    assert some.sha256 != whole.sha256
    assert noted.as_dict() == whole.as_dict()


def test_what_cannot_be_had_again_is_not_locked(manager: DataSourceManager) -> None:
    data = manager.query("ACME", **RANGE)
    assert data.resample("4h").resample("8h").manifest().resampled_from == "1h"
    with pytest.raises(RequestError, match="Lock the bars of 1h"):
        data.resample("4h").lock()
    running = manager.query("ACME", last=3, interval="1h", include_open_bar=True)
    assert running.manifest().unfinished == 1
    with pytest.raises(RequestError, match="has not closed"):
        running.lock()
    with pytest.raises(RequestError, match="Nothing can lie"):
        manager.query("ACME", START, START, "1h", inclusive="neither").manifest()


@pytest.mark.parametrize("values", [False, True])
def test_the_same_rows_are_the_same(manager: DataSourceManager, tmp_path: Path, values: bool) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=values)
    found = verified(entry, tmp_path)
    assert (found.status, found.rows, found.first) == ("same", ROWS, None)
    assert entry.has_values is values
    assert str(found).startswith("house/spot/klines/ACME/1h: same, 600 rows, sha256 ")


def test_a_lock_is_written_the_same_twice_and_read_as_it_was(
    manager: DataSourceManager, tmp_path: Path
) -> None:
    entries = [manager.query("ACME", **RANGE).lock(values=True), manager.query("OTHER", **RANGE).lock()]
    write_lock(tmp_path / "a", entries)
    write_lock(tmp_path / "b", [manager.query("ACME", **RANGE).lock(values=True), entries[1]])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert [e.as_dict() for e in read_lock(tmp_path / "a")] == [e.as_dict() for e in entries]
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a", "b"]


def test_with_values_the_first_differing_cell_is_told_with_both(
    manager: DataSourceManager, tmp_path: Path
) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=True)
    Files.changed = {at(300): {"close": 1.0, "low": 1.0}, at(590): {"volume": 0.25}}
    found = verified(entry, tmp_path)
    assert (found.status, found.differing) == ("differs", 2)
    first = found.first
    assert first is not None
    assert (first.kind, first.time_ns, first.columns) == ("value", ns(at(300)), ("low", "close"))
    assert (first.locked, first.now, first.is_exact) == ("390.0", "1.0", True)
    assert str(first) == "2024-01-13 12:00 low: locked 390.0, now 1.0"


def test_without_values_row_and_columns_are_told_and_that_the_old_value_is_not_kept(
    manager: DataSourceManager, tmp_path: Path
) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=False)
    Files.changed = {at(300): {"close": 392.0}}
    first = verified(entry, tmp_path).first
    assert first is not None
    assert (first.time_ns, first.columns, first.locked, first.now) == (ns(at(300)), ("close",), None, "392.0")
    assert str(first) == "2024-01-13 12:00 close: now 392.0; the lock keeps no values"
    assert not first.is_exact


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("hour", [0, 100, 256, 599])
def test_a_row_that_is_gone_or_new_is_told(
    manager: DataSourceManager, tmp_path: Path, hour: int, values: bool
) -> None:
    whole = locked(manager.query("ACME", **RANGE), tmp_path, values=values)
    Files.absent = Rest.absent = {at(hour)}
    gone = verified(whole, tmp_path)
    assert gone.first is not None
    assert (gone.status, gone.first.kind, gone.differing) == ("differs", "row gone", 1)
    assert gone.first.time_ns == ns(at(hour if values else hour + 1))
    with again(tmp_path, cache_dir=tmp_path / "holed") as other:
        holed = locked(other.query("ACME", **RANGE, on_gaps="ignore"), tmp_path, values=values)
    Files.absent = Rest.absent = set()
    new = verified(holed, tmp_path / "later")
    assert new.first is not None
    assert (new.status, new.first.kind, new.first.time_ns) == ("differs", "row new", ns(at(hour)))
    assert (new.rows, new.locked_rows) == (ROWS, ROWS - 1)


@pytest.mark.parametrize("values", [False, True])
def test_rows_that_are_not_at_hand_are_missing_and_not_different(
    manager: DataSourceManager, tmp_path: Path, values: bool
) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=values)
    with again(tmp_path, cache_dir=tmp_path / "new") as other:
        other.query("ACME", at(0), at(200), "1h")
        other.query("ACME", at(220), at(599), "1h")
    found = verified(entry, tmp_path, config={"offline": True})
    assert (found.status, found.differing, found.missing, found.first) == ("missing", 0, 1, None)
    assert "rows are missing: 2024-01-09 09:00 to 2024-01-10 04:00, 19 bars" in str(found)
    assert verified(entry, tmp_path).status == "same"


def test_a_value_is_told_beside_rows_that_are_not_at_hand(manager: DataSourceManager, tmp_path: Path) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=True)
    Files.changed = {at(250): {"close": 341.0}, at(500): {"close": 591.0}}
    with again(tmp_path, cache_dir=tmp_path / "new") as other:
        other.query("ACME", at(220), at(599), "1h")
    found = verified(entry, tmp_path, config={"offline": True})
    assert (found.status, found.differing, found.missing) == ("differs", 2, 0)
    assert found.first is not None
    assert found.first.time_ns == ns(at(250))


def test_rows_from_elsewhere_are_named_with_both_origins(manager: DataSourceManager, tmp_path: Path) -> None:
    entry = locked(manager.query("ACME", **RANGE), tmp_path, values=True)
    Files.absent, Rest.changed = {at(3)}, {at(3): {"close": 107.0}}
    assert str(verified(entry, tmp_path).first) == (
        "2024-01-01 03:00 close: locked 108.0, now 107.0; then from files, now from rest"
    )


def test_other_versions_are_told_beside_a_difference(manager: DataSourceManager, tmp_path: Path) -> None:
    entry = manager.query("ACME", **RANGE).lock()
    entry = evolve(entry, manifest=evolve(entry.manifest, made_by={"dsm-core": "0.0.9", "dsm-house": "1.2"}))
    assert verified(entry, tmp_path).versions == {}
    Files.changed = {at(3): {"close": 107.0}}
    found = verified(entry, tmp_path / "later")
    assert found.versions == {
        "dsm-core": ("0.0.9", __version__),
        "dsm-house": ("1.2", None),
        "house": (None, "not installed"),
    }
    packages = "dsm-house was 1.2, is absent; house was absent, is not installed"
    assert str(found).endswith(f"; dsm-core was 0.0.9, is {__version__}; {packages}")


def test_an_enforced_source_is_asked_again(manager: DataSourceManager, tmp_path: Path) -> None:
    Rest.changed = {at(3): {"close": 107.0}}
    entry = locked(manager.query("ACME", **RANGE, enforce_source="rest"), tmp_path, values=False)
    assert entry.manifest.source == "rest"
    assert verified(entry, tmp_path).status == "same"


def test_other_columns_are_told(manager: DataSourceManager, tmp_path: Path) -> None:
    data = manager.query("ACME", **RANGE, columns=["close"])
    entry = locked(data, tmp_path, values=False)
    first = manager.query("ACME", **RANGE, columns=["close", "volume"]).verify(entry).first
    assert str(first) == "columns: locked none of these, now volume float64"


def test_the_same_columns_in_another_order_are_told_so(manager: DataSourceManager) -> None:
    entry = manager.query("ACME", **RANGE, columns=["open", "close"]).lock()
    found = manager.query("ACME", **RANGE, columns=["close", "open"]).verify(entry)
    assert found.status == "differs"
    assert found.first is not None
    assert found.first.columns == ("open", "close")
    assert str(found.first) == "columns: locked open_time, open, close, now open_time, close, open"


@pytest.mark.parametrize("other", ["symbol", "range", "nothing"])
def test_rows_of_another_series_or_range_are_not_held_against_a_lock(
    manager: DataSourceManager, other: str
) -> None:
    Files.absent = Rest.absent = {at(hour) for hour in range(ROWS)}
    entry = manager.query("ACME", **RANGE, on_gaps="ignore").lock()
    asked = RANGE | {"range": {"start_time": at(1)}, "nothing": {"end_time": START}}.get(other, {})
    symbol = "OTHER" if other == "symbol" else "ACME"
    data = manager.query(symbol, **asked, on_gaps="ignore")
    assert len(data) == 0
    with pytest.raises(RequestError) as caught:
        data.verify(entry)
    assert caught.value.message.startswith(
        "The lock is of house/spot/klines/ACME/1h [2024-01-01T00:00:00+00:00, 2024-01-26T00:00:00+00:00), "
        f"the rows are of house/spot/klines/{symbol}/1h "
    )


def test_nothing_locked_is_nothing_still_or_a_new_row(manager: DataSourceManager, tmp_path: Path) -> None:
    Files.absent = Rest.absent = {at(hour) for hour in range(ROWS)}
    entry = locked(manager.query("ACME", **RANGE, on_gaps="ignore"), tmp_path, values=True)
    assert entry.blocks == ()
    assert verified(entry, tmp_path).status == "same"
    Files.absent = {at(hour) for hour in range(ROWS) if hour != 7}
    first = verified(entry, tmp_path / "later").first
    assert (
        str(first)
        == "2024-01-01 07:00: no row was locked here, and there is one; then from nowhere, now from files"
    )


@pytest.mark.parametrize("what", ["values", "digest", "whole"])
def test_a_lock_that_contradicts_itself_is_no_proof(
    manager: DataSourceManager, tmp_path: Path, what: str
) -> None:
    data = manager.query("ACME", **RANGE)
    entry = data.lock(values=True)
    first = entry.blocks[0]
    if what == "values":
        entry = evolve(entry, blocks=(evolve(first, values=entry.blocks[1].values), *entry.blocks[1:]))
    elif what == "digest":
        entry = evolve(
            entry, blocks=(evolve(first, digests=("0" * 32, *first.digests[1:])), *entry.blocks[1:])
        )
    entry = evolve(entry, manifest=evolve(entry.manifest, sha256="0" * 64))
    with pytest.raises(IntegrityError, match="contradicts itself"):
        data.verify(entry)


@pytest.mark.parametrize("what", ["digest", "checks", "values", "start", "sizes", "columns"])
def test_a_lock_whose_parts_tell_of_other_rows_than_its_whole_is_never_the_same(
    manager: DataSourceManager, what: str
) -> None:
    data = manager.query("ACME", **RANGE)
    entry = data.lock(values=True)
    first, second, *more = entry.blocks
    if what == "digest":
        first = evolve(first, digests=(*first.digests[:3], "0" * 32, *first.digests[4:]))
    elif what == "checks":
        first = evolve(first, checks="A" * len(first.checks))
    elif what == "values":
        first = evolve(first, values=second.values)
    elif what == "start":
        first = evolve(first, start_ns=first.start_ns + 1)
    elif what == "sizes":
        first, second = evolve(first, rows=first.rows - 1), evolve(second, rows=second.rows + 1)
    else:
        columns = (entry.manifest.columns[0], ("opened", "float64"), *entry.manifest.columns[2:])
        entry = evolve(entry, manifest=evolve(entry.manifest, columns=columns))
    assert data.verify(data.lock()).status == "same"
    with pytest.raises(IntegrityError, match="contradicts itself"):
        data.verify(evolve(entry, blocks=(first, second, *more)))


def test_origins_are_told_by_the_names_of_their_files_unless_those_are_the_same() -> None:
    url, sha256 = "https://a.example/data/ACME-1h.zip", "0123456789abcdef"
    facts: dict[str, Any] = {"kind": "value", "time_ns": 0, "columns": ("close",), "locked": "1", "now": "2"}
    told = Difference(
        **facts, locked_origin=f"files {url} sha256 {sha256}", origin="rest https://b.example/v1/bars"
    )
    assert str(told).endswith("then from files ACME-1h.zip sha256 01234567, now from rest bars")
    told = Difference(
        **facts, locked_origin="rest https://a.example/bars", origin="rest https://b.example/bars"
    )
    assert str(told).endswith("then from rest https://a.example/bars, now from rest https://b.example/bars")


def test_values_that_were_tampered_with_are_refused(manager: DataSourceManager, tmp_path: Path) -> None:
    entry = manager.query("ACME", **RANGE).lock(values=True)
    first, other = entry.blocks[0], entry.blocks[2].values
    assert first.values is not None
    Files.changed = {at(3): {"close": 107.0}}
    for values in ("", "AAAA", "====", pack((), 0, 0), first.values[:-8], other):
        spoiled = evolve(entry, blocks=(evolve(first, values=values), *entry.blocks[1:]))
        with pytest.raises(IntegrityError, match="is damaged"):
            verified(spoiled, tmp_path)


def test_values_that_swell_are_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(65 << 20), 1)).decode()
    with pytest.raises(ValueError, match="more than 64 MiB"):
        unpack(bomb, ["float64"], 256)
