"""Lock files come from anybody: what is wrong in one is told, and nothing in one reaches a path."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from core.two_sources import HOUR, START, again, two_sources
from dsm_core.errors import ConfigError, DSMError, RequestError
from dsm_core.lineage import read_lock, write_lock

RANGE: dict[str, Any] = {"start_time": START, "end_time": START + 24 * HOUR, "interval": "1h"}
DEEP = 200_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Data of a lock file as DSM writes it."""
    folder = tmp_path_factory.mktemp("sound")
    with two_sources(folder) as manager:
        write_lock(folder / "a.lock.json", [manager.query("ACME", **RANGE).lock(values=True)])
    told: dict[str, Any] = json.loads((folder / "a.lock.json").read_text())
    return told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe\xfd", "is not (UTF-8 text|JSON)"),
        (b"[]", "is no lock file"),
        (b'{"lock": 1}', "is no lock file"),
        (b'{"dsm_lock": 2, "entries": []}', "has format 2, this DSM knows formats up to 1; upgrade dsm-core"),
        (b'{"dsm_lock": 9' + b"9" * 999 + b', "entries": []}', "has format 9999.*upgrade"),
        (b'{"dsm_lock": 9' + b"9" * 99_999 + b"}", "is not JSON"),
        (b'{"dsm_lock": 0, "entries": []}', "dsm_lock: expected format 1"),
        (b'{"dsm_lock": true, "entries": []}', "dsm_lock: expected format 1"),
        (b'{"dsm_lock": "1", "entries": []}', "dsm_lock: expected format 1"),
        (b'{"dsm_lock": 1.0, "entries": []}', "dsm_lock: expected format 1"),
        (b'{"dsm_lock": 1}', "entries: expected a list"),
        (b'{"dsm_lock": 1, "entries": []}', "entries: expected a list"),
        (b'{"dsm_lock": 1, "entries": {}}', "entries: expected a list"),
        (b'{"dsm_lock": 1, "entries": [7]}', r"entries\[0\]: expected a mapping"),
        (b'{"dsm_lock": 1, "dsm_lock": 1}', "a key stands twice"),
        (b'{"dsm_lock": 1, "entries": [], "by": "me"}', "has a key 'by' that no lock has"),
        (b"# mine\nseries:\n  - ACME\n", "is no lock file; it looks like a list.*`dsm lock .*a.lock.json`"),
        (b'{"series": ["ACME"]}', "is no lock file; it looks like a list of series"),
        (b'{"dsm_lock": NaN}', "NaN is no number of JSON"),
        (b'{"dsm_lock": ' + b"[" * DEEP + b"]" * DEEP + b"}", "nested too deeply"),
        (b'{"dsm_lock": 1, "entries": [' + b"[]," * 2_100_000 + b"[]]}", "has over 4000000 values"),
        (b" " * ((64 << 20) + 1), "is larger than 64 MiB"),
    ],
    ids=range(24),
)
def test_what_is_no_lock_file_is_refused_with_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.lock.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"a\.lock\.json: .*{message}"):
        read_lock(path)


@pytest.mark.parametrize("name", ["none", "", "a\0b", "x" * 5000])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no such file|is a folder|cannot be read"):
        read_lock(f"{tmp_path}/{name}")


Change = Callable[[dict[str, Any]], object]


def put(*place: str | int, value: Any) -> Change:
    def change(entry: dict[str, Any]) -> None:
        at: Any = entry
        for step in place[:-1]:
            at = at[step]
        at[place[-1]] = value

    return change


