"""`dsm new-provider` writes a package that is found once it is installed, and passes its kit untouched."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from attrs import frozen
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from dsm_core import __version__
from dsm_core.cli.app import dsm
from dsm_core.errors import PluginConflictError, RequestError
from dsm_core.scaffold import ProviderName, check_free, render_package

ROOT = Path(__file__).parents[2]
LONGEST = "abcdefghijklmnopqrstuvwxyz_abc"
NAMES = ("q", "alpha_desk", LONGEST)


@frozen
class Package:
    """A package that was written, and the environment in which it is installed."""

    folder: Path
    env: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=180,
            check=False,
        )


def new_provider(name: str, into: Path) -> Result:
    command = ["new-provider", name, "--into", str(into)]
    return CliRunner().invoke(dsm, command, prog_name="dsm", catch_exceptions=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Package:
    into = tmp_path_factory.mktemp("new")
    assert new_provider("alpha_desk", into).exit_code == 0
    folder, site = into / "dsm-alpha-desk", into / "site"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(site),
        str(folder),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=180)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DSM_", "PYTHON", "XDG_"))}
    return Package(folder, kept | {"HOME": str(into), "PYTHONPATH": str(site), "PYTHONUTF8": "1"})


def test_the_kit_passes_as_the_package_was_written(installed: Package) -> None:
    ended = installed.run("pytest", "-q")
    assert ended.returncode == 0, ended.stdout
    summary = re.search(r"(\d+) passed, (\d+) skipped", ended.stdout)
    assert summary, ended.stdout
    assert int(summary[1]) > 50
    assert "c96" not in ended.stdout, "the case about secrets is skipped"


def test_it_is_listed_and_told_of_without_a_build_step(installed: Package) -> None:
    listed = installed.run("dsm_core", "providers").stdout.split("\n")
    assert ["alpha_desk", "dsm-alpha-desk", "0.1.0", "dsm_alpha_desk.plugin"] in [
        line.split() for line in listed
    ]
    told = installed.run("dsm_core", "providers", "alpha_desk")
    assert told.returncode == 0, told.stderr
    assert "klines      spot    rest    1m 1h 1d   all" in told.stdout
    assert "providers.alpha_desk.api_key" in told.stdout


def test_doctor_finds_it_sound(installed: Package) -> None:
    checks = installed.run("dsm_core", "doctor", "--offline").stdout
    assert re.search(r"^ok +provider alpha_desk: dsm-alpha-desk 0\.1\.0", checks, re.MULTILINE), checks


@pytest.mark.parametrize("name", NAMES)
def test_the_code_keeps_its_own_lint_and_this_workspaces(name: str, tmp_path: Path) -> None:
    assert new_provider(name, tmp_path).exit_code == 0
    folder = tmp_path / ProviderName.of(name).distribution
    workspace = ("--config", str(ROOT / "pyproject.toml"))
    for command in (
        ("check",),
        ("format", "--check"),
        ("check", *workspace, "--config", "src = ['src']"),
        ("format", "--check", *workspace),
    ):
        ended = Package(folder, dict(os.environ)).run("ruff", *command, ".")
        assert ended.returncode == 0, ended.stdout


def test_the_code_is_typed_strictly(installed: Package, tmp_path_factory: pytest.TempPathFactory) -> None:
    # The tests of the page use the same cache, or core would be checked twice.
    ended = installed.run("mypy", "--strict", f"--cache-dir={tmp_path_factory.getbasetemp() / 'mypy'}")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_filled_and_every_module_compiles(name: str) -> None:
    for path, text in render_package(ProviderName.of(name)).items():
        assert "$" not in path
        assert text.strip() or path.endswith("/py.typed")
        assert not re.search(r"\$\{?(name|dist|module|title|key|core)\b", text), path
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_the_project_asks_for_the_core_of_this_release_and_names_its_entry_point() -> None:
    files = render_package(ProviderName.of("alpha_desk"))
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["entry-points"]["dsm.providers"] == {"alpha_desk": "dsm_alpha_desk.plugin"}
    (core,) = project["dependencies"]
    low, high = (tuple(map(int, bound.split("."))) for bound in re.findall(r"[\d.]+", core))
    assert low <= tuple(map(int, re.findall(r"\d+", __version__)))[:2] < high
    assert "src/dsm_alpha_desk/py.typed" in files
    assert 'name="alpha_desk"' in files["src/dsm_alpha_desk/plugin.py"]


def test_the_workflow_and_the_configuration_of_the_readme_are_yaml(installed: Package) -> None:
    files = render_package(ProviderName.of("alpha_desk"))
    workflow = YAML(typ="safe").load(files[".github/workflows/check.yml"])
    steps = workflow["jobs"]["check"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-1] == "pytest"
    assert steps[1]["with"]["python-version"] == "${{ matrix.python }}"
    (shown,) = re.findall(r"```yaml\n(.*?)```", files["README.md"], re.DOTALL)
    (installed.folder / "dsm.yaml").write_text(shown, encoding="utf-8")
    installed.env["ALPHA_DESK_API_KEY"] = "hush"
    checked = installed.run("dsm_core", "config", "show", "--config", "dsm.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "hush" not in checked.stdout
    assert "https://api.venue.example" in checked.stdout


def test_the_files_are_printed_and_what_comes_next_is_said(tmp_path: Path) -> None:
    result = new_provider("alpha_desk", tmp_path / "deep" / "down")
    written = [Path(line) for line in result.stdout.splitlines()]
    found = (tmp_path / "deep" / "down").rglob("*")
    assert set(written) == {path for path in found if path.is_file()}
    assert "pip install -e '.[test]'" in result.stderr


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Alpha-Desk", "'alpha_desk'"),
        ("dsm-kraken", "'kraken'"),
        ("a__b", "'a_b'"),
        ("../evil", "'evil'"),
        ("3x", "'x'"),
        ("a" * 31, "'aaa"),
        ("a\n", "'a'"),
        ("", "30 characters."),
        ("größe", "letters"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_one_that_can(
    name: str, better: str, tmp_path: Path
) -> None:
    with pytest.raises(RequestError) as caught:
        ProviderName.of(name)
    assert better in str(caught.value)
    result = new_provider(name, tmp_path)
    assert (result.exit_code, result.stdout) == (4, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "who"), [("binance", "dsm-binance"), ("core", "dsm-core")])
def test_a_name_that_somebody_has_is_refused_naming_who(name: str, who: str, tmp_path: Path) -> None:
    with pytest.raises(PluginConflictError, match=who):
        check_free(ProviderName.of(name))
    assert new_provider(name, tmp_path).exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_a_module_of_that_name_is_not_shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dsm_taken.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginConflictError, match="module dsm_taken"):
        check_free(ProviderName.of("taken"))


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "dsm-quay" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    result = new_provider("quay", tmp_path)
    assert result.exit_code == 4
    assert "is there already" in result.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["dsm-quay", "notes.txt"]


def test_a_package_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = new_provider("quay", tmp_path / "file")
    assert result.exit_code == 2
    result = new_provider("quay", tmp_path / "file" / "below")
    assert result.exit_code == 1
    assert "file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
