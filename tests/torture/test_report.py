"""The table of ``make torture`` tells every loss, and the command fails for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from torture.report import main, read_lines, table_of
from torture.tally import tally


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "tally.jsonl"
    monkeypatch.setenv("DSM_TORTURE_TALLY", str(path))
    return path


def test_the_table_adds_up_what_the_tests_told(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tally("kills", injected=1500, survived=1500)
    tally("flips", injected=20, survived=20)
    tally("kills", injected=500, survived=500)
    assert main(str(told)) == 0
    assert capsys.readouterr().out.splitlines() == [
        "subject  faults injected  survived  rows lost",
        "---------------------------------------------",
        "flips                 20        20          0",
        "kills              2,000     2,000          0",
        "---------------------------------------------",
        "all                2,020     2,020          0",
    ]


@pytest.mark.parametrize(("survived", "rows_lost"), [(19, 0), (20, 1)])
def test_a_loss_makes_the_command_fail(told: Path, survived: int, rows_lost: int) -> None:
    tally("kills", injected=5, survived=5)
    tally("flips", injected=20, survived=survived, rows_lost=rows_lost)
    assert main(str(told)) == 1
    assert f"{rows_lost}" in table_of(read_lines(told.read_text())).splitlines()[-1]


def test_a_run_in_which_nothing_was_tried_fails(told: Path) -> None:
    assert main(str(told)) == 1
