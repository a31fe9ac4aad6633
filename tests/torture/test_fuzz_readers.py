"""A million spoiled inputs: every reader ends, in bounded memory, with a value or an error of the tree."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from torture import fuzz_files, fuzz_texts
from torture.fuzz_child import PROGRESS_FORM
from torture.fuzz_target import Target
from torture.mutation import Mutator
from torture.scale import SCALE, count
from torture.tally import tally

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does")

TOTAL: Final = count(3_300, 1_000_000)
TARGETS: Final[dict[tuple[str, str], Target]] = {
    (module.__name__, name): target
    for module in (fuzz_files, fuzz_texts)
    for name, target in module.TARGETS.items()
}
SHARES: Final = sum(target.share for target in TARGETS.values())
# An interpreter takes longer to start than the short form to run.
GROUPS: Final = (
    [[key] for key in TARGETS]
    if SCALE == "full"
    else [[key for key in TARGETS if key[0] == module.__name__] for module in (fuzz_files, fuzz_texts)]
)


def inputs_of(target: Target) -> int:
    return -(-TOTAL * target.share // SHARES)


def offender(progress: Path, group: list[tuple[str, str]]) -> str:
    """The input that was under way, so that it can be tried alone."""
    place, number = struct.unpack(PROGRESS_FORM, progress.read_bytes())
    target = TARGETS[group[place]]
    data = Mutator(target.seeds(), target.words)(number)
    return f"{group[place][1]}, input {number}: {data[:2000]!r}"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0][1] if len(group) == 1 else group[0][0])
def test_no_input_brings_a_reader_to_anything_but_a_value_or_an_error_of_the_tree(
    group: list[tuple[str, str]], tmp_path: Path
) -> None:
    progress = tmp_path / "progress"
    progress.write_bytes(bytes(struct.calcsize(PROGRESS_FORM)))
    work = [(*key, inputs_of(TARGETS[key])) for key in group]
    command = [sys.executable, "-W", "error", "-m", "torture.fuzz_child", str(progress), json.dumps(work)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join(done.stderr.splitlines()[-25:])
        pytest.fail(f"exit {done.returncode} at {offender(progress, group)}\n{end}")
    for _, name, inputs in work:
        tally(f"hostile input: {name}", injected=inputs, survived=inputs)


def test_the_full_form_reads_a_million_inputs() -> None:
    assert sum(inputs_of(target) for target in TARGETS.values()) >= TOTAL
