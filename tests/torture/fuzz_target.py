"""What a fuzz target is, and the small parts that several of them need."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from attrs import frozen

__all__ = ["MEMORY", "Reader", "Target", "file_reader", "plainly", "room_reader"]

MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where files go: one a millisecond is more than some disks take."""
Reader = Callable[[bytes], object]


class Room(Protocol):
    """What readers that wait for something run in."""

    loop: asyncio.AbstractEventLoop

    def close(self) -> None:
        """Let go of everything."""


RoomT = TypeVar("RoomT", bound=Room)


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
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            path = Path(folder, name)

            def through(data: bytes) -> object:
                path.write_bytes(data)
                return read(path)

            yield through

    return opened


def room_reader(
    make: Callable[[Path], RoomT], read: Callable[[RoomT, bytes], Awaitable[object]]
) -> Callable[[], AbstractContextManager[Reader]]:
    """A reader that runs on the loop of a room, which has a folder and lasts for all inputs."""

    @contextmanager
    def opened() -> Iterator[Reader]:
        with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
            room = make(Path(folder))
            yield lambda data: room.loop.run_until_complete(read(room, data))
            room.close()

    return opened
