"""Distributions that are not installed: a dist-info folder and a module in a folder of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import importlib_metadata
import pytest

PLUGIN = """
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, hookimpl

class Client(DataClientInterface):
    spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals={{"1m": "1"}})

    def fetch(self, start_time, end_time, **kwargs):
        return {{}}

@hookimpl
def dsm_provider():
    return Provider(name={name!r}, clients=[Client], sources=["rest"])
"""


def plugin_code(name: str, more: str = "") -> str:
    """A whole plugin module of one provider."""
    return PLUGIN.format(name=name) + dedent(more)


def write_dist(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    providers: dict[str, str] | None = None,
    modules: dict[str, str] | None = None,
    has_metadata: bool = True,
) -> None:
    """Write a distribution; ``providers`` maps provider names to modules, ``modules`` those to code."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    if has_metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{provider} = {module}" for provider, module in (providers or {}).items()]
    (info / "entry_points.txt").write_text("\n".join(["[dsm.providers]", *lines, ""]))
    for module, code in (modules or {}).items():
        (folder / f"{module}.py").write_text(dedent(code))


def distributions(*folders: Path) -> list[importlib_metadata.Distribution]:
    """What is in ``folders``, as if they alone were on the path."""
    return list(importlib_metadata.distributions(path=[str(folder) for folder in folders]))


@contextmanager
def on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a folder on the path; modules imported from it are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
