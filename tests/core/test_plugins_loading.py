"""A plugin is loaded behind a guard; what is wrong with it is told with its distribution and the remedy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.fake_dists import distributions, on_the_path, plugin_code, write_dist
from dsm_core.errors import PluginConflictError, PluginContractError, PluginLoadError
from dsm_core.plugins import Provider
from dsm_core.plugins.discovery import find_provider, installed_providers
from dsm_core.plugins.loading import LoadedPlugin, load_plugin
from dsm_core.schema.chart_type import CHART_TYPES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; modules imported from it are forgotten afterwards."""
    with on_the_path(tmp_path, monkeypatch):
        yield tmp_path


def load(folder: Path, name: str, code: str) -> LoadedPlugin:
    """Install a provider of that name with that code, and load it."""
    write_dist(folder, f"dsm-{name}", "3.1", providers={name: f"{name}_mod"}, modules={f"{name}_mod": code})
    return load_plugin(find_provider(name, installed_providers(distributions(folder))))


def swapped(name: str, old: str, new: str) -> str:
    """The code of a sound plugin with one thing changed; ``Other`` is a second client of it."""
    code = plugin_code(name).replace("@hookimpl", "class Other(Client): ...\n\n@hookimpl", 1)
    assert old in code
    return code.replace(old, new)


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
        "raise GeneratorExit",
        "import pytest; pytest.skip('not here', allow_module_level=True)",
        "class Odd(BaseException): ...\nraise Odd('odd')",
        "from dsm_core import Nope",
    ],
)
def test_a_broken_import_names_distribution_and_version(folder: Path, code: str) -> None:
    with pytest.raises(PluginLoadError, match=r"dsm-broken 3\.1 \(provider 'broken'\)") as caught:
        load(folder, "broken", code)
    assert caught.value.__cause__ is not None
    assert caught.value.details == {"provider": "broken", "distribution": "dsm-broken"}
    assert "dsm-broken" in str(caught.value.hint)


def test_a_missing_module_is_a_load_error(folder: Path) -> None:
    write_dist(folder, "dsm-hollow", providers={"hollow": "hollow_mod"})
    with pytest.raises(PluginLoadError, match="hollow_mod"):
        load_plugin(find_provider("hollow", installed_providers(distributions(folder))))


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("typo", swapped("typo", "dsm_provider", "dsm_provder"), r"dsm_provder\(\).*mean dsm_provider\?"),
        (
            "strange",
            plugin_code("strange", "@hookimpl\ndef dsm_on_exit(): ..."),
            "dsm_on_exit.*The hooks are",
        ),
        ("bare", "x = 1", r"no dsm_provider\(\) hook"),
        ("unmarked", swapped("unmarked", "@hookimpl", ""), r"dsm_provider\(\) is not marked @hookimpl"),
        (
            "worse",
            swapped("worse", "@hookimpl\ndef dsm_provider", "def dsm_provders"),
            "above def dsm_provider",
        ),
        ("seer2", plugin_code("seer2", "def dsm_observe(event): ..."), r"dsm_observe\(\) is not marked"),
        ("dictate", swapped("dictate", "return Provider", "return dict"), r"dsm_provider\(\) returned dict"),
        ("forgot", swapped("forgot", "return Provider", "Provider"), r"returned NoneType.*Return a Provider"),
        ("klass", swapped("klass", "return Provider(", "return Provider\n    Provider("), "returned <class"),
        ("lazy", swapped("lazy", "def dsm_provider", "async def dsm_provider"), r"without async"),
        (
            "quits",
            swapped("quits", "return Provider", "raise SystemExit(2)\n    Provider"),
            "raised SystemExit: 2",
        ),
        ("extra", swapped("extra", "clients=", "streams=[], clients="), "upgrade dsm-core"),
        (
            "older",
            swapped("older", "clients=", "api=0, clients="),
            "API 0.*too old: pip install -U dsm-older",
        ),
        ("idle", swapped("idle", "clients=[Client]", "clients=[]"), r"clients=\(\)"),
        (
            "double",
            swapped("double", "clients=[Client]", "clients=[Client, Other]"),
            "Other serves.*Client already serves",
        ),
        ("paged", swapped("paged", 'source="rest",', 'source="rest", page_rows=0,'), "Client.*page_rows=0"),
        (
            "columns",
            swapped("columns", "source=", 'columns="opne", source='),
            "Client names the column 'opne'",
        ),
        ("chart", swapped("chart", '"klines"', '"ticks9"'), "Client serves the chart type 'ticks9'.*nobody"),
        ("kinds", plugin_code("kinds", "@hookimpl\ndef dsm_chart_types(): return None"), "returned NoneType"),
        ("asks", plugin_code("asks").replace("dsm_provider()", "dsm_provider(config)"), "config"),
        ("raises", plugin_code("raises").replace("return Provider", "raise KeyError"), "KeyError|name"),
        (
            "newer",
            swapped("newer", "clients=", "api=99, clients="),
            "API 99.*speaks 1.*pip install -U dsm-core",
        ),
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


def test_an_import_that_fails_names_the_line(folder: Path) -> None:
    code = "import json\n\ndef read():\n    return json.loads('{')\n\nread()\n"
    with pytest.raises(PluginLoadError, match=r"JSONDecodeError: .* \(.*lined_mod\.py:4\)"):
        load(folder, "lined", code)


def test_an_interrupt_during_an_import_is_the_users(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(folder, "stopped", "raise KeyboardInterrupt")


def test_a_refused_plugin_leaves_no_chart_type_behind(folder: Path) -> None:
    more = """
    from dsm_core.schema.chart_type import ChartSchema

    @hookimpl
    def dsm_chart_types():
        good = ChartSchema(name="left_behind", kind="events", index="time", columns=())
        return [good, ChartSchema(name="klines", kind="events", index="time", columns=())]
    """
    with pytest.raises(PluginConflictError, match="'klines'"):
        load(folder, "half", plugin_code("half", more))
    assert "left_behind" not in CHART_TYPES


def test_a_plugin_mended_in_place_is_loaded_by_the_same_process(folder: Path) -> None:
    with pytest.raises(PluginLoadError):
        load(folder, "mended", "raise ImportError('missing')")
    (folder / "mended_mod.py").write_text(plugin_code("mended"))
    found = find_provider("mended", installed_providers(distributions(folder)))
    assert load_plugin(found).provider.name == "mended"
