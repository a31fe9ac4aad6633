"""`dsm config init` and `dsm config schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from cli.running import Run, Shell
from core.fake_dists import plugin_code, write_dist

ACME = """
from attrs import field, frozen
from dsm_core.config import Secret

@frozen
class Config:
    '''How Acme is reached.'''

    api_key: Secret
    rows: int = field(default=9, metadata={"doc": "Rows of a page."})
"""
WRONG = """\
cash: {}
offline: perhaps
providers: {binance: {sources: [vison]}}
"""


@pytest.fixture
def acme(place: Path) -> str:
    """Folder for PYTHONPATH: a provider that wants a key, and a broken one."""
    code = plugin_code("acme", ACME).replace("sources=", "config=Config, sources=")
    write_dist(place / "site", "dsm-acme", providers={"acme": "acme_mod"}, modules={"acme_mod": code})
    broken = {"broken_mod": "raise RuntimeError('out of order')"}
    write_dist(place / "site", "dsm-broken", providers={"broken": "broken_mod"}, modules=broken)
    return str(place / "site")


def is_valid(schema: Any, text: str) -> bool:
    return Draft202012Validator(schema).is_valid(YAML(typ="safe", pure=True).load(text))


def test_what_init_writes_is_accepted_untouched(run: Run, place: Path) -> None:
    (place / "dsm.yaml").unlink()
    result = run("config", "init")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "Written to dsm.yaml.\n")
    text = (place / "dsm.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=dsm.schema.json\n")
    assert (
        "    # Archive files in flight at once. [a whole number]\n    # max_concurrent_downloads: 13\n"
        in text
    )
    assert run("config", "check").stdout == f"{place / 'dsm.yaml'}: fine\n"
    schema = json.loads(run("config", "schema").stdout)
    assert is_valid(schema, text)


def test_init_overwrites_only_when_forced(run: Run, place: Path) -> None:
    before = (place / "dsm.yaml").read_text()
    result = run("config", "init")
    assert result.exit_code == 4
    assert result.stderr.splitlines() == [
        "error: dsm.yaml is there already.",
        "hint: Name another file, or replace it with --force.",
    ]
    assert (place / "dsm.yaml").read_text() == before
    assert run("config", "init", "--force").exit_code == 0
    assert (place / "dsm.yaml").read_text() != before


def test_init_writes_where_it_is_told(run: Run, place: Path) -> None:
    assert run("config", "init", "etc/desk/dsm.yaml").exit_code == 0
    assert run("config", "init", "-").stdout == (place / "etc" / "desk" / "dsm.yaml").read_text()
    assert not (place / "-").exists()


def test_init_where_nothing_can_be_written_is_an_error(run: Run, place: Path) -> None:
    (place / "file").write_text("")
    result = run("config", "init", "file/dsm.yaml")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: Could not open file")


def test_both_know_every_sound_provider_and_name_the_broken_one(shell: Shell, place: Path, acme: str) -> None:
    done = shell("config", "init", "new.yaml", PYTHONPATH=acme)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: left out: dsm-broken 1.0 (provider 'broken')")
    text = (place / "new.yaml").read_text()
    assert "  # How Acme is reached.\n  # acme:\n" in text
    assert "    # Rows of a page. [a whole number]\n    # rows: 9\n" in text
    assert "broken" not in text
    check = shell("config", "check", "--config", "new.yaml", PYTHONPATH=acme)
    assert check.stdout == "new.yaml: fine\n"
    schema = json.loads(shell("config", "schema", PYTHONPATH=acme).stdout)
    assert set(schema["properties"]["providers"]["properties"]) == {
        "acme",
        "binance",
        "broken",
        "tradestation",
    }
    assert is_valid(schema, "providers: {broken: {whatever: 1}}")
    assert is_valid(schema, "providers: {acme: {api_key: '${KEY}', rows: 3}}")
    assert not is_valid(schema, "providers: {acme: {rows: 3}}")
    assert not is_valid(schema, "providers: {acme: {api_key: k, row: 3}}")


def test_the_schema_goes_to_a_file_and_refuses_what_check_refuses(run: Run, place: Path) -> None:
    assert run("config", "schema", "-o", "dsm.schema.json").stdout == ""
    schema = json.loads((place / "dsm.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert is_valid(schema, (place / "dsm.yaml").read_text())
    assert run("config", "check").exit_code == 0
    for line in WRONG.splitlines():
        (place / "dsm.yaml").write_text(line)
        assert run("config", "check").exit_code == 4
        assert not is_valid(schema, line)
