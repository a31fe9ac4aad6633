"""`dsm config` and `dsm cache`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.running import Run, Shell

DAY = ("get", "BTCUSDT", "1h", "--market", "spot", "--start", "2024-03-01", "--end", "2024-03-01")


def test_config_path_prints_the_file(run: Run, place: Path) -> None:
    assert run("config", "path").stdout == f"{place / 'dsm.yaml'}\n"


def test_config_path_prints_nothing_where_there_is_no_file(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "dsm.yaml").unlink()
    monkeypatch.delenv("DSM_CONFIG")
    for name in ("HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(place / "home"))
    result = run("config", "path")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no configuration file" in result.stderr
    assert run("config", "check").stdout == "no configuration file: the defaults are fine\n"


def test_config_check_names_a_file_that_is_fine(run: Run, place: Path) -> None:
    result = run("config", "check")
    assert (result.exit_code, result.stdout) == (0, f"{place / 'dsm.yaml'}: fine\n")


def test_config_check_reads_the_file_that_is_named(run: Run, place: Path) -> None:
    (place / "other.yaml").write_text("offline: perhaps\n")
    result = run("config", "check", "--config", "other.yaml")
    assert result.exit_code == 4
    assert result.stdout.startswith("other.yaml:1: offline: ")


def test_config_check_tells_of_a_variable_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_OFFLINE", "perhaps")
    result = run("config", "check")
    assert result.exit_code == 4
    assert result.stdout.startswith("environment: DSM_OFFLINE: 'perhaps' is not a switch")


def test_config_check_tells_of_a_broken_provider_and_of_the_rest(shell: Shell, place: Path) -> None:
    info = place / "site" / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dsm.providers]\nacme = acme_broken\n")
    (place / "site" / "acme_broken.py").write_text("raise RuntimeError('out of order')\n")
    (place / "dsm.yaml").write_text("offline: perhaps\nproviders: {acme: {key: 1}, binance: {}}\n")
    done = shell("config", "check", PYTHONPATH=str(place / "site"))
    assert done.returncode == 4
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("dsm.yaml:1: offline")
    assert done.stderr.startswith("error: acme 1.0 (provider 'acme') failed to import")


def test_cache_ls_of_no_cache_is_empty(run: Run) -> None:
    result = run("cache", "ls")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 series" in result.stderr


def test_cache_ls_lists_each_series(run: Run, place: Path) -> None:
    run(*DAY)
    run("get", "ETHUSDT", "1m", "--market", "um", *DAY[5:])
    lines = run("cache", "ls").stdout.splitlines()
    assert lines[0].split() == ["series", "files", "rows", "size", "first", "(UTC)", "last", "(UTC)"]
    assert [line.split()[0] for line in lines[1:]] == [
        "binance/futures_usdt/klines/ETHUSDT/1m",
        "binance/spot/klines/BTCUSDT/1h",
    ]
    [held] = [
        series
        for series in json.loads(run("cache", "ls", "--format", "json").stdout)
        if series["series"].startswith("binance/spot")
    ]
    assert (held["rows"], held["first"]) == (24, "2024-03-01T00:00:00+00:00")


def test_cache_ls_looks_where_the_configuration_says(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*DAY, "--cache-dir", "other")
    monkeypatch.delenv("DSM_CACHE_DIR")
    (place / "dsm.yaml").write_text("cache: {dir: other}\n")
    assert "binance/spot/klines/BTCUSDT/1h" in run("cache", "ls").stdout


def test_cache_verify_finds_every_file_whole(run: Run) -> None:
    run(*DAY)
    result = run("cache", "verify")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 file, 0 damaged" in result.stderr


def test_cache_verify_prints_a_damaged_file_and_exits_with_3(run: Run, place: Path) -> None:
    run(*DAY)
    [file] = (place / "cache").rglob("*.arrow")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    result = run("cache", "verify")
    assert result.exit_code == 3
    assert result.stdout.startswith(f"{file}: ")
    assert len(result.stdout.splitlines()) == 1
    assert "1 file, 1 damaged" in result.stderr
    assert file.exists()


def test_get_heals_a_damaged_file_and_warns_of_it(run: Run, shell: Shell, place: Path) -> None:
    run(*DAY)
    [file] = (place / "cache").rglob("*.arrow")
    file.write_bytes(b"x" * 100)
    done = shell(*DAY, "--format", "csv")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 25
    assert done.stderr.startswith(f"warning: Cache file {file}")
    assert run("cache", "verify").exit_code == 0
