"""Every recorded file is listed beside its origin, with the checksum of its bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from repo.modules import ROOT

DATA = ROOT / "tests" / "data"
ROW = re.compile(
    r"^\| `(?P<path>[^`]+)` \| `(?P<sha256>[0-9a-f]{64})` \| (?P<source>[^|]+) \| (?P<what>[^|]+) \|$"
)
FOLDERS = sorted(path for path in DATA.iterdir() if path.is_dir()) if DATA.is_dir() else []


def listed(folder: Path) -> dict[str, re.Match[str]]:
    rows = [ROW.match(line) for line in (folder / "ORIGIN.md").read_text("utf-8").splitlines()]
    found = [row for row in rows if row]
    assert len({row["path"] for row in found}) == len(found)
    return {row["path"]: row for row in found}


def files(folder: Path) -> dict[str, Path]:
    found = [
        p for p in folder.rglob("*") if p.is_file() and p.name != "ORIGIN.md" and "__pycache__" not in p.parts
    ]
    return {path.relative_to(folder).as_posix(): path for path in found}


def test_there_are_recorded_data() -> None:
    assert [folder.name for folder in FOLDERS]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_is_listed_with_its_origin(folder: Path) -> None:
    assert set(listed(folder)) == set(files(folder))
    assert [
        p for p, row in listed(folder).items() if not row["source"].strip() or not row["what"].strip()
    ] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_file_has_the_checksum_that_is_listed(folder: Path) -> None:
    rows = listed(folder)
    wrong = [
        name
        for name, path in files(folder).items()
        if name in rows and hashlib.sha256(path.read_bytes()).hexdigest() != rows[name]["sha256"]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_recorded_files_are_small(folder: Path) -> None:
    assert [name for name, path in files(folder).items() if path.stat().st_size > 2_000_000] == []
