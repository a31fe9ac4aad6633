"""What is no file lies in the cache's folder: commands and calls end all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dsm_core.cache.documents import DocumentStore
from torture.tally import tally

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")

HANG_S = 60.0
COMMANDS = (
    ["ls"], ["stats"], ["verify"], ["repair"], ["prune", "--max-size", "1"], ["clear", "--yes"],
)  # fmt: skip


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.parents[3] / "outside")
    path.symlink_to(path.parents[3] / "outside")


@pytest.mark.parametrize("name", ["f.json", "spot/klines/BTCUSDT/1h/2024.arrow"])
@pytest.mark.parametrize("make", [pipe, link_to_a_pipe])
def test_a_pipe_in_the_cache_holds_no_command(
    make: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    path = tmp_path / "home" / "cache" / "acme" / name
    path.parent.mkdir(parents=True)
    make(path)
    root = str(tmp_path / "home" / "cache")
    for command in COMMANDS:
        whole = [sys.executable, "-m", "dsm_core", "cache", *command, "--cache-dir", root]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=HANG_S, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        assert os.path.lexists(path)
    tally("in the way: a pipe", injected=len(COMMANDS), survived=len(COMMANDS))


def test_a_document_that_is_a_pipe_is_none(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path)
    store.write(("acme", "spot", "universe"), {"a": 1}, fetched=1)
    (path,) = tmp_path.rglob("*.json")
    path.unlink()
    os.mkfifo(path)
    assert store.read(("acme", "spot", "universe")) is None
