"""The suite refuses what would make it say less, and expected failures are kept to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dsm_core.errors import PluginContractError
from dsm_core.testing import CASES, ClientSuite
from kit.house import HouseSuite

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"


def make(base: type[ClientSuite] = HouseSuite, **attributes: Any) -> type[ClientSuite]:
    return type("TestMade", (base,), attributes)


def run(folder: Path, code: str, *more: str) -> str:
    """What pytest says of a test module."""
    file = folder / "test_made.py"
    file.write_text(code, "utf-8")
    ini = folder / "pytest.ini"
    ini.write_text(f"[pytest]\npythonpath = {ROOT / 'tests'}\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-ra",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ini),
        str(file),
    ]
    done = subprocess.run(
        [*command, *more], check=False, cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.stdout


def test_a_numbered_case_cannot_be_overridden() -> None:
    method = CASES["c10"].method
    with pytest.raises(PluginContractError, match=r"C10: A range of several pages.*expected_failures"):
        make(**{method: lambda self: None})


def test_a_base_class_cannot_override_a_case_either() -> None:
    mixin = type("Mixin", (), {CASES["c01"].method: lambda self: None})
    with pytest.raises(PluginContractError, match="C01"):
        type("TestMade", (mixin, HouseSuite), {})


def test_a_method_named_like_a_case_is_refused() -> None:
    with pytest.raises(PluginContractError, match="named like a numbered case"):
        make(test_c99_my_own=lambda self: None)


def test_an_expected_failure_needs_a_known_number_and_a_reason() -> None:
    with pytest.raises(PluginContractError, match=r"'c79', which is no case.*There are c01, "):
        make(expected_failures={"c79": "no such thing"})
    with pytest.raises(PluginContractError, match="no reason for c10"):
        make(expected_failures={"C10": " "})


def test_expected_failures_are_numbers_in_either_case() -> None:
    assert make(expected_failures={"C10": "why"}).expected_failures == {"c10": "why"}


def test_an_expected_failure_is_strict(tmp_path: Path) -> None:
    code = (
        "from kit.house import HouseSuite\n"
        "from kit.faults_of_pages import SwappedColumns\n"
        "class TestSwapped(HouseSuite):\n"
        "    client = SwappedColumns\n"
        "    expected_failures = {'c20': 'open and close are swapped', 'c03': 'nothing of the sort'}\n"
    )
    said = run(tmp_path, code, "-k", "c20 or c03")
    assert "1 failed, " in said
    assert "1 xfailed" in said
    assert "XFAIL" in said
    assert "open and close are swapped" in said
    assert "c03 passes, though a failure is expected: nothing of the sort" in said


def test_a_skipped_case_says_its_number(tmp_path: Path) -> None:
    code = "from kit.house import HouseSuite\nclass TestHouse(HouseSuite):\n    pass\n"
    said = run(tmp_path, code, "-k", "c70 or c71")
    assert ": c70: the client is no `ArchiveClient`" in said
    assert ": c71: the client is no `ArchiveClient`" in said


def test_a_symbol_that_does_not_arrive_is_told_with_the_request(tmp_path: Path) -> None:
    code = (
        "from kit.house import HouseSuite\n"
        "from kit.faults_of_pages import AsksForBothSymbols, AsksForOneSymbol\n"
        "class TestOne(HouseSuite):\n"
        "    client = AsksForOneSymbol\n"
        "class TestBoth(HouseSuite):\n"
        "    client = AsksForBothSymbols\n"
    )
    said = run(tmp_path, code, "-k", "c43")
    assert "no request for 'ETHUSDT' carries it (GET /v1/bars?symbol=BTCUSDT&" in said
    assert "the requests for 'BTCUSDT' and 'ETHUSDT' are the same" in said


def test_what_answer_raises_is_told_as_its_own_failure(tmp_path: Path) -> None:
    code = (
        "from kit.house import HouseSuite\n"
        "class TestBroken(HouseSuite):\n"
        "    def answer(self, request, bars):\n"
        "        raise LookupError('the inverse is wrong')\n"
    )
    said = run(tmp_path, code, "-k", "c01")
    assert "answer() of the suite failed" in said
    assert "the inverse is wrong" in said


def test_a_suite_says_what_it_lacks(tmp_path: Path) -> None:
    code = (
        "from dsm_core.testing import ClientSuite\n"
        "from kit.house import HouseKlines, provider\n"
        "class TestBare(ClientSuite):\n"
        "    client = HouseKlines\n"
        "class TestMute(ClientSuite):\n"
        "    client, symbol, provider = HouseKlines, 'BTCUSDT', provider(HouseKlines)\n"
    )
    said = run(tmp_path, code, "-k", "c01")
    assert "TestBare.provider is missing. Set it to a Provider." in said
    assert "TestMute must write either answer() or load()." in said


def test_the_suite_of_the_page_passes(tmp_path: Path) -> None:
    text = PAGE.read_text("utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    said = run(tmp_path, code)
    assert "failed" not in said, said[-2000:]
    assert "error" not in said.splitlines()[-1]
    assert "passed" in said


def test_the_machine_s_settings_are_not_the_kit_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own-cache"
    monkeypatch.setenv("DSM_CACHE_DIR", str(own))
    monkeypatch.setenv("DSM_OFFLINE", "1")
    said = run(
        tmp_path, "from kit.house import HouseSuite\nclass TestHouse(HouseSuite):\n    pass\n", "-k", "c01"
    )
    assert "1 passed" in said, said
    assert not own.exists()
