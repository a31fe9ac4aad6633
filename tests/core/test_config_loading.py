"""Where the configuration comes from, and which layer wins."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dsm_core.config import (
    CacheConfig,
    DefaultsConfig,
    DSMConfig,
    HttpConfig,
    default_cache_dir,
    find_config_file,
    load_config,
)
from dsm_core.errors import ConfigError


@pytest.fixture(autouse=True)
def user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own configuration and cache stay out of the tests."""
    folder = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: folder / "config")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder / "cache")
    return folder


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_every_value_is_the_default(tmp_path: Path) -> None:
    assert load_config(env={}, cwd=tmp_path) == DSMConfig()


def test_the_file_is_looked_for_in_three_places_in_order(tmp_path: Path, user_folder: Path) -> None:
    assert find_config_file({}, tmp_path) is None
    last = write(user_folder / "config" / "dsm.yaml", "")
    assert find_config_file({}, tmp_path) == last
    second = write(tmp_path / "dsm.yaml", "")
    assert find_config_file({}, tmp_path) == second
    assert find_config_file({"DSM_CONFIG": ""}, tmp_path) == second
    first = write(tmp_path / "other.yaml", "")
    assert find_config_file({"DSM_CONFIG": "other.yaml"}, tmp_path) == first


def test_a_variable_that_names_a_missing_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "dsm.yaml", "")
    with pytest.raises(ConfigError, match=r"environment: DSM_CONFIG: 'gone.yaml' does not exist") as caught:
        load_config(env={"DSM_CONFIG": "gone.yaml"}, cwd=tmp_path)
    assert caught.value.details["problems"][0]["path"] == "DSM_CONFIG"


FULL = """
cache:
  dir: data
  read_from: [../shared, more]
  enabled: false
defaults: {provider: binance, market_type: spot, chart_type: klines, deadline_s: null, max_wait_s: 5,
           on_gaps: raise}
http:
  connect_timeout_s: 1
  read_timeout_s: 2.5
  retry_count: 0
  max_concurrent: 3
  max_concurrent_downloads: 4
  user_agent: desk/1
  state_dir: ~/state
offline: true
providers:
  binance: {sources: [rest]}
  empty:
"""


def test_every_key_of_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    path = write(tmp_path / "etc" / "dsm.yaml", FULL)
    config = load_config("etc/dsm.yaml", env={}, cwd=tmp_path)
    assert config.source == path
    assert config.cache == CacheConfig(
        dir=path.parent / "data", read_from=(path.parent / "../shared", path.parent / "more"), enabled=False
    )
    assert config.defaults == DefaultsConfig(
        provider="binance",
        market_type="spot",
        chart_type="klines",
        deadline_s=None,
        max_wait_s=5.0,
        on_gaps="raise",
    )
    assert config.http == HttpConfig(
        connect_timeout_s=1.0,
        read_timeout_s=2.5,
        retry_count=0,
        max_concurrent=3,
        max_concurrent_downloads=4,
        user_agent="desk/1",
        state_dir=tmp_path / "home" / "state",
    )
    assert config.offline
    assert config.providers["binance"].raw == {"sources": ["rest"]}
    assert config.providers["empty"].raw == {}


def test_a_mapping_reads_as_a_file_does_and_is_copied(tmp_path: Path) -> None:
    source = {
        "cache": {"dir": "data", "read_from": (tmp_path,)},
        "providers": {"binance": {"sources": ["rest"]}},
    }
    config = load_config(source, env={}, cwd=tmp_path)
    source["providers"]["binance"]["sources"].append("vision")
    assert config.cache == CacheConfig(dir=tmp_path / "data", read_from=(tmp_path,))
    assert config.section("binance").raw == {"sources": ["rest"]}
    assert config.source is None


def test_the_environment_wins_over_file_mapping_and_configuration(tmp_path: Path) -> None:
    env = {
        "DSM_CACHE_DIR": "elsewhere",
        "DSM_OFFLINE": "Yes",
        "DSM_PROVIDER": "tradestation",
        "DSM_MARKET_TYPE": "equities",
        "DSM_DEADLINE_S": "12.5",
        "DSM_MAX_WAIT_S": "0",
    }
    defaults = {
        "provider": "binance",
        "market_type": "spot",
        "deadline_s": 1,
        "max_wait_s": 1,
        "on_gaps": "ignore",
    }
    mapping = {"cache": {"dir": "data", "enabled": False}, "defaults": defaults, "offline": False}
    path = write(tmp_path / "dsm.yaml", json.dumps(mapping))
    expected_cache = CacheConfig(dir=tmp_path / "elsewhere", enabled=False)
    expected_defaults = DefaultsConfig(
        provider="tradestation", market_type="equities", deadline_s=12.5, max_wait_s=0.0, on_gaps="ignore"
    )
    for source in (None, path, mapping, load_config(mapping, env={}, cwd=tmp_path)):
        config = load_config(source, env=env, cwd=tmp_path)
        assert (config.cache, config.defaults, config.offline) == (expected_cache, expected_defaults, True)


