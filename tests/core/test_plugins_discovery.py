"""Installed providers are found by metadata alone, and looked at without hurting each other."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.fake_dists import distributions, on_the_path, plugin_code, write_dist
from dsm_core.errors import PluginConflictError, PluginError, PluginLoadError, ProviderNotFoundError
from dsm_core.plugins.discovery import InstalledProvider, check_installed, find_provider, installed_providers
from dsm_core.plugins.loading import load_plugin
from dsm_core.plugins.registry import Registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; modules imported from it are forgotten afterwards."""
    with on_the_path(tmp_path, monkeypatch):
        yield tmp_path


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


def test_one_name_in_two_distributions_is_refused_naming_both(folder: Path) -> None:
    write_dist(folder, "dsm-one", "1.1", providers={"same": "one_mod"})
    write_dist(folder, "dsm-two", "2.2", providers={"same": "two_mod", "other": "two_mod"})
    found = installed_providers(distributions(folder))
    with pytest.raises(PluginConflictError, match=r"dsm-one 1\.1 and dsm-two 2\.2"):
        find_provider("same", found)
    assert find_provider("other", found).distribution == "dsm-two"


def test_an_unknown_provider_lists_the_installed_and_promises_no_package(folder: Path) -> None:
    write_dist(folder, "dsm-acme", providers={"acme": "acme_mod", "beta": "beta_mod"})
    found = installed_providers(distributions(folder))
    with pytest.raises(ProviderNotFoundError, match=r"installed: acme, beta") as caught:
        find_provider("some_venue", found)
    assert "dsm-some" not in str(caught.value)
    assert "pip install" in str(caught.value)
    assert isinstance(caught.value, PluginError | LookupError)
    with pytest.raises(ProviderNotFoundError, match="installed: none"):
        find_provider("acme", ())


@pytest.mark.parametrize("typed", ["acne", "ACME", "acme_"])
def test_a_close_name_is_offered_before_anything_is_installed(folder: Path, typed: str) -> None:
    write_dist(folder, "dsm-acme", providers={"acme": "acme_mod"})
    with pytest.raises(ProviderNotFoundError, match="Did you mean 'acme'") as caught:
        find_provider(typed, installed_providers(distributions(folder)))
    assert "pip install" not in str(caught.value)


def test_a_distribution_whose_entry_points_cannot_be_read_hides_no_other(folder: Path) -> None:
    write_dist(folder, "dsm-garbled")
    (folder / "dsm_garbled-1.0.dist-info" / "entry_points.txt").write_bytes(
        b"[dsm.providers]\n\xff\xfe = \xff"
    )
    write_dist(folder, "dsm-whole", providers={"whole": "whole_mod"})
    assert [p.name for p in installed_providers(distributions(folder))] == ["whole"]


def test_a_package_installed_while_the_process_runs_is_found_and_gone_after_its_removal(folder: Path) -> None:
    before = {p.name for p in installed_providers()}
    write_dist(folder, "dsm-late", providers={"late": "late_mod"}, modules={"late_mod": plugin_code("late")})
    assert {p.name for p in installed_providers()} == before | {"late"}
    registry = Registry()
    assert registry.provider("late").name == "late"
    shutil.rmtree(folder / "dsm_late-1.0.dist-info")
    assert {p.name for p in installed_providers()} == before
    assert "late" not in Registry().names()


def test_every_installed_provider_is_looked_at_and_only_the_faulty_are_blamed(folder: Path) -> None:
    codes = {
        "sound": plugin_code("sound"),
        "raising": "raise RuntimeError('licence missing')",
        "quitting": "import sys; sys.exit(3)",
        "typo": plugin_code("typo").replace("dsm_provider", "dsm_provder"),
        "newer": plugin_code("newer").replace("clients=", "api=2, clients="),
    }
    for name, code in codes.items():
        write_dist(folder, f"dsm-{name}", "2.0", providers={name: f"{name}_m"}, modules={f"{name}_m": code})
    write_dist(folder, "dsm-twin-a", "1.1", providers={"twin": "sound_m"})
    write_dist(folder, "dsm-twin-b", "2.2", providers={"twin": "sound_m"})
    found = {f.distribution: f for f in check_installed(installed_providers(distributions(folder)))}
    assert [d for d, f in found.items() if f.is_sound] == ["dsm-sound"]
    assert found["dsm-sound"].provider is not None
    for distribution, told in [
        ("dsm-raising", "RuntimeError: licence missing"),
        ("dsm-quitting", "SystemExit: 3"),
        ("dsm-typo", "dsm_provder"),
        ("dsm-newer", "plugin API 2"),
        ("dsm-twin-a", "dsm-twin-a 1.1 and dsm-twin-b 2.2"),
        ("dsm-twin-b", "dsm-twin-a 1.1 and dsm-twin-b 2.2"),
    ]:
        assert told in str(found[distribution].problem)
        assert found[distribution].remedy
        assert isinstance(found[distribution].error, PluginError)


def test_a_look_at_the_installed_finds_this_workspace_sound() -> None:
    found = {f.name: f for f in check_installed()}
    assert found["binance"].is_sound
    assert (found["binance"].distribution, found["binance"].problem) == ("dsm-binance", None)
