"""`dsm doctor`: one line for each thing that a call needs, and the exit code tells."""

from __future__ import annotations

import json
import platform
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from cli.running import Run, Shell, write_config
from core.fake_dists import plugin_code, write_dist
from dsm_binance.emulator import Emulator, Fault
from dsm_core import __version__
from dsm_core.cache.paths import series_folder
from dsm_core.model.series import SeriesKey

DAY = ("get", "BTCUSDT", "1h", "--market", "spot", "--start", "2024-03-01", "--end", "2024-03-01")


@pytest.fixture
def own(place: Path) -> Iterator[Emulator]:
    """A venue of the test's own, with two spot hosts."""
    with Emulator(spot_hosts=2) as running:
        write_config(place, running.endpoints)
        yield running


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody answers."""
    with socket.socket() as taken:
        # Bound and not listening: no other process gets the port meanwhile.
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def lines_of(text: str) -> list[tuple[str, str, str]]:
    """Status, name and the rest of each line."""
    rows = []
    for line in text.splitlines():
        status, rest = line.split(maxsplit=1)
        name, _, detail = rest.partition(": ")
        rows.append((status, name, detail))
    return rows


def of(text: str, name: str) -> list[tuple[str, str]]:
    return [(status, detail) for status, found, detail in lines_of(text) if found == name]


def test_where_all_is_well_every_line_is_ok(run: Run, own: Emulator) -> None:
    result = run("doctor")
    assert result.exit_code == 0
    assert {status for status, _, _ in lines_of(result.stdout)} == {"ok"}
    assert {name for _, name, _ in lines_of(result.stdout)} >= {
        "provider binance",
        "command demo",
        "command import vision",
        "configuration",
        "binance credentials",
        "cache folder",
        "cache room",
        "damaged cache files",
        "binance clock of spot",
        "binance clock of futures_usdt",
        "binance clock of futures_coin",
        "binance endpoint vision",
        "binance endpoint listing",
        "binance endpoint spot",
        "binance endpoint um",
        "binance endpoint cm",
    }
    assert result.stderr.endswith(" ok, 0 warning, 0 failed\n")


def test_each_address_gets_one_cheap_request(run: Run, own: Emulator) -> None:
    run("doctor")
    assert sorted((request.method, request.path) for request in own.requests) == [
        ("GET", "/cm/dapi/v1/time"),
        ("GET", "/spot/api/v3/time"),
        ("GET", "/um/fapi/v1/time"),
        ("HEAD", "/listing"),
        ("HEAD", "/spot2"),
        ("HEAD", "/vision"),
    ]


def test_nothing_is_made_where_there_is_no_cache(run: Run, own: Emulator, place: Path) -> None:
    result = run("doctor")
    assert of(result.stdout, "cache folder") == [("ok", f"{place / 'cache'}, made when it is needed")]
    assert not (place / "cache").exists()


@pytest.mark.parametrize(
    ("off", "status", "detail", "code"),
    [
        (timedelta(days=3), "failed", "this machine's clock is 3.0 days behind the venue's.", 1),
        (
            timedelta(hours=-7, minutes=-30),
            "failed",
            "this machine's clock is 7.5 hours ahead of the venue's.",
            1,
        ),
        (timedelta(seconds=-20), "warning", "ahead of the venue's.", 0),
    ],
)
def test_a_wrong_clock_is_told_with_its_size(
    run: Run, own: Emulator, off: timedelta, status: str, detail: str, code: int
) -> None:
    own.clock.advance(off)
    result = run("doctor")
    assert result.exit_code == code
    for market in ("spot", "futures_usdt", "futures_coin"):
        [(told, text)] = of(result.stdout, f"binance clock of {market}")
        assert told == status
        assert detail in text
        assert text.endswith("Let the system keep its clock by the network (NTP).")


def test_a_dead_address_fails_where_no_other_answers(
    run: Run, own: Emulator, place: Path, nobody: str
) -> None:
    spot = own.endpoints["spot"][0]
    dead = nobody.replace("://", "://ann:hunter2@")
    write_config(place, {**own.endpoints, "vision": dead, "spot": [spot, nobody], "um": nobody})
    result = run("doctor")
    assert result.exit_code == 1
    remedy = "Check the network, proxies and providers.binance.endpoints."
    [(status, text)] = of(result.stdout, "binance endpoint vision")
    assert (status, text.startswith(nobody.replace("://", "://***@")), text.endswith(remedy)) == (
        "failed",
        True,
        True,
    )
    (first, _), (other, told) = of(result.stdout, "binance endpoint spot")
    assert (first, other) == ("ok", "warning")
    assert "Another address answers." in told
    assert of(result.stdout, "binance endpoint um")[0][0] == "failed"
    assert of(result.stdout, "binance clock of futures_usdt")[0][0] == "failed"
    assert of(result.stdout, "binance clock of spot")[0][0] == "ok"
    assert "hunter2" not in result.output


def test_an_address_that_refuses_or_fails_is_reached_and_warned_of(run: Run, own: Emulator) -> None:
    own.add_fault(Fault("451", match="HEAD /vision", times=None))
    own.add_fault(Fault("503", match="HEAD /listing", times=None))
    result = run("doctor")
    assert result.exit_code == 0
    [(status, detail)] = of(result.stdout, "binance endpoint vision")
    assert (status, "HTTP 451" in detail, "It refuses this client" in detail) == ("warning", True, True)
    [(status, detail)] = of(result.stdout, "binance endpoint listing")
    assert (status, "HTTP 503" in detail, "It is in trouble" in detail) == ("warning", True, True)


@pytest.mark.parametrize("kind", ["429", "malformed", "html"])
def test_a_clock_that_cannot_be_read_fails(run: Run, own: Emulator, kind: str) -> None:
    own.add_fault(Fault(kind, match="dapi/v1/time", times=None))
    result = run("doctor")
    assert result.exit_code == 1
    assert [status for status, _ in of(result.stdout, "binance clock of futures_coin")] == ["failed"]
    assert [status for status, _ in of(result.stdout, "binance clock of spot")] == ["ok"]


def test_offline_nothing_is_sent(run: Run, own: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of(run("doctor", "--offline").stdout, "network") == [("ok", "not checked: offline")]
    monkeypatch.setenv("DSM_OFFLINE", "1")
    assert of(run("doctor").stdout, "network") == [("ok", "not checked: offline")]
    assert own.requests == []


def test_every_mistake_of_the_configuration_is_a_line(run: Run, place: Path) -> None:
    (place / "dsm.yaml").write_text("cash: {}\nproviders:\n  binance: {sources: [vison]}\n")
    result = run("doctor")
    assert result.exit_code == 1
    told = of(result.stdout, "configuration")
    assert [status for status, _ in told] == ["failed", "failed"]
    assert [detail.split(": ")[1] for _, detail in told] == ["cash", "providers.binance.sources"]
    assert of(result.stdout, "binance network")[0][0] == "warning"


def test_what_is_right_in_a_wrong_file_is_heeded(run: Run, place: Path) -> None:
    (place / "dsm.yaml").write_text("offline: true\ncash: {}\ncache: {enabled: false}\n")
    result = run("doctor")
    assert of(result.stdout, "network") == [("ok", "not checked: offline")]
    assert of(result.stdout, "cache") == [("ok", "switched off (cache.enabled)")]


@pytest.mark.parametrize("text", ["a: [", "- a", "\x00"])
def test_a_file_that_cannot_be_read_hinders_no_other_check(run: Run, place: Path, text: str) -> None:
    (place / "dsm.yaml").write_text(text)
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    assert of(result.stdout, "configuration")[0][0] == "failed"
    assert of(result.stdout, "cache folder")[0][0] == "ok"


def test_a_variable_that_names_no_file_is_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_CONFIG", "gone.yaml")
    result = run("doctor", "--offline")
    assert result.exit_code == 1
    [(status, detail)] = of(result.stdout, "configuration")
    assert (status, detail.startswith("environment: DSM_CONFIG: 'gone.yaml' does not exist;")) == (
        "failed",
        True,
    )


def test_a_cache_that_cannot_be_written_fails(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").write_text("")
    for folder in ("file", "file/below"):
        monkeypatch.setenv("DSM_CACHE_DIR", folder)
        result = run("doctor", "--offline")
        assert result.exit_code == 1
        [(status, detail)] = of(result.stdout, "cache folder")
        assert status == "failed"
        assert "cache.dir in the configuration, or DSM_CACHE_DIR" in detail


def test_files_set_aside_and_caches_that_are_gone_are_warned_of(run: Run, own: Emulator, place: Path) -> None:
    run(*DAY)
    [file] = (place / "cache").rglob("*.arrow")
    file.write_bytes(b"x" * 100)
    run(*DAY)
    config = json.loads((place / "dsm.yaml").read_text())
    (place / "dsm.yaml").write_text(json.dumps({**config, "cache": {"read_from": ["gone"]}}))
    result = run("doctor")
    assert result.exit_code == 0
    [(status, detail)] = of(result.stdout, "damaged cache files")
    assert status == "warning"
    assert detail.startswith(f"1 set aside, the first: {file}.corrupt. They serve no call")
    [(status, detail)] = of(result.stdout, "cache to read from")
    assert (status, detail.startswith(f"{place / 'gone'} cannot be read")) == ("warning", True)


def test_files_of_which_nobody_knows_the_series_are_not_promised_to_come_back(
    run: Run, own: Emulator, place: Path
) -> None:
    run(*DAY)
    [file] = (place / "cache").rglob("*.arrow")
    key = evolve(SeriesKey.parse("binance/spot/klines/BTCUSDT/1h"), symbol="X" * 200)
    folder = place / "cache" / series_folder(key)
    folder.mkdir(parents=True)
    (folder / f"{file.name}.corrupt").write_bytes(b"x" * 100)
    [(status, detail)] = of(run("doctor", "--offline").stdout, "damaged cache files")
    assert status == "warning"
    assert "1 set aside; of 1 no file tells which series it was" in detail
    assert "`dsm prefetch`" in detail


def test_the_versions_that_a_report_needs_are_told(run: Run, own: Emulator) -> None:
    told = run("doctor", "--offline").stdout
    assert of(told, "dsm-core") == [("ok", __version__)]
    [(status, detail)] = of(told, "python")
    assert (status, detail.split(",")[0]) == ("ok", f"CPython {platform.python_version()}")
    checks = json.loads(run("doctor", "--offline", "--json").stdout)["checks"]
    assert {check["name"]: check["detail"] for check in checks}["dsm-core"] == __version__


def test_a_cache_that_is_switched_off_is_not_looked_at(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_CACHE_ENABLED", "no")
    told = [row for row in lines_of(run("doctor", "--offline").stdout) if "cache" in row[1]]
    assert told == [("ok", "cache", "switched off (cache.enabled)")]


def test_the_same_comes_as_json(run: Run, own: Emulator, place: Path) -> None:
    result = run("doctor", "--json")
    told = json.loads(result.stdout)
    assert told["ok"]
    assert {
        "name": "configuration",
        "status": "ok",
        "detail": str(place / "dsm.yaml"),
        "remedy": None,
    } in told["checks"]
    own.clock.set(datetime(2024, 1, 1, tzinfo=UTC))
    result = run("doctor", "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (1, False)


ENTRIES = "[dsm.commands]\nimport.acme = acme_gone:command\n[dsm.observers]\nacme = acme_gone\n"
BROKEN: Mapping[str, tuple[str, str]] = {
    "raises": ("raise RuntimeError('out of order')", "out of order"),
    "slip": (plugin_code("slip") + "\n@hookimpl\ndef dsm_providr(): ...\n", "dsm_providr"),
    "newer": (plugin_code("newer").replace("sources=", "api=99, sources="), "99"),
    "older": (plugin_code("older").replace("sources=", "api=0, sources="), "0"),
}


def test_broken_plugins_are_named_with_version_and_remedy_and_hurt_nobody(
    shell: Shell, own: Emulator, place: Path
) -> None:
    site = place / "site"
    for name, (code, _) in BROKEN.items():
        write_dist(site, f"dsm-{name}", "3.1", providers={name: f"{name}_mod"}, modules={f"{name}_mod": code})
    for place_of in ("dsm-one", "dsm-two"):
        module = place_of.replace("-", "_")
        write_dist(site, place_of, providers={"twin": module}, modules={module: plugin_code("twin")})
    commands = site / "acme-1.0.dist-info"
    commands.mkdir()
    (commands / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (commands / "entry_points.txt").write_text(ENTRIES)
    done = shell("doctor", PYTHONPATH=str(site))
    assert done.returncode == 1
    for name, (_, reason) in BROKEN.items():
        [(status, detail)] = of(done.stdout, f"provider {name}")
        assert status == "failed"
        assert f"dsm-{name} 3.1" in detail
        assert reason in detail
        assert f"dsm-{name}" in detail.rpartition(". ")[2]
    for status, detail in of(done.stdout, "provider twin"):
        assert status == "failed"
        assert "dsm-one 1.0" in detail
        assert "dsm-two 1.0" in detail
    assert of(done.stdout, "command import acme")[0][0] == "failed"
    [(status, detail)] = of(done.stdout, "observer acme")
    assert (status, detail.startswith("acme 1.0: ModuleNotFoundError")) == ("failed", True)
    assert of(done.stdout, "provider binance")[0][0] == "ok"
    assert of(done.stdout, "binance clock of spot")[0][0] == "ok"
    assert shell(*DAY, "--provider", "binance", "--format", "csv", PYTHONPATH=str(site)).returncode == 0


DESK = """
from attrs import frozen
from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError

