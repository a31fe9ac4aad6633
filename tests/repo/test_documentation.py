"""What users can meet is told of in the docs."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import dsm_core
from dsm_binance import errors as binance_errors
from dsm_binance import kinds as binance_kinds
from dsm_core import errors
from dsm_core.plugins import hookspecs
from dsm_core.schema.chart_type import FUNDING_RATE, KLINES, ChartSchema
from dsm_tradestation import schemas as tradestation_schemas
from repo.modules import ROOT

CHART_SCHEMAS = (*binance_kinds.CHART_SCHEMAS, *tradestation_schemas.CHART_SCHEMAS)
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("dsm_"))


@cache
def docs() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}


def tells(page: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", docs()[page]) is not None


@pytest.mark.parametrize("name", [*errors.__all__, *binance_errors.__all__])
def test_every_error_is_documented(name: str) -> None:
    assert tells("errors.md", name)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    assert f"{name}{signature}" in docs()["plugins.md"]


@pytest.mark.parametrize("name", [n for n in dsm_core.__all__ if n != "__version__"])
def test_every_public_name_is_in_the_docs(name: str) -> None:
    assert [page for page in docs() if tells(page, name)]


@pytest.mark.parametrize("schema", [KLINES, FUNDING_RATE, *CHART_SCHEMAS], ids=lambda schema: schema.name)
def test_every_column_of_a_chart_type_is_documented(schema: ChartSchema) -> None:
    headed = rf"^## [^\n]*\b{schema.name}\b[^\n]*$(.*?)(?=^## |\Z)"
    [section] = re.findall(headed, docs()["schemas.md"], re.MULTILINE | re.DOTALL)
    told = " ".join(line.split("|")[1] for line in section.splitlines() if line.startswith("|"))
    for column in (schema.index, *schema.column_names):
        assert f"`{column}`" in told, column


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("dsm-*/README.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", page.read_text("utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not _exists(page, target):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def _exists(page: Path, target: str) -> bool:
    return (page.parent / target).exists()
