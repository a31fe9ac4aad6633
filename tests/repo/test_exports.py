"""What a module calls public is there, and what is there without underscore is public."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import dsm_core
from repo.modules import module_names, public_definitions

HEAVY = (
    "pandas",
    "polars",
    "pyarrow",
    "numpy",
    "httpx",
    "cattrs",
    "pluggy",
    "ruamel",
    "filelock",
    "tenacity",
)
# Hooks are found by their names; the markers are what a plugin imports.
HOOKS = {"dsm_core.plugins.hookspecs": {"dsm_provider", "dsm_chart_types", "dsm_observe"}}


@pytest.mark.parametrize("name", module_names())
def test_every_name_in_all_exists_once(name: str) -> None:
    module = import_module(name)
    listed = getattr(module, "__all__", [])
    assert sorted(set(listed)) == sorted(listed)
    assert [n for n in listed if not hasattr(module, n)] == []


@pytest.mark.parametrize("name", module_names(with_emulator=False))
def test_every_public_definition_is_in_all(name: str) -> None:
    module = import_module(name)
    hidden = public_definitions(module) - set(getattr(module, "__all__", ())) - HOOKS.get(name, set())
    assert hidden == set()


@pytest.mark.parametrize("name", module_names())
def test_every_module_tells_what_it_owns(name: str) -> None:
    assert (import_module(name).__doc__ or "").strip()


def test_the_public_face_is_importable_and_listed() -> None:
    assert set(dir(dsm_core)) == set(dsm_core.__all__)
    for name in dsm_core.__all__:
        assert getattr(dsm_core, name) is not None
    with pytest.raises(AttributeError, match="Nope"):
        _ = dsm_core.Nope


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after a statement."""
    code = f"import sys; {statement}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import dsm_core",
        "import dsm_core.plugins",
        "import dsm_core.errors",
        "from dsm_core.plugins.discovery import installed_providers; installed_providers()",
    ],
)
def test_a_light_import_loads_nothing_heavy(statement: str) -> None:
    assert loaded_by(statement) & set(HEAVY) == set()


def test_listing_providers_imports_no_provider() -> None:
    listing = "from dsm_core.plugins.discovery import installed_providers; assert installed_providers()"
    assert loaded_by(listing) & {"dsm_binance", "dsm_tradestation"} == set()
