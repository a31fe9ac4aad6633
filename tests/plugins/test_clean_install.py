"""In a clean environment a provider is found once it is installed, and broken ones hurt nobody else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.fake_dists import plugin_code
from dsm_binance.emulator import Emulator
from dsm_core.testing import LoopbackServer, Request
from plugins.clean_venv import Clean, build_wheels, write_wheel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")

GET = (
    "get",
    "BTCUSDT",
    "1h",
    "--start",
    "2024-01-01",
    "--end",
    "2024-01-01",
    "--provider",
    "binance",
    "--market",
    "spot",
)
BROKEN = {
    "dsm-raising": ("raising", "raise RuntimeError('no licence file')"),
    "dsm-quitting": ("quitting", "import os, sys; print('noise'); sys.exit(7)"),
    "dsm-misspelt": ("misspelt", plugin_code("misspelt").replace("dsm_provider", "dsm_provder")),
    "dsm-unmarked": ("unmarked", plugin_code("unmarked").replace("@hookimpl", "")),
    "dsm-newer": ("newer", plugin_code("newer").replace("clients=", "api=2, clients=")),
}
TOLD = {
    "dsm-raising 1.5": "no licence file",
    "dsm-quitting 1.5": "SystemExit",
    "dsm-misspelt 1.5": "Did you mean dsm_provider",
    "dsm-unmarked 1.5": "@hookimpl",
    "dsm-newer 1.5": "plugin API 2",
    "dsm-first 0.1": "dsm-second 0.2",
}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build_wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Clean:
    return Clean.make(tmp_path_factory.mktemp("clean"), wheels)


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Clean:
    """The same with five packages each broken in its own way, two that claim one name, and ruins."""
    folder = tmp_path_factory.mktemp("broken")
    more = [
        write_wheel(folder, dist, "1.5", {name: f"{name}_m"}, {f"{name}_m": code})
        for dist, (name, code) in BROKEN.items()
    ]
    more += [
        write_wheel(folder, dist, version, {"twin": module}, {module: plugin_code("twin")})
        for dist, version, module in (("dsm-first", "0.1", "first_m"), ("dsm-second", "0.2", "second_m"))
    ]
    made = Clean.make(folder, [*wheels, *more])
    for name, entries in (("torn", b"torn = torn"), ("garbled", b"\xff\xfe = x")):
        # Left by an uninstall that was cut short, or by a disk that was full.
        ruin = made.packages / f"dsm_{name}-1.0.dist-info"
        ruin.mkdir()
        groups = (b"[dsm.providers]", b"[dsm.commands]", b"[dsm.observers]")
        (ruin / "entry_points.txt").write_bytes(b"".join(group + b"\n" + entries + b"\n" for group in groups))
    return made


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def settings(venue: Emulator, tmp_path: Path) -> dict[str, str]:
    """Environment of `dsm` that leads to the emulator and a cache of its own."""
    http = {"state_dir": str(tmp_path / "state")}
    content = {"http": http, "providers": {"binance": {"endpoints": dict(venue.endpoints)}}}
    (tmp_path / "dsm.yaml").write_text(json.dumps(content), encoding="utf-8")
    return {"DSM_CONFIG": str(tmp_path / "dsm.yaml"), "DSM_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Clean:
    """What `pip install dsm-tradestation` gives: core, the provider, and none of its extras."""
    extras = ("pandas_market_calendars", "exchange_calendars", "keyring", "aiohttp", "secretstorage")
    wanted = [wheel for wheel in wheels if not wheel.name.startswith("dsm_binance")]
    return Clean.make(tmp_path_factory.mktemp("alone"), wanted, without=extras)


def names(clean: Clean) -> list[str]:
    shown = clean.dsm("providers", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    found: list[dict[str, Any]] = json.loads(shown.stdout)
    return sorted(p["name"] for p in found)


def made_up_venue(request: Request) -> Any:
    """What the README of a written package says of its venue."""
    if request.path == "/v1/time":
        return {"time": 1_718_452_800_000}
    assert (request.params["symbol"], request.params["bar"]) == ("ABC", "1day")
    first, last = int(request.params["from"]), int(request.params["to"])
    opens = [t for t in (1_704_067_200_000, 1_704_153_600_000) if first <= t <= last]
    return {"error": None, "bars": [[t, "10.1", "10.4", "9.9", "10.2", "153.7"] for t in opens]}


def test_a_new_provider_is_there_once_it_is_installed_and_gone_without_a_trace(
    clean: Clean, tmp_path: Path
) -> None:
    before = clean.files()
    assert names(clean) == ["binance", "tradestation"]
    written = clean.dsm("new-provider", "vault", "--into", str(tmp_path))
    assert written.returncode == 0, written.stderr
    clean.pip("install", "--no-deps", str(tmp_path / "dsm-vault"))
    assert names(clean) == ["binance", "tradestation", "vault"]
    with LoopbackServer(made_up_venue) as venue:
        content = {
            "cache": {"dir": str(tmp_path / "cache")},
            "http": {"state_dir": str(tmp_path / "state")},
            "providers": {"vault": {"endpoints": {"api": venue.url}}},
        }
        (tmp_path / "dsm.yaml").write_text(json.dumps(content), encoding="utf-8")
        asked = ("get", "ABC", "1d", "--start", "2024-01-01", "--end", "2024-01-02", "--provider", "vault")
        used = clean.dsm(
            *asked, "--market", "spot", "--format", "csv", "--columns", "close",
            DSM_CONFIG=str(tmp_path / "dsm.yaml"),
        )  # fmt: skip
    assert used.stdout.splitlines() == [
        "open_time,close",
        "2024-01-01T00:00:00+00:00,10.2",
        "2024-01-02T00:00:00+00:00,10.2",
    ], used.stderr
    clean.uninstall("dsm-vault")
    assert names(clean) == ["binance", "tradestation"]
    assert clean.files() == before
    gone = clean.run("-c", "from dsm_core import DataProvider; DataProvider.VAULT")
    assert "installed: binance, tradestation" in gone.stderr


def test_the_kit_of_a_new_provider_passes_on_wheels(clean: Clean, tmp_path: Path) -> None:
    assert clean.dsm("new-provider", "pier", "--into", str(tmp_path)).returncode == 0
    package = tmp_path / "dsm-pier"
    clean.pip("install", "--no-deps", str(package))
    try:
        ended = clean.run("-m", "pytest", "-q", "-c", str(package / "pyproject.toml"), str(package / "tests"))
    finally:
        clean.uninstall("dsm-pier")
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


def test_broken_neighbours_leave_the_answer_of_another_provider_untouched(
    clean: Clean, broken: Clean, tmp_path: Path, settings: dict[str, str]
) -> None:
    alone = clean.dsm(*GET, **settings)
    assert alone.returncode == 0, alone.stderr
    assert "24 rows" in alone.stderr
    among = broken.dsm(*GET, **settings | {"DSM_CACHE_DIR": str(tmp_path / "other")})
    assert (among.returncode, among.stdout) == (0, alone.stdout)
    assert "noise" not in among.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("--version",),
        ("providers",),
        ("config", "path"),
        ("cache", "ls"),
        ("explain", *GET[1:]),
        ("providers", "binance"),
    ],
    ids=" ".join,
)
def test_every_command_works_among_broken_neighbours(
    broken: Clean, settings: dict[str, str], command: tuple[str, ...]
) -> None:
    ended = broken.dsm(*command, **settings)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_broken_are_listed_by_metadata_and_named_with_what_ails_them(
    broken: Clean, settings: dict[str, str]
) -> None:
    listed = broken.dsm("providers", **settings).stdout
    assert "noise" not in listed
    for distribution in (*BROKEN, "dsm-first", "dsm-second", "dsm-binance", "dsm-tradestation"):
        assert distribution in listed
    told = broken.dsm("doctor", "--offline", **settings)
    assert told.returncode != 0
    for who, what in TOLD.items():
        assert who in told.stdout + told.stderr
        assert what in told.stdout + told.stderr
    found = broken.run(
        "-c",
        "from dsm_core.plugins.discovery import check_installed\n"
        "print(*(f.distribution for f in check_installed() if f.is_sound), sep='\\n')",
    )
    assert sorted(found.stdout.split()) == ["dsm-binance", "dsm-tradestation", "noise"]


@pytest.mark.parametrize("name", ["raising", "misspelt", "newer", "twin"])
def test_using_a_broken_one_names_its_package_and_the_remedy(
    broken: Clean, settings: dict[str, str], name: str
) -> None:
    ended = broken.dsm("get", "X", "1h", "--last", "1d", "--provider", name, **settings)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    assert "uninstall" in ended.stderr
    assert ("dsm-first 0.1 and dsm-second 0.2" if name == "twin" else f"dsm-{name} 1.5") in ended.stderr


def one_day(request: Request) -> Any:
    """A TradeStation that has a single bar."""
    if request.path == "/oauth/token":
        return {"access_token": "some-access-token", "expires_in": 1200, "token_type": "Bearer"}
    assert request.headers["authorization"] == "Bearer some-access-token"
    wire = {"Open": "10", "High": "11.5", "Low": "9.5", "Close": "10.25", "TotalVolume": "70"}
    return {"Bars": [{**wire, "TimeStamp": "2024-07-03T17:00:00Z", "BarStatus": "Closed"}]}


def test_the_second_provider_works_alone_and_without_its_extras(alone: Clean, tmp_path: Path) -> None:
    assert names(alone) == ["tradestation"]
    absent = (
        "import importlib.util as u; print([u.find_spec(n) for n in ('keyring', 'aiohttp', 'dsm_binance')])"
    )
    assert alone.run("-c", absent).stdout.strip() == "[None, None, None]"
    with LoopbackServer(one_day) as venue:
        section = {
            "endpoints": {"api": venue.url, "signin": venue.url},
            "client_id": "some-key",
            "refresh_token": "some-refresh-token",
            "token_dir": str(tmp_path / "auth"),
        }
        content = {
            "cache": {"dir": str(tmp_path / "cache")},
            "http": {"state_dir": str(tmp_path / "state")},
            "providers": {"tradestation": section},
        }
        (tmp_path / "dsm.yaml").write_text(json.dumps(content), encoding="utf-8")
        asked = ("get", "MSFT", "1d", "--start", "2024-07-03", "--end", "2024-07-03", "--market", "equities")
        used = alone.dsm(
            *asked, "--format", "csv", "--columns", "close,volume", DSM_CONFIG=str(tmp_path / "dsm.yaml")
        )
    assert used.stdout.splitlines() == [
        "open_time,close,volume",
        "2024-07-03T00:00:00+00:00,10.25,70",
    ], used.stderr


def test_what_an_extra_brings_is_named_where_it_is_missed(alone: Clean) -> None:
    told = alone.dsm("emulate", "tradestation")
    assert told.returncode != 0
    assert "dsm-tradestation[emulator]" in told.stderr
    assert "Traceback" not in told.stderr
