"""A process that reads spoiled inputs under bounds of time and memory, and dies of what it should not do.

Run as ``python -m torture.fuzz_child PROGRESS JSON``, of ``[module, target, inputs]`` each. Which of them,
and which input, is under way stands in the file PROGRESS, so that an input that killed the process is known.
"""

from __future__ import annotations

import importlib
import json
import mmap
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dsm_core.errors import DSMError
from torture.fuzz_target import Target
from torture.mutation import Mutator

__all__ = ["LONGEST_S", "MOST_BYTES", "MOST_GROWTH", "PROGRESS_FORM"]

LONGEST_S: Final = 10
"""No input takes so long; the largest is 16 KB."""
MOST_BYTES: Final = 512 << 20
"""Address space beyond what a warm process has, so that a wish for memory is counted, not its use alone."""
MOST_GROWTH: Final = 128 << 20
"""Resident memory that a target's whole run may add: what is read must also be let go of."""
PROGRESS_FORM: Final = "<qq"
_WARM_UP: Final = 50

Tell = Callable[[int, int], None]


def _status(name: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


@contextmanager
def _progress(path: str) -> Iterator[Tell]:
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 16) as shared:
        yield lambda *place: struct.pack_into(PROGRESS_FORM, shared, 0, *place)


def _run(target: Target, inputs: int, tell: Callable[[int], None]) -> None:
    make, resident = Mutator(target.seeds(), target.words), 0
    with target.opened() as read:
        for number in range(inputs):
            tell(number)
            data = make(number)
            # Also a reader in native code must end: the signal has no handler that would wait for it.
            signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
            with suppress(DSMError):
                read(data)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if number == min(_WARM_UP, inputs - 1):
                resident = _status("VmRSS")
                most = _status("VmSize") + MOST_BYTES
                resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        grown = _status("VmRSS") - resident
        assert grown < MOST_GROWTH, f"the process grew by {grown >> 20} MiB"
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _main(progress: str, work: str) -> None:
    with _progress(progress) as tell:
        for place, (module, name, inputs) in enumerate(json.loads(work)):
            target = importlib.import_module(module).TARGETS[name]
            _run(target, inputs, lambda number, place=place: tell(place, number))


if __name__ == "__main__":
    _main(*sys.argv[1:])
