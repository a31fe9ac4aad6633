"""`dsm config show`: what is in force and where it came from, without credentials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.running import Run, Shell
from core.fake_dists import plugin_code, write_dist

FILE = """\
cache: {read_from: [shared]}
http: {user_agent: "${DESK_AGENT}"}
providers:
  binance:
    endpoints: {spot: "https://ann:hunter2@spot.example"}
"""
NEEDY = """
from attrs import frozen
from dsm_core.config import Secret

@frozen
class Config:
    client_secret: Secret
    pages: int = 3
"""


def rows(text: str) -> dict[str, tuple[str, str]]:
    cells = (line.split(maxsplit=2) for line in text.splitlines()[1:])
    return {path: (origin, value) for path, origin, value in cells}


def test_every_layer_is_told(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_AGENT", "hunter2")
    monkeypatch.setenv("DSM_OFFLINE", "1")
    monkeypatch.delenv("DSM_CACHE_DIR")
    (place / "dsm.yaml").write_text(FILE)
    result = run("config", "show", "--cache-dir", "mine", "--market", "um")
    assert result.exit_code == 0
    told = rows(result.stdout)
    assert told["cache.dir"] == ("--cache-dir", '"mine"')
    assert told["defaults.market_type"] == ("--market", '"um"')
    assert told["offline"] == ("DSM_OFFLINE", "true")
    assert told["cache.read_from"] == ("dsm.yaml:1", json.dumps([str(place / "shared")]))
    assert told["http.user_agent"] == ("dsm.yaml:2", '"***"')
    assert told["providers.binance.endpoints.spot"] == ("dsm.yaml:5", '["https://***@spot.example"]')
    assert told["providers.binance.sources"] == ("default", '["vision", "rest"]')
    assert "hunter2" not in result.output


def test_the_same_comes_as_json(run: Run, place: Path) -> None:
    told = {setting["path"]: setting for setting in json.loads(run("config", "show", "--json").stdout)}
    assert told["cache.dir"] == {
        "path": "cache.dir",
        "value": str(place / "cache"),
        "layer": "environment",
        "place": "DSM_CACHE_DIR",
    }
    assert told["defaults.on_gaps"]["place"] is None


def test_a_file_that_cannot_be_read_is_refused(run: Run, place: Path) -> None:
    (place / "dsm.yaml").write_text("offline: perhaps\n")
    result = run("config", "show")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("error: dsm.yaml:1: offline:")


def test_a_wrong_section_is_told_beside_the_rest(shell: Shell, place: Path) -> None:
    code = plugin_code("needy", NEEDY).replace("sources=", "config=Config, sources=")
    write_dist(place / "site", "dsm-needy", providers={"needy": "needy_mod"}, modules={"needy_mod": code})
    broken = {"broken_mod": "raise RuntimeError('out of order')"}
    write_dist(place / "site", "dsm-broken", providers={"broken": "broken_mod"}, modules=broken)
    (place / "dsm.yaml").write_text("providers: {needy: {pages: three}}\n")
    done = shell("config", "show", PYTHONPATH=str(place / "site"))
    assert done.returncode == 4
    assert "providers.binance.sources" in done.stdout
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: dsm-broken 1.0 (provider 'broken')")
    assert lines[1].startswith("error: dsm.yaml:1: providers.needy.pages: expected a whole number")
    assert lines[2].startswith("error: dsm.yaml:1: providers.needy.client_secret: is required and missing")
