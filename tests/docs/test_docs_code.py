"""The pages keep their word: code runs, output is real, links resolve, configurations load."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

import dsm_binance
import dsm_core
from dsm_binance.config import BinanceConfig
from dsm_binance.emulator import RECORDED, Emulator, Listing, Outage
from dsm_core.config import check_config, load_config
from dsm_core.plugins import hookspecs

from .markdown import ROOT, Block, anchors, blocks, code_pages, links, pages

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
_SOL_FUNDING = ((None, 8), (datetime(2026, 11, 18, tzinfo=UTC), 4))
LISTINGS = (
    Listing("BTCUSDT"),
    Listing("ETHUSDT"),
    Listing("SOLUSDT", listed_at=datetime(2020, 8, 11, 6, tzinfo=UTC)),
    Listing("BTCUSDT", "um"),
    Listing("ETHUSDT", "um"),
    Listing("SOLUSDT", "um", datetime(2020, 9, 14, 7, tzinfo=UTC), funding=_SOL_FUNDING),
    Listing(
        "LUNAUSDT",
        "um",
        datetime(2021, 4, 2, 7, tzinfo=UTC),
        datetime(2022, 5, 13, tzinfo=UTC),
        removed=True,
        price=60.0,
    ),
    Listing("HYPEUSDT", "um", datetime(2025, 5, 30, 13, tzinfo=UTC), price=35.0),
    Listing("BTCUSD_PERP", "cm"),
    Listing("ETHUSD_PERP", "cm", contract_size=10),
)
OUTAGE = Outage(datetime(2023, 3, 24, 12, 40, tzinfo=UTC), datetime(2023, 3, 24, 14, tzinfo=UTC), "spot")
LONGEST_S = 120


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _runnable(page: Path) -> list[int]:
    """Numbers of the blocks that run; the fence of any other Python says ``no-run``."""
    found = blocks(page.read_text(encoding="utf-8"))
    return [number for number, block in enumerate(found) if block.info == "python"]


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with Emulator([RECORDED], LISTINGS, [OUTAGE], now=NOW) as running:
        yield running


@pytest.fixture
def environment(venue: Emulator, tmp_path: Path) -> Mapping[str, str]:
    """A user's environment whose configuration leads to the emulator, and nothing of this machine's."""
    config = {
        # The pages are written for who has dsm-binance alone.
        "defaults": {"provider": "binance"},
        "http": {"state_dir": str(tmp_path / "state")},
        "providers": {"binance": {"endpoints": venue.endpoints}},
    }
    file = tmp_path / "harness.yaml"
    file.write_text(json.dumps(config), encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON", "XDG_"))}
    return {
        **kept,
        "HOME": str(tmp_path),
        "DSM_CONFIG": str(file),
        "DSM_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "error",
    }


@pytest.mark.parametrize("page", [page for page in code_pages() if _runnable(page)], ids=_name)
def test_the_code_of_a_page_runs_and_prints_what_is_shown(
    page: Path, environment: Mapping[str, str], tmp_path: Path
) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    runnable = _runnable(page)
    printed = _run(page, [found[number] for number in runnable], environment, tmp_path)
    checker = doctest.OutputChecker()
    for number, got in zip(runnable, printed, strict=True):
        shown = found[number + 1] if number + 1 < len(found) else None
        if shown is None or shown.language != "text" or not shown.follows_at_once:
            continue
        want, real = _without_trailing_space(shown.text), _without_trailing_space(got)
        assert checker.check_output(want, real, doctest.ELLIPSIS), (
            f"{_name(page)}:{shown.line} shows\n{want}\nand the code prints\n{real}"
        )


def _run(page: Path, code: list[Block], environment: Mapping[str, str], folder: Path) -> list[str]:
    work = folder / "work"
    work.mkdir()
    sources, results = folder / "blocks.json", folder / "printed.json"
    sources.write_text(json.dumps([{"line": b.line, "text": b.text} for b in code]), encoding="utf-8")
    runner = Path(__file__).with_name("run_page.py")
    done = subprocess.run(
        [sys.executable, str(runner), str(page), str(sources), str(results)],
        cwd=work,
        env=dict(environment),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, f"{_name(page)} fails:\n{done.stderr}"
    printed: list[str] = json.loads(results.read_text(encoding="utf-8"))
    return printed


def _without_trailing_space(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [link for link in links(text) if not _resolves(page, link)] == []


def _resolves(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists() or not anchor or target.suffix != ".md":
        return target.exists()
    return anchor in anchors(target.read_text(encoding="utf-8"))


def test_the_index_lists_every_page_and_decision() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link).resolve() for link in links(index.read_text(encoding="utf-8"))}
    assert listed == {page for page in pages() if index.parent in page.parents} - {index}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/adr/*.md")), ids=_name)
def test_a_decision_is_told_in_forty_lines(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    assert lines[0].startswith("# ")
    assert page.name[:4] in lines[0]
    assert lines[2].startswith("Status: ")
    assert [h for h in headings if h != "## Why not"] == ["## Context", "## Decision", "## Consequences"]
    assert len(lines) <= 40


@pytest.mark.parametrize("name", [name for name in vars(hookspecs) if name.startswith("dsm_")])
def test_every_hook_is_documented_with_its_signature(name: str) -> None:
    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    assert f"`{name}{signature}`" in page


def _configurations() -> list[tuple[str, Block]]:
    return [
        (f"{_name(page)}:{block.line}", block)
        for page in pages()
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "yaml" and block.text.startswith("# dsm.yaml")
    ]


@pytest.mark.parametrize("block", [pytest.param(b, id=where) for where, b in _configurations()])
def test_every_shown_configuration_loads(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "dsm.yaml"
    file.write_text(block.text, encoding="utf-8")
    load_config(file, env={})
    assert check_config(file, {"binance": BinanceConfig}, env={}) == []


def _modules() -> list[str]:
    names = []
    for package in (dsm_core, dsm_binance):
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [package.__name__, *(m.name for m in found if not m.name.endswith("__main__"))]
    return names


@pytest.mark.parametrize("name", _modules())
def test_the_examples_in_docstrings_hold(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert outcome.failed == 0
