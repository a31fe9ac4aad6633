"""A process in which atheris looks for inputs that a reader should not die of, under bounds.

Run as ``python -m torture.fuzz_child FOLDER JSON``, of ``[module, target, inputs]`` each. Each target has a
process of its own, forked, since libFuzzer ends the one that it runs in; what it found is then in
``FOLDER/TARGET/found``. ``python -m torture.fuzz_child MODULE TARGET FILE`` reads such a file alone.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import atheris

from torture.fuzz_target import Reader, Target
from torture.fuzz_words import LONG, dictionary_of

__all__ = ["LONGEST_S", "MOST_BYTES", "MOST_GROWTH"]

LONGEST_S: Final = 10
"""No input takes so long; the largest is 16 KB."""
MOST_BYTES: Final = 512 << 20
"""Address space beyond what a warm process has, so that a wish for memory is counted, not its use alone."""
MOST_GROWTH: Final = 128 << 20
"""Resident memory that a target's whole run may add: what is read must also be let go of."""
_LONGEST: Final = 16_384
_WARM_UP: Final = 50
_PACKAGES: Final = ["dsm_core", "dsm_binance", "dsm_tradestation"]


def _status(name: str) -> int:
    """A line of the kernel's account of this process, in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) * 1024


def _bounded(read: Reader) -> Callable[[bytes], None]:
    """The reader that may raise errors of the tree, its address space bounded once it is warm."""
    from dsm_core.errors import DSMError  # noqa: PLC0415 - atheris must see it imported

    calls = 0

    def read_one(data: bytes) -> None:
        nonlocal calls
        with suppress(DSMError):
            read(data)
        calls += 1
        if calls == _WARM_UP:
            most = _status("VmSize") + MOST_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

    return read_one


def _options(folder: Path, target: Target, inputs: int) -> list[str]:
    """What libFuzzer is told: where to begin, where to end, and always the same dice."""
    (folder / "found").mkdir(parents=True)
    (folder / "corpus").mkdir()
    for place, seed in enumerate((*target.seeds(), *LONG)):
        (folder / "corpus" / f"{place:03}").write_bytes(seed)
    (folder / "words").write_text(dictionary_of(target.words))
    bounds = [f"-timeout={LONGEST_S}", f"-rss_limit_mb={(_status('VmRSS') + MOST_GROWTH) >> 20}"]
    ends = [f"-runs={inputs}", f"-max_len={_LONGEST}", "-seed=1", "-keep_seed=1", "-reload=0"]
    told = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={folder / 'found'}/"]
    return [*bounds, *ends, *told, f"-dict={folder / 'words'}", str(folder / "corpus")]


def _fuzz(folder: Path, target: Target, inputs: int) -> bool:
    """Whether every input of a target was read; in a process that is forked off."""
    # The parent closes what is opened: the process of libFuzzer ends without a word.
    with target.opened() as read:
        child = os.fork()
        if not child:
            atheris.Setup([sys.argv[0], *_options(folder, target, inputs)], _bounded(read))
            atheris.Fuzz()
            os._exit(1)
        return os.waitpid(child, 0)[1] == 0


def _target(module: str, name: str) -> Target:
    found: Target = importlib.import_module(module).TARGETS[name]
    return found


def _main(*given: str) -> str | None:
    if len(given) == 3:
        module, name, path = given
        with _target(module, name).opened() as read:
            _bounded(read)(Path(path).read_bytes())
        return None
    folder, work = Path(given[0]), json.loads(given[1])
    failed = [
        name for module, name, inputs in work if not _fuzz(folder / name, _target(module, name), inputs)
    ]
    return f"failed: {', '.join(failed)}" if failed else None


if __name__ == "__main__":
    with atheris.instrument_imports(include=_PACKAGES):
        sys.exit(_main(*sys.argv[1:]))
