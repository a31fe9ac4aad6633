"""The list of commands: fast, made of metadata, and unhurt by a package that is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import Run, Shell
from dsm_binance import __version__ as binance_version
from dsm_core import __version__

HEAVY = ("pandas", "pyarrow", "numpy", "httpx", "cattrs", "polars", "aiohttp", "dsm_binance.plugin")

GOOD = """
import click

@click.command()
def hello():
    "Greets."
    click.echo("hello from acme")

not_a_command = 42
"""
ENTRIES = """
[dsm.commands]
good = acme_commands:hello
broken = acme_broken:hello
absent = acme_commands:nobody
number = acme_commands:not_a_command
get = acme_commands:hello
emulate.acme = acme_commands:hello
"""


def distribution(folder: Path, name: str, entries: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


@pytest.fixture
def acme(tmp_path: Path) -> str:
    """Folder for PYTHONPATH: an installed package with good and broken commands."""
    folder = tmp_path / "site"
    distribution(folder, "acme", ENTRIES)
    (folder / "acme_commands.py").write_text(GOOD)
    (folder / "acme_broken.py").write_text("raise RuntimeError('out of order')\n")
    return str(folder)


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["providers"],
        ["--version"],
        ["demo", "--help"],
        ["update", "--help"],
        ["prefetch", "--help"],
        ["symbols", "--help"],
        ["coverage", "--help"],
        ["cache", "clear", "--help"],
        ["config", "show", "--help"],
        ["doctor", "--help"],
        ["completion", "zsh"],
    ],
)
def test_listing_imports_nothing_heavy(place: Path, args: list[str]) -> None:
    code = (
        "import json, sys\n"
        "from dsm_core.cli.app import dsm\n"
        "try:\n"
        f"    dsm.main({args!r}, prog_name='dsm')\n"
        "finally:\n"
        f"    print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []
    assert done.stdout


def test_completion_offers_commands_and_imports_none(shell: Shell, acme: str) -> None:
    done = shell(PYTHONPATH=acme, _DSM_COMPLETE="bash_complete", COMP_WORDS="dsm ", COMP_CWORD="1")
    offered = [line.partition(",")[2] for line in done.stdout.splitlines()]
    assert {"get", "explain", "demo", "emulate", "good", "broken"} <= set(offered)
    assert done.stderr == ""


def test_help_lists_commands_of_core_and_of_packages(run: Run) -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("get", "explain", "providers", "config", "cache"):
        assert f"\n  {name} " in result.stdout
    assert f"\n  demo     dsm-binance {binance_version}" in result.stdout
    assert f"\n  emulate  dsm-binance {binance_version}" in result.stdout


def test_no_arguments_print_the_help(run: Run) -> None:
    assert run().stdout == run("--help").stdout


def test_version_names_the_core_and_each_provider(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert f"dsm-core {__version__}" in result.stdout.splitlines()
    assert f"dsm-binance {binance_version} (provider binance)" in result.stdout.splitlines()


def test_providers_are_listed_from_metadata(run: Run) -> None:
    line = next(line for line in run("providers").stdout.splitlines() if line.startswith("binance"))
    assert line.split() == ["binance", "dsm-binance", binance_version, "dsm_binance.plugin"]
    told = json.loads(run("providers", "--format", "json").stdout)
    assert "dsm_binance.plugin" in [provider["module"] for provider in told]


def test_a_broken_command_costs_one_error_and_no_other_command(shell: Shell, acme: str) -> None:
    broken = shell("broken", PYTHONPATH=acme)
    assert broken.returncode == 4
    first, hint = broken.stderr.splitlines()
    assert first.startswith("error: The command 'broken' of acme 1.0 failed to load: RuntimeError(")
    assert hint.startswith("hint: Upgrade or uninstall acme")
    assert shell("good", PYTHONPATH=acme).stdout == "hello from acme\n"
    assert shell("providers", PYTHONPATH=acme).returncode == 0


def test_help_lists_a_broken_command_and_warns_of_a_hidden_one(shell: Shell, acme: str) -> None:
    done = shell("--help", PYTHONPATH=acme)
    assert done.returncode == 0
    assert "\n  broken   acme 1.0" in done.stdout
    assert "\n  emulate  acme 1.0, dsm-binance" in done.stdout
    assert done.stderr == "warning: acme 1.0: its command 'get' is hidden by DSM's own.\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "has no attribute 'nobody'"), ("number", "is int, no click command")],
)
def test_an_entry_point_that_is_no_command_is_refused(
    shell: Shell, acme: str, name: str, message: str
) -> None:
    done = shell(name, PYTHONPATH=acme)
    assert done.returncode == 4
    assert message in done.stderr


def test_a_package_cannot_take_the_place_of_cores_commands(shell: Shell, acme: str) -> None:
    assert "hello from acme" not in shell("get", "--help", PYTHONPATH=acme).stdout


def test_a_dot_in_a_name_puts_a_command_beside_those_of_others(shell: Shell, acme: str) -> None:
    listed = shell("emulate", "--help", PYTHONPATH=acme).stdout
    assert "\n  acme          acme 1.0" in listed
    assert "\n  binance       dsm-binance" in listed
    assert shell("emulate", "acme", PYTHONPATH=acme).stdout == "hello from acme\n"


def test_a_command_claimed_twice_is_refused_and_both_packages_are_named(
    shell: Shell, acme: str, tmp_path: Path
) -> None:
    distribution(tmp_path / "more", "bolt", "[dsm.commands]\ngood = acme_commands:hello\n")
    done = shell("good", PYTHONPATH=os.pathsep.join([acme, str(tmp_path / "more")]))
    assert done.returncode == 4
    assert "The command 'good' is claimed more than once: acme 1.0 and bolt 1.0." in done.stderr


def test_an_installed_command_runs_as_a_script_does(place: Path) -> None:
    script = Path(sys.executable).with_name("dsm.exe" if sys.platform == "win32" else "dsm")
    done = subprocess.run([script, "providers"], capture_output=True, text=True, check=True, timeout=30)
    assert "binance" in done.stdout
