"""A million inputs by atheris: every reader ends, in bounded memory, with a value or an error of the tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from torture import fuzz_files, fuzz_texts
from torture.fuzz_target import Target
from torture.scale import SCALE, count
from torture.tally import tally

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="bounds memory as Linux does"),
    pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this machine"),
]

MODULES: Final = (fuzz_files, fuzz_texts)
TOTAL: Final = count(3_300, 1_000_000)
TARGETS: Final[dict[tuple[str, str], Target]] = {
    (module.__name__, name): target for module in MODULES for name, target in module.TARGETS.items()
}
SHARES: Final = sum(target.share for target in TARGETS.values())
# The packages take longer to be instrumented than the short form to run.
GROUPS: Final = [[key] for key in TARGETS] if SCALE == "full" else [list(TARGETS)]


def inputs_of(target: Target) -> int:
    return -(-TOTAL * target.share // SHARES)


def offenders(folder: Path, group: list[tuple[str, str]]) -> str:
    """Each input that was found, and how it can be tried alone."""
    found = [(key, path) for key in group for path in folder.glob(f"{key[1]}/found/*")]
    return "\n".join(
        f"{name}: {path.read_bytes()[:2000]!r}\n"
        f"again: PYTHONPATH=tests {sys.executable} -m torture.fuzz_child {module} {name!r} {path}"
        for (module, name), path in found
    )


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0][1] if len(group) == 1 else "all")
def test_no_input_brings_a_reader_to_anything_but_a_value_or_an_error_of_the_tree(
    group: list[tuple[str, str]], tmp_path: Path
) -> None:
    work = [(*key, inputs_of(TARGETS[key])) for key in group]
    command = [sys.executable, "-W", "error", "-m", "torture.fuzz_child", str(tmp_path), json.dumps(work)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    env = os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        # atheris prints tracebacks to stdout, libFuzzer what it did to stderr.
        end = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("INFO:"))
        pytest.fail(f"{offenders(tmp_path, group)}\n{done.stdout[-10_000:]}\n{end[-3000:]}")
    read = [int(runs) for runs in re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)]
    assert [runs >= inputs for runs, (*_, inputs) in zip(read, work, strict=True)] == [True] * len(work), read
    for _, name, inputs in work:
        tally(f"hostile input: {name}", injected=inputs, survived=inputs)


def test_the_full_form_reads_a_million_inputs() -> None:
    assert sum(inputs_of(target) for target in TARGETS.values()) >= TOTAL