def test_every_argument_of_a_manager_has_a_variable(tmp_path: Path) -> None:
    env = {
        "DSM_CHART_TYPE": "funding_rate",
        "DSM_CACHE_ENABLED": "no",
        "DSM_ON_GAPS": "ignore",
        "DSM_RETRY_COUNT": "0",
        "DSM_MAX_CONCURRENT": "3",
        "DSM_MAX_CONCURRENT_DOWNLOADS": "4",
    }
    mapping = {
        "cache": {"enabled": True},
        "defaults": {"chart_type": "klines", "on_gaps": "raise"},
        "http": {"retry_count": 9, "max_concurrent": 9, "max_concurrent_downloads": 9},
    }
    config = load_config(mapping, env=env, cwd=tmp_path)
    assert (config.defaults.chart_type, config.defaults.on_gaps) == ("funding_rate", "ignore")
    assert not config.cache.enabled
    http = config.http
    assert (http.retry_count, http.max_concurrent, http.max_concurrent_downloads) == (0, 3, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        (" on ", True),
        ("0", False),
        ("False", False),
        ("no", False),
    ],
)
def test_a_switch_is_read_in_every_usual_spelling(text: str, value: bool, tmp_path: Path) -> None:
    assert load_config({"offline": not value}, env={"DSM_OFFLINE": text}, cwd=tmp_path).offline is value


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("DSM_OFFLINE", "maybe", "set 1, true, yes or on"),
        ("DSM_DEADLINE_S", "soon", "set one such as 300, or none"),
        ("DSM_DEADLINE_S", "0", "above 0"),
        ("DSM_DEADLINE_S", "inf", "none for no limit"),
        ("DSM_MAX_WAIT_S", "-1", "set one such as 120"),
        ("DSM_MAX_WAIT_S", "nan", "set one such as 120"),
        ("DSM_RETRY_COUNT", "-1", "set one such as 5"),
        ("DSM_MAX_CONCURRENT", "0", "set one such as 8"),
        ("DSM_MAX_CONCURRENT_DOWNLOADS", "many", "set one such as 8"),
        ("DSM_ON_GAPS", "rise", "warn, raise, raise_any, ignore"),
        ("DSM_CACHE_ENABLED", "maybe", "set 1, true, yes or on"),
    ],
)
def test_a_wrong_variable_is_named_with_value_and_remedy(
    name: str, text: str, remedy: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({}, env={name: text}, cwd=tmp_path)
    assert str(caught.value).startswith(f"environment: {name}: '{text}' is not ")
    assert remedy in str(caught.value)


def test_an_empty_variable_counts_as_absent(tmp_path: Path) -> None:
    names = ("CONFIG", "CACHE_DIR", "OFFLINE", "PROVIDER", "MARKET_TYPE", "DEADLINE_S", "MAX_WAIT_S")
    env = {f"DSM_{name}": " " for name in names}
    assert load_config(env=env, cwd=tmp_path) == DSMConfig()


def test_a_deadline_of_none_in_the_environment_is_no_limit(tmp_path: Path) -> None:
    assert load_config({}, env={"DSM_DEADLINE_S": "none"}, cwd=tmp_path).defaults.deadline_s is None


def test_the_cache_folder_is_the_variable_then_the_configuration_then_the_platform(
    tmp_path: Path, user_folder: Path
) -> None:
    config = DSMConfig(cache=CacheConfig(dir=tmp_path / "data"))
    assert default_cache_dir(config, {"DSM_CACHE_DIR": str(tmp_path / "env")}) == tmp_path / "env"
    assert default_cache_dir(config, {"DSM_CACHE_DIR": ""}) == tmp_path / "data"
    assert default_cache_dir(DSMConfig(), {}) == user_folder / "cache"
    assert default_cache_dir(env={}) == user_folder / "cache"


def test_paths_given_as_text_become_paths() -> None:
    assert CacheConfig(dir="data", read_from="shared") == CacheConfig(
        dir=Path("data"), read_from=(Path("shared"),)
    )


def test_a_section_that_is_not_written_is_an_empty_one(tmp_path: Path) -> None:
    assert DSMConfig().section("binance").raw == {}
    section = load_config(write(tmp_path / "my.yaml", "{}"), env={}).section("binance")
    assert (section.raw, section.file, section.folder) == ({}, "my.yaml", tmp_path)


def test_the_import_is_cheap_and_defaults_need_no_yaml(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from dsm_core.config import DSMConfig, load_config\n"
        "assert load_config(DSMConfig(), env={}) == DSMConfig()\n"
        "late = {'ruamel.yaml', 'cattrs', 'platformdirs', 'difflib'}\n"
        "print(sorted(late & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == "[]"
