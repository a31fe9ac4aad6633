"""Installed providers are found by metadata, loaded behind a guard, and refused with names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.fake_dists import distributions, plugin_code, write_dist
from dsm_core.errors import (
    PluginConflictError,
    PluginContractError,
    PluginError,
    PluginLoadError,
    ProviderNotFoundError,
)
from dsm_core.plugins import Provider
from dsm_core.plugins.discovery import (
    InstalledProvider,
    LoadedPlugin,
    find_provider,
    installed_providers,
    load_plugin,
)
from dsm_core.schema.chart_type import CHART_TYPES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; modules imported from it are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def load(folder: Path, name: str, code: str) -> LoadedPlugin:
    """Install a provider of that name with that code, and load it."""
    write_dist(folder, f"dsm-{name}", "3.1", providers={name: f"{name}_mod"}, modules={f"{name}_mod": code})
    return load_plugin(find_provider(name, installed_providers(distributions(folder))))


def test_a_provider_is_found_by_its_metadata(folder: Path) -> None:
    write_dist(folder, "dsm-acme", "2.5", providers={"acme": "acme_mod", "zeta": "zeta_mod"})
    write_dist(folder, "unrelated")
    assert installed_providers(distributions(folder)) == (
        InstalledProvider(name="acme", module="acme_mod", distribution="dsm-acme", version="2.5"),
        InstalledProvider(name="zeta", module="zeta_mod", distribution="dsm-acme", version="2.5"),
    )


def test_listing_imports_nothing(folder: Path) -> None:
    code = "raise SystemError('imported')"
    write_dist(folder, "dsm-loud", providers={"loud": "loud_mod"}, modules={"loud_mod": code})
    before = set(sys.modules)
    found = installed_providers(distributions(folder))
    assert [p.name for p in found] == ["loud"]
    assert "loud_mod" not in set(sys.modules) - before


def test_listing_sees_what_is_installed_here(folder: Path) -> None:
    write_dist(folder, "dsm-here", providers={"here": "here_mod"})
    assert {"binance", "here"} <= {p.name for p in installed_providers()}


def test_a_distribution_without_metadata_hides_no_other(folder: Path) -> None:
    write_dist(folder, "dsm-torn", providers={"torn": "torn_mod"}, has_metadata=False)
    write_dist(folder, "dsm-whole", providers={"whole": "whole_mod"})
    assert [p.name for p in installed_providers(distributions(folder))] == ["whole"]


def test_an_unreadable_entry_costs_nobody_else_anything(folder: Path) -> None:
    write_dist(folder, "dsm-odd", providers={"odd": "not a module!"})
    write_dist(
        folder, "dsm-whole", providers={"whole": "whole_mod"}, modules={"whole_mod": plugin_code("whole")}
    )
    found = installed_providers(distributions(folder))
    assert load_plugin(find_provider("whole", found)).provider.name == "whole"
    with pytest.raises(PluginLoadError, match=r"dsm-odd 1.0"):
        load_plugin(find_provider("odd", found))


def test_of_one_distribution_on_the_path_twice_the_first_counts(tmp_path: Path) -> None:
    for place, version in (("first", "2.0"), ("second", "1.0")):
        write_dist(tmp_path / place, "dsm-acme", version, providers={"acme": "acme_mod"})
    (found,) = installed_providers(distributions(tmp_path / "first", tmp_path / "second"))
    assert found.version == "2.0"


def test_a_sound_plugin_is_loaded(folder: Path) -> None:
    loaded = load(folder, "sound", plugin_code("sound"))
    assert isinstance(loaded.provider, Provider)
    assert loaded.observe is None


def test_an_event_hook_is_handed_out(folder: Path) -> None:
    more = """
    seen = []

    @hookimpl
    def dsm_observe(event):
        seen.append(event)
    """
    loaded = load(folder, "seer", plugin_code("seer", more))
    loaded.observe(event="an event")
    assert sys.modules["seer_mod"].seen == ["an event"]


@pytest.mark.parametrize(
    "code",
    [
        "import a_module_that_nobody_has",
        "1 / 0",
        "def broken(:",
        "import sys; sys.exit(3)",
        "from dsm_core import Nope",
    ],
)
def test_a_broken_import_names_distribution_and_version(folder: Path, code: str) -> None:
    with pytest.raises(PluginLoadError, match=r"dsm-broken 3\.1 \(provider 'broken'\)") as caught:
        load(folder, "broken", code)
    assert caught.value.__cause__ is not None
    assert caught.value.details == {"provider": "broken"}
    assert "dsm-broken" in str(caught.value.hint)


def test_a_missing_module_is_a_load_error(folder: Path) -> None:
    write_dist(folder, "dsm-hollow", providers={"hollow": "hollow_mod"})
    with pytest.raises(PluginLoadError, match="hollow_mod"):
        load_plugin(find_provider("hollow", installed_providers(distributions(folder))))


def test_one_name_in_two_distributions_is_refused_naming_both(folder: Path) -> None:
    write_dist(folder, "dsm-one", "1.1", providers={"same": "one_mod"})
    write_dist(folder, "dsm-two", "2.2", providers={"same": "two_mod", "other": "two_mod"})
    found = installed_providers(distributions(folder))
    with pytest.raises(PluginConflictError, match=r"dsm-one 1\.1 and dsm-two 2\.2"):
        find_provider("same", found)
    assert find_provider("other", found).distribution == "dsm-two"


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("typo", plugin_code("typo").replace("dsm_provider", "dsm_providr"), "dsm_providr"),
        ("bare", "x = 1", r"no dsm_provider\(\) hook"),
        ("unmarked", plugin_code("unmarked").replace("@hookimpl", ""), r"no dsm_provider\(\) hook"),
        (
            "wrong",
            plugin_code("wrong").replace("return Provider", "return dict"),
            r"no dsm_provider\(\) hook",
        ),
        ("asks", plugin_code("asks").replace("dsm_provider()", "dsm_provider(config)"), "config"),
        ("raises", plugin_code("raises").replace("return Provider", "raise KeyError"), "KeyError|name"),
        ("newer", plugin_code("newer").replace("clients=", "api=99, clients="), "plugin API 99.*speaks 1"),
        ("alias", plugin_code("another"), "calls itself 'another'"),
        ("unlisted", plugin_code("unlisted").replace('sources=["rest"]', 'sources=["ftp"]'), "sources"),
        ("specless", plugin_code("specless").replace("    spec =", "    _ ="), "specless"),
        ("types", plugin_code("types", "@hookimpl\ndef dsm_chart_types(): return ['bars']"), "'bars'"),
        ("single", plugin_code("single", "@hookimpl\ndef dsm_chart_types(): return 5"), "single"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_named(folder: Path, name: str, code: str, told: str) -> None:
    with pytest.raises(PluginContractError, match=told) as caught:
        load(folder, name, code)
    assert f"dsm-{name} 3.1" in str(caught.value)
    assert caught.value.details["provider"] == name
    assert caught.value.hint


def test_a_plugin_brings_its_chart_types(folder: Path) -> None:
    more = """
    from dsm_core.schema.chart_type import ChartSchema

    @hookimpl
    def dsm_chart_types():
        return [ChartSchema(name="ticks_of_a_test", kind="events", index="time", columns=())]
    """
    load(folder, "typed", plugin_code("typed", more))
    assert CHART_TYPES["ticks_of_a_test"].kind == "events"


def test_a_chart_type_that_another_plugin_has_is_refused_naming_the_second(folder: Path) -> None:
    more = """
    from dsm_core.schema.chart_type import ChartSchema

    @hookimpl
    def dsm_chart_types():
        return [ChartSchema(name="klines", kind="events", index="time", columns=())]
    """
    with pytest.raises(PluginConflictError, match=r"dsm-usurper 3\.1.*'klines'"):
        load(folder, "usurper", plugin_code("usurper", more))


def test_an_unknown_provider_lists_the_installed_and_says_what_to_install(folder: Path) -> None:
    write_dist(folder, "dsm-acme", providers={"acme": "acme_mod", "beta": "beta_mod"})
    found = installed_providers(distributions(folder))
    with pytest.raises(
        ProviderNotFoundError, match=r"installed: acme, beta.*pip install dsm-some-venue"
    ) as caught:
        find_provider("some_venue", found)
    assert isinstance(caught.value, PluginError | LookupError)
    with pytest.raises(ProviderNotFoundError, match="Did you mean 'acme'"):
        find_provider("acne", found)
    with pytest.raises(ProviderNotFoundError, match="installed: none"):
        find_provider("acme", ())