@frozen
class Config:
    client_secret: Secret
    spare: Secret | None = None

async def check(context):
    if context.config.client_secret.reveal() == "stale":
        raise AuthenticationError("The desk refuses the secret.", hint="Ask the desk for a new one.")
    if context.config.client_secret.reveal() == "odd":
        raise KeyError("token")
    if context.config.spare:
        raise ValueError(f"GET https://x?token=abcdef with {context.config.client_secret.reveal()}")
    return "mind the step" if context.config.client_secret.reveal() == "noted" else None

async def server_time(context, market_type):
    return "noon"
"""


@pytest.fixture
def desk(place: Path) -> str:
    """Folder for PYTHONPATH: a provider that wants a secret."""
    code = plugin_code("desk", DESK).replace("sources=", "config=Config, check=check, sources=")
    write_dist(place / "site", "dsm-desk", providers={"desk": "desk_mod"}, modules={"desk_mod": code})
    return str(place / "site")


def doctor_of_desk(shell: Shell, place: Path, desk: str, section: Any, *options: str) -> tuple[int, str]:
    providers = {} if section is None else {"desk": section}
    (place / "dsm.yaml").write_text(json.dumps({"providers": {**providers, "binance": NOWHERE}}))
    done = shell("doctor", *options, PYTHONPATH=desk, DESK_SECRET="hunter2")
    assert "hunter2" not in done.stdout + done.stderr
    return done.returncode, done.stdout


NOWHERE = {"endpoints": dict.fromkeys(("vision", "listing", "spot", "um", "cm"), "http://127.0.0.1:1")}


def test_a_provider_that_nobody_configured_is_a_warning(shell: Shell, place: Path, desk: str) -> None:
    _, text = doctor_of_desk(shell, place, desk, None, "--offline")
    [(status, detail)] = of(text, "desk credentials")
    assert status == "warning"
    assert detail == (
        "it is not configured and needs client_secret. "
        "Write providers.desk into the configuration; `dsm config init -` shows its keys."
    )


def test_credentials_that_serve_are_ok_and_those_left_out_are_named(
    shell: Shell, place: Path, desk: str
) -> None:
    _, text = doctor_of_desk(shell, place, desk, {"client_secret": "${DESK_SECRET}"})
    assert of(text, "desk credentials") == [("ok", "not set, and optional: spare")]
    assert of(text, "desk credentials in use") == [("ok", "they serve")]
    _, text = doctor_of_desk(shell, place, desk, {"client_secret": "noted"})
    assert of(text, "desk credentials in use") == [("ok", "they serve; mind the step")]


def test_a_secret_that_is_empty_or_missing_fails(shell: Shell, place: Path, desk: str) -> None:
    _, text = doctor_of_desk(shell, place, desk, {"client_secret": "${DESK_OTHER:-}"}, "--offline")
    [(status, detail)] = of(text, "desk credentials")
    assert (status, detail.startswith("empty: client_secret.")) == ("failed", True)
    _, text = doctor_of_desk(shell, place, desk, {"client_secret": "${DESK_OTHER}"}, "--offline")
    assert of(text, "desk credentials") == []
    assert "the environment variable DESK_OTHER is not set" in of(text, "configuration")[0][1]


def test_what_the_provider_s_own_check_raises_is_the_finding(shell: Shell, place: Path, desk: str) -> None:
    code, text = doctor_of_desk(shell, place, desk, {"client_secret": "stale"})
    assert code == 1
    assert of(text, "desk credentials in use") == [
        ("failed", "The desk refuses the secret. Ask the desk for a new one.")
    ]
    _, text = doctor_of_desk(shell, place, desk, {"client_secret": "odd"})
    [(status, detail)] = of(text, "desk credentials in use")
    assert status == "failed"
    assert detail.startswith("the provider's own code failed: KeyError: 'token' (")
    assert "desk_mod.py:" in detail


def test_a_provider_that_tells_a_secret_does_not_tell_it_here(shell: Shell, place: Path, desk: str) -> None:
    section = {"client_secret": "${DESK_SECRET}", "spare": "x"}
    _, text = doctor_of_desk(shell, place, desk, section)
    [(status, detail)] = of(text, "desk credentials in use")
    assert (status, "token=*** with ***" in detail) == ("failed", True)


def test_a_clock_that_tells_nonsense_is_the_finding(shell: Shell, place: Path) -> None:
    code = plugin_code("desk", DESK).replace("sources=", "server_time=server_time, sources=")
    write_dist(place / "site", "dsm-desk", providers={"desk": "desk_mod"}, modules={"desk_mod": code})
    _, text = doctor_of_desk(shell, place, str(place / "site"), None)
    [(status, detail)] = of(text, "desk clock of spot")
    assert (status, "the provider's own code failed: TypeError" in detail) == ("failed", True)
