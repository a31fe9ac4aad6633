"""The folder of temporary downloads: gone with its process, and after a kill with the next process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define, field

from dsm_core.testing import LoopbackServer, Request

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")

WAIT_S = 60.0
CHILD = """
import sys
from datetime import UTC, datetime
from dsm_core import DataSourceManager

url, folder = sys.argv[1:]
endpoints = {key: f"{url}/{key}" for key in ("vision", "listing", "spot", "um", "cm")}
http = {"state_dir": f"{folder}/limits", "retry_count": 0, "read_timeout_s": 600}
config = {"http": http, "providers": {"binance": {"endpoints": endpoints}}}
now = datetime(2024, 6, 15, tzinfo=UTC)
manager = DataSourceManager("spot", provider="binance", config=config, use_cache=False, clock=lambda: now)
with manager:
    span = ("2024-05-01", "2024-05-01", "1h")
    data = manager.query("BTCUSDT", *span, enforce_source="vision", on_gaps="ignore")
print(len(data), "rows")
"""


@define
class Archive:
    """An archive that answers 404, after the test says so."""

    asked: threading.Event = field(factory=threading.Event)
    answers: threading.Event = field(factory=threading.Event)

    def answer(self, _: Request) -> None:
        self.asked.set()
        assert self.answers.wait(WAIT_S)


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def url(archive: Archive) -> Iterator[str]:
    with LoopbackServer(archive.answer) as server:
        yield server.url
        archive.answers.set()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """What stands in for the system's temporary folder."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def begin(url: str, scratch: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, "-c", CHILD, url, str(scratch.parent)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=WAIT_S)


def run(scratch: Path) -> None:
    """A process that asks an archive without files, and ends."""
    with LoopbackServer(lambda _: None) as server:
        told, _ = begin(server.url, scratch).communicate(timeout=WAIT_S)
        assert any(request.path.endswith(".zip") for request in server.requests)
    assert told == "0 rows\n"


def folders(scratch: Path) -> list[str]:
    return sorted(path.name for path in scratch.iterdir())


def test_a_killed_processs_folder_goes_with_the_next_and_a_living_ones_stays(
    archive: Archive, url: str, scratch: Path
) -> None:
    living = begin(url, scratch)
    try:
        assert archive.asked.wait(WAIT_S)
        (alive,) = folders(scratch)
        run(scratch)
        assert folders(scratch) == [alive]
        (scratch / alive / "object").write_bytes(b"half of a file")
    finally:
        kill(living)
    assert folders(scratch) == [alive]
    run(scratch)
    assert folders(scratch) == []


def test_nothing_is_removed_that_is_not_a_dead_processes_own(scratch: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for folder in (
        outside,
        scratch / "dsm-demo-abcdefgh",
        scratch / "dsm-work-abc",
        scratch / "x-dsm-work-abcdefgh",
    ):
        folder.mkdir()
        (folder / "kept").write_text("a user's own")
    (scratch / "dsm-work-linked_0").symlink_to(outside, target_is_directory=True)
    (scratch / "dsm-work-a_file_0").write_text("no folder")
    inside = scratch / "dsm-work-inside_0"
    inside.mkdir()
    (inside / "link").symlink_to(outside, target_is_directory=True)
    if os.getuid() == 0:
        (scratch / "dsm-work-another0").mkdir()
        os.chown(scratch / "dsm-work-another0", 65534, -1)
    before = folders(scratch)
    run(scratch)
    assert folders(scratch) == [name for name in before if name != inside.name]
    assert (outside / "kept").read_text() == "a user's own"


def test_a_forked_child_that_ends_leaves_its_parents_folder(scratch: Path) -> None:
    script = (
        "import os, sys, warnings\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "from dsm_core.plugins.work_folder import make_work_folder\n"
        "path, remove = make_work_folder()\n"
        "if os.fork() == 0:\n"
        "    remove()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(path.is_dir())\n"
        "remove()\n"
        "print(path.exists())\n"
    )
    environment = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]