WRONG: list[tuple[Change, str]] = [
    (put("request", value=None), r"\.request: expected a mapping"),
    (
        put("request", "series", value="../../etc/passwd"),
        r"\.request\.series: '..' is not a MarketType name",
    ),
    (
        put("request", "series", value="house/spot/klines/%1b[2J/1h"),
        r"\.request\.series: expected one line of text",
    ),
    (put("request", "series", value="house/spot/klines/ACME/1x"), r"\.request\.series: .*1x"),
    (put("request", "series", value="a" * 5000), "4096 characters"),
    (put("request", "source", value="cache"), r"\.request\.source: expected auto or a source"),
    (put("request", "source", value=" Cache"), r"\.request\.source: expected auto or a source"),
    (put("request", "source", value="no name"), r"\.request\.source: 'no name' is not a DataSource name"),
    (put("request", "start_time", value="yesterday"), r"\.request\.start_time: .*yesterday"),
    (put("request", "start_time", value=0), r"\.request\.start_time: expected one line"),
    (put("request", "end_time", value="2023-01-01"), r"\.request\.end_time: is not after start_time"),
    (put("request", "source", value=["rest"]), r"\.request\.source: expected one line"),
    (put("columns", value=[]), r"\.columns: expected the time first"),
    (put("columns", 1, value=["open_time", "time"]), r"\.columns: expected the time first"),
    (put("columns", 1, value=["open", "object"]), r"\.columns\[1\]: expected a name and one of"),
    (put("columns", value=[["t", "time"], *([f"c{i}", "bool"] for i in range(1000))]), r"\.columns"),
    (put("rows", value=-1), r"\.rows: expected a whole number"),
    (put("rows", value=1e3), r"\.rows: expected a whole number"),
    (put("rows", value=2**70), r"\.rows: expected a whole number"),
    (put("rows", value=23), r"\.blocks: do not hold 23 rows"),
    (put("content", "definition", value="dsm-content-2"), "needs a newer dsm-core"),
    (put("content", "sha256", value="F" * 64), r"\.content\.sha256: expected 64 hexadecimal digits"),
    (put("content", "sha256", value="0" * 64 + "\n"), r"\.content\.sha256"),
    (put("made_by", value={"dsm-core": "\x1b[31m"}), r"\.made_by: expected one line"),
    (
        put("segments", 0, "origin", value="file:///etc\npasswd"),
        r"\.segments\[0\]\.origin: expected one line",
    ),
    (put("segments", 0, "rows", value=24), r"\.segments: do not hold 25 rows"),
    (put("proof", value=True), "has a key 'proof' that no lock has"),
    (put("request", "limit", value=7), r"\.request: has a key 'limit'"),
    (put("content", "\x1b[31m", value=7), r"\.content: has a key '\\x1b\[31m'"),
    (put("segments", 0, "fetched_at", value="2024-01-01"), r"\.segments\[0\]: has a key 'fetched_at'"),
    (put("gaps", value=[{"detail": "x"}]), r"\.gaps\[0\]: has a key 'detail'"),
    (put("blocks", 0, "more", value=1), r"\.blocks\[0\]: has a key 'more'"),
    (put("segments", value={}), r"\.segments: expected a list"),
    (
        put("gaps", value=[{"start_time": "2024", "end_time": "2025", "bars": 1, "reason": "x"}]),
        "expected true or false",
    ),
    (put("blocks", 0, "rows", value=0), r"\.blocks\[0\]: expected rows"),
    (put("blocks", 0, "columns", value=[]), r"\.blocks\[0\]: expected rows, and 11 hashes"),
    (put("blocks", 0, "columns", 0, value="zz"), r"\.blocks\[0\]\.columns: expected 32 hexadecimal"),
    (
        put("blocks", 0, "checks", value="AAAA"),
        r"\.blocks\[0\]\.checks: expected 3 bytes for each of 25 rows",
    ),
    (put("blocks", 0, "checks", value="*"), r"\.blocks\[0\]\.checks: expected base64"),
    (put("blocks", 0, "values", value=7), r"\.blocks\[0\]\.values: expected base64"),
    (put("blocks", 0, "start_time", value="2023"), r"\.blocks\[0\]\.start_time: is before the range"),
    (put("blocks", 0, "start_time", value="2025"), r"\.blocks\[0\]\.start_time: is not before what follows"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_value_is_told_with_its_place(
    sound: dict[str, Any], tmp_path: Path, change: Change, message: str
) -> None:
    told = json.loads(json.dumps(sound))
    change(told["entries"][0])
    path = tmp_path / "a.lock.json"
    path.write_text(json.dumps(told))
    with pytest.raises(ConfigError, match=rf"a\.lock\.json: entries\[0\].*{message}"):
        read_lock(path)


@pytest.mark.parametrize(
    "series",
    [
        "../spot/klines/ACME/1h",
        "house/..%2f../klines/ACME/1h",
        "house/spot/../ACME/1h",
        "house/spot/klines/..%2f..%2f..%2fetc%2fpasswd/1h",
        "house/spot/klines/%2fetc%2fpasswd/1h",
        "house/spot/klines/C:\\windows/1h",
        "house/spot/klines/ACME/1h;path=..%2f..",
        "%2e%2e/spot/klines/ACME/1h",
    ],
)
def test_a_series_of_a_lock_never_leaves_the_cache(
    sound: dict[str, Any], tmp_path: Path, series: str
) -> None:
    told = json.loads(json.dumps(sound))
    told["entries"][0]["request"]["series"] = series
    path = tmp_path / "in" / "a.lock.json"
    path.parent.mkdir()
    path.write_text(json.dumps(told))
    with again(tmp_path, cache_dir=tmp_path / "in" / "cache") as manager, suppress(DSMError):
        (entry,) = read_lock(path)
        manager.query(**entry.call(), on_gaps="ignore").verify(entry)
    outside = [
        p for p in tmp_path.rglob("*") if p.is_file() and not p.is_relative_to(tmp_path / "in" / "cache")
    ]
    assert outside == [path]


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        entry = manager.query("ACME", **RANGE).lock()
    for path in (tmp_path / "none" / "a.lock.json", tmp_path):
        with pytest.raises(RequestError, match="cannot be written"):
            write_lock(path, [entry])
    with pytest.raises(RequestError, match="nothing to lock"):
        write_lock(tmp_path / "a.lock.json", [])
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == []
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))


def test_a_lock_file_takes_the_place_of_what_a_link_names(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        entry = manager.query("ACME", **RANGE).lock()
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    write_lock(link, [entry])
    assert link.is_symlink()
    assert read_lock(real) == (entry,)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        entry = manager.query("ACME", **RANGE).lock()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR)
    try:
        write_lock(pipe, [entry])
        assert os.read(end, 14) == b'{"dsm_lock": 1'
    finally:
        os.close(end)
    assert pipe.is_fifo()


def test_a_lock_that_nobody_could_read_is_not_written(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        entry = manager.query("ACME", **RANGE).lock()
    huge = evolve(entry.blocks[0], values="A" * (65 << 20))
    with pytest.raises(RequestError, match=r"larger than 64 MiB.*leave the values out"):
        write_lock(tmp_path / "a.lock.json", [evolve(entry, blocks=(huge,))])
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == []
