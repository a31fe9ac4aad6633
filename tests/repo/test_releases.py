"""Versions, changelog and package files tell the same story."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from itertools import pairwise

import importlib_metadata
import pytest

import dsm_binance
import dsm_core
import dsm_tradestation
from repo.modules import ROOT

DISTRIBUTIONS = ("dsm-core", "dsm-binance", "dsm-tradestation")
PROVIDERS = DISTRIBUTIONS[1:]
HEADING = re.compile(r"^## (?:(?P<version>\d+\.\d+\.\d+) - (?P<day>\d{4}-\d{2}-\d{2})|Unreleased)$")


def headings() -> list[re.Match[str]]:
    lines = [n for n in (ROOT / "CHANGELOG.md").read_text("utf-8").splitlines() if n.startswith("## ")]
    found = [HEADING.match(line) for line in lines]
    assert all(found), f"a heading is neither a release nor Unreleased: {lines}"
    return [f for f in found if f]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_the_packages_share_the_version_of_the_newest_release() -> None:
    newest = next(h["version"] for h in headings() if h["version"])
    assert dsm_core.__version__ == dsm_binance.__version__ == dsm_tradestation.__version__ == newest


def test_installed_metadata_has_the_version_of_the_code() -> None:
    for name in DISTRIBUTIONS:
        assert importlib_metadata.version(name) == dsm_core.__version__


def test_the_changelog_runs_from_the_newest_release_to_the_oldest() -> None:
    found = headings()
    assert not [h for h in found[1:] if h["version"] is None], "only the first entry may be unreleased"
    releases = [h for h in found if h["version"]]
    for newer, older in pairwise(releases):
        assert numbers(newer["version"]) > numbers(older["version"])
        assert date.fromisoformat(newer["day"]) >= date.fromisoformat(older["day"])


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_package_has_one_source_of_its_version(name: str) -> None:
    project = tomllib.loads((ROOT / name / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == name
    assert "version" not in project
    assert project["dynamic"] == ["version"]
    assert project["requires-python"] == ">=3.11"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_package_ships_its_types_and_a_readme(name: str) -> None:
    package = ROOT / name / "src" / name.replace("-", "_")
    assert (package / "py.typed").exists()
    assert (ROOT / name / "README.md").read_text("utf-8").strip()


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_asks_for_the_core_of_its_own_release(name: str) -> None:
    project = tomllib.loads((ROOT / name / "pyproject.toml").read_text("utf-8"))["project"]
    (core,) = [d for d in project["dependencies"] if re.match(r"dsm-core\b", d)]
    low, high = re.fullmatch(r"dsm-core(?:\[\w+\])?>=([\d.]+),<([\d.]+)", core).groups()  # type: ignore[union-attr]
    own = numbers(dsm_core.__version__)
    assert numbers(low) <= own < numbers(high)
