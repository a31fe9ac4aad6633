"""What a fuzz target is, and the small parts that several of them need."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

__all__ = ["Reader", "Target", "file_reader", "plainly"]

# A file a millisecond is more than some disks take.
_MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
Reader = Callable[[bytes], object]


@frozen
class Target:
    """A reader of hostile bytes, and good ones to begin with.

    Parameters
    ----------
    opened
        Gives the reader, which may raise errors of the tree and nothing else.
    seeds
        Gives the inputs that are spoiled.
    words
        What means something to the reader.
    share
        Part of all inputs, as a weight: a reader that costs little gets more.
    """

    opened: Callable[[], AbstractContextManager[Reader]]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    share: int = 1


def plainly(read: Reader) -> Callable[[], AbstractContextManager[Reader]]:
    """A reader that needs nothing around it."""

    @contextmanager
    def opened() -> Iterator[Reader]:
        yield read

    return opened


def file_reader(
    read: Callable[[Path], object], name: str = "file"
) -> Callable[[], AbstractContextManager[Reader]]:
    """A reader of files: each input is written, and read from there."""

    @contextmanager
    def opened() -> Iterator[Reader]:
        with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
            path = Path(folder, name)

            def through(data: bytes) -> object:
                path.write_bytes(data)
                return read(path)

            yield through

    return opened
