"""Evidence is bounded, named by ourselves, and never in the way."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import pytest

from dsm_core.cache import CacheStore, DocumentStore, Quarantine, Quarantined
from dsm_core.errors import CacheUnavailableError
from dsm_core.model import Origin
from dsm_core.model.specimen import Specimen

NOW = 1_718_452_830 * 10**9
HOSTILE = "https://archive.example/../../\x1b[31m\n/etc/passwd"


def specimen(folder: Path, body: bytes, url: str = "https://archive.example/a.zip") -> Specimen:
    path = folder / "object"
    path.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    return Specimen(path=path, origin=Origin(url=url, sha256=digest, size=len(body)), client="a client")


def keep(
    room: Quarantine, folder: Path, body: bytes, url: str = "https://archive.example/a.zip"
) -> Quarantined:
    return room.keep(
        specimen(folder, body, url), outcome="refused", reason="it is bad", error="ArchiveError", now=NOW
    )


def names(room: Quarantine) -> list[str]:
    return sorted(path.name for path in room.folder.iterdir() if path.name != ".lock")


def test_an_object_and_its_facts_are_kept(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    kept = keep(room, tmp_path, b"bytes")
    assert room.ls() == [kept]
    assert room.get(kept.id) == kept
    assert names(room) == [f"{kept.id}.json", f"{kept.id}.object"]
    path = room.path_of(kept)
    assert path is not None
    assert path.read_bytes() == b"bytes"
    told = json.loads((room.folder / f"{kept.id}.json").read_text())
    assert told["first_seen"] == "2024-06-15T12:00:30+00:00"
    assert (told["reason"], told["error"], told["client"]) == ("it is bad", "ArchiveError", "a client")
    assert told["sha256"] == hashlib.sha256(b"bytes").hexdigest()


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache", most=3)
    kept = [keep(room, tmp_path, bytes([i])) for i in range(6)]
    assert room.ls() == kept[3:]
    assert len(names(room)) == 6


def test_the_oldest_go_when_they_are_too_large(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache", most_bytes=250)
    kept = [keep(room, tmp_path, bytes([i]) * 100) for i in range(4)]
    assert room.ls() == kept[2:]


def test_a_bounded_cache_leaves_it_a_tenth(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache", max_bytes=2_500)
    kept = [keep(room, tmp_path, bytes([i]) * 100) for i in range(4)]
    assert room.ls() == kept[2:]


def test_what_comes_again_is_young_again(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache", most=2)
    first = keep(room, tmp_path, b"1")
    keep(room, tmp_path, b"2")
    again = keep(room, tmp_path, b"1")
    third = keep(room, tmp_path, b"3")
    assert (again.id, again.times) == (first.id, 2)
    assert room.ls() == [again, third]


def test_what_is_larger_than_all_of_it_leaves_its_facts_only(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache", most_bytes=10)
    kept = keep(room, tmp_path, b"x" * 11)
    assert (kept.object, room.path_of(kept), room.ls()) == (None, None, [kept])
    assert names(room) == [f"{kept.id}.json"]


def test_a_hostile_address_makes_no_name_and_no_control_character(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    kept = keep(room, tmp_path, b"bytes", HOSTILE)
    assert kept.url.isprintable()
    assert all(len(name.partition(".")[0]) == 16 for name in names(room))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cache", "object"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", ".lock", "0123456789abcdeg", "0123456789abcdef.json"]
)
def test_a_name_that_is_no_id_finds_nothing(name: str, tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    keep(room, tmp_path, b"bytes")
    assert room.get(name) is None


def test_strangers_and_damaged_facts_are_left_out_and_do_no_harm(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    kept = keep(room, tmp_path, b"bytes")
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (room.folder / "notes.txt").write_text("a user's")
    (room.folder / f"{'a' * 16}.json").write_text("{")
    (room.folder / f"{'b' * 16}.json").write_text(json.dumps({"id": "b" * 16}))
    (room.folder / f"{'c' * 16}.json").symlink_to(outside)
    told = json.loads((room.folder / f"{kept.id}.json").read_text())
    (room.folder / f"{'d' * 16}.json").write_text(json.dumps(told | {"id": "d" * 16, "object": "../../x"}))
    assert room.ls() == [kept]
    assert room.clear() == 1
    assert names(room) == [f"{'c' * 16}.json", "notes.txt"]
    assert outside.read_text() == "{}"


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    keep(room, tmp_path, b"1")
    (room.folder / f"{'a' * 16}.object.tmp").write_bytes(b"half")
    (room.folder / f"{'b' * 16}.object").write_bytes(b"without facts")
    keep(room, tmp_path, b"2")
    assert len(names(room)) == 4
    assert len(room.ls()) == 2


def test_some_are_removed_or_all(tmp_path: Path) -> None:
    room = Quarantine(tmp_path / "cache")
    assert room.clear() == 0
    assert not (tmp_path / "cache").exists()
    first, second, third = (keep(room, tmp_path, bytes([i])) for i in range(3))
    assert room.clear([second.id, "../x"]) == 1
    assert room.ls() == [first, third]
    assert room.clear() == 2
    assert names(room) == []


def test_a_link_out_of_the_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ".quarantine").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnavailableError, match="leads out"):
        keep(Quarantine(tmp_path / "cache"), tmp_path, b"bytes")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_threads_that_keep_at_once_lose_nothing(tmp_path: Path) -> None:
    def work(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        for i in range(5):
            keep(Quarantine(tmp_path / "cache"), folder, bytes([number, i]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.number for one in Quarantine(tmp_path / "cache").ls()) == list(range(1, 21))


def test_the_cache_takes_no_evidence_for_its_own(tmp_path: Path) -> None:
    keep(Quarantine(tmp_path / "cache"), tmp_path, b"bytes")
    store = CacheStore(tmp_path / "cache")
    assert (store.ls(), store.damaged(), store.documents(), list(store.verify())) == ([], [], [], [])
    assert store.set_aside() == []
    store.clear()
    store.clear_documents()
    assert DocumentStore(tmp_path / "cache").read([".quarantine"]) is None
    assert len(Quarantine(tmp_path / "cache").ls()) == 1
