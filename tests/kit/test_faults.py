"""The kit catches every faulty client by the case that is about its fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dsm_core.testing import CASES
from kit.faulty_suites import FAULTS

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """Outcome and message of each named case, by class; pytest runs them in a process of its own."""
    file = tmp_path_factory.mktemp("faults") / "report.xml"
    ids = [
        f"{HERE / 'faulty_suites.py'}::Test{client.__name__}::{CASES[number].method}"
        for client, _, number in FAULTS
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=native",
        "-p",
        "no:cacheprovider",
        f"--junitxml={file}",
        *ids,
    ]
    subprocess.run(command, check=False, cwd=HERE.parents[1], capture_output=True, text=True, timeout=300)
    found = {}
    for element in ElementTree.parse(file).iter("testcase"):
        said = next((child for child in element if child.tag in ("failure", "error", "skipped")), None)
        told = ("passed", "") if said is None else (said.tag, str(said.get("message")))
        found[element.get("classname", "").rpartition(".")[2]] = told
    return found


def test_there_are_thirty_faults_and_more() -> None:
    assert len({client for client, _, _ in FAULTS}) >= 30


@pytest.mark.parametrize(
    ("client", "number"),
    [(client, number) for client, _, number in FAULTS],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_the_kit_catches(client: type, number: str, outcomes: dict[str, tuple[str, str]]) -> None:
    outcome, message = outcomes[f"Test{client.__name__}"]
    assert outcome == "failure", f"{number}: {client.__doc__} {message}"
