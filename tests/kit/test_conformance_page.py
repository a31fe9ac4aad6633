"""The page on the kit lists its cases as they are."""

from __future__ import annotations

from pathlib import Path

from dsm_core.testing import CASES, Case

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SUBJECTS = {
    "0": "Ranges",
    "1": "Pages",
    "2": "Values",
    "3": "The calendar",
    "4": "Symbols",
    "5": "A venue in trouble",
    "6": "Bodies",
    "7": "Archives",
    "8": "Plans",
    "9": "Life",
}


def row(case: Case) -> str:
    skips = "; ".join(skip.text for skip in case.skips)
    return f"| {case.number.upper()} | {case.sentence} | {skips} |"


def table() -> str:
    lines = ["| case | what must be true | skipped when |", "|---|---|---|"]
    subject = ""
    for number, case in sorted(CASES.items()):
        if SUBJECTS[number[1]] != subject:
            subject = SUBJECTS[number[1]]
            lines.append(f"| | **{subject}** | |")
        lines.append(row(case))
    return "\n".join(lines)


def test_the_table_of_cases_is_the_code_s() -> None:
    text = PAGE.read_text("utf-8")
    shown = text.partition("<!-- cases -->\n")[2].partition("\n<!-- /cases -->")[0]
    assert shown == table()


def test_every_case_has_a_sentence_and_a_number_of_its_subject() -> None:
    assert [case.number for case in CASES.values() if len(case.sentence) < 20] == []
    assert all(case.method.startswith(f"test_{case.number}_") for case in CASES.values())
