"""Real disks for the tests: small ones that fill, and ones that become read-only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["filled", "read_only", "small_disk"]


@contextmanager
def small_disk(place: Path, kilobytes: int = 2048, more: str = "") -> Iterator[Path]:
    """A disk of its own at a folder that is made; skips the test where mounting is not permitted.

    Parameters
    ----------
    more
        Another option of ``mount``, such as ``noatime``.
    """
    if sys.platform != "linux":
        pytest.skip("mounts a tmpfs, which is Linux's")
    place.mkdir()
    options = ",".join(filter(None, (f"size={kilobytes}k,nr_inodes=1000", more)))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"mounting is not permitted: {made.stderr.decode().strip()}")
    try:
        yield place
    finally:
        # Lazily, as mapped files of the test may still be held.
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def filled(disk: Path, left: int) -> Iterator[None]:
    """Fill a disk but for so many bytes, and give the room back."""
    filler = disk / "filler"
    chunk = b"\0" * 4096
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(chunk)
        except OSError:
            size = file.tell()
        file.truncate(max(0, size - left))
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Let nobody write to a disk, root neither."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
