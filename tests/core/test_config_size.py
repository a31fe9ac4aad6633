"""Sizes as people write them, in a file, a variable and an argument."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsm_core import DataSourceManager
from dsm_core.config import check_config, json_schema, load_config, parse_bytes
from dsm_core.errors import ConfigError, RequestError
from dsm_core.plugins import Registry


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        (1, 1),
        ("1", 1),
        ("20GB", 20 * 10**9),
        ("20 gb", 20 * 10**9),
        ("20G", 20 * 10**9),
        ("1.5TB", 1_500_000_000_000),
        ("500 MiB", 500 * 2**20),
        ("2gib", 2**31),
        (" 10kB ", 10_000),
        ("0.001kB", 1),
        (2**62, 2**62),
    ],
)
def test_a_size_is_read(text: int | str, bytes_: int) -> None:
    assert parse_bytes(text) == bytes_


@pytest.mark.parametrize(
    "wrong",
    ["", "GB", "-1", "20 XB", "1e9", "٢GB", "1,000", "20GBs", "0", "0.1", 0, -5, True, 2**63, "9" * 19, 1.5],
)
def test_what_is_no_size_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="must be a size"):
        parse_bytes(wrong)


@pytest.mark.parametrize(
    "large",
    [10**40, 2**63, 10**5000, "9" * 19, "99999999999999999999 GB", "9" * 5000],
    ids=range(6),
)
def test_what_is_too_large_is_told_so(large: int | str) -> None:
    with pytest.raises(ValueError, match=r"must be a size below 2\*\*63 bytes: .* is too large"):
        parse_bytes(large)


@pytest.mark.parametrize("said", [1_000_000, "1MB", "1 mb"])
def test_every_layer_takes_a_size(said: int | str, tmp_path: Path) -> None:
    assert load_config({"cache": {"max_size": said}}, env={}).cache.max_bytes == 10**6
    other = load_config({"cache": {"max_size": "5GB"}}, env={"DSM_CACHE_MAX_SIZE": str(said)})
    assert other.cache.max_bytes == 10**6
    file = tmp_path / "dsm.yaml"
    file.write_text(f"cache: {{max_size: {said}}}\n")
    assert load_config(file, env={}).cache.max_bytes == 10**6
    config = {"cache": {"max_size": "5GB", "dir": str(tmp_path / "cache")}}
    with DataSourceManager(config=config, cache_max_size=said, registry=Registry.of()) as manager:
        assert manager._settings.cache_max_bytes == 10**6


def test_no_limit_is_the_default_and_can_be_said() -> None:
    assert load_config({}, env={}).cache.max_bytes is None
    assert load_config({"cache": {"max_size": None}}, env={}).cache.max_bytes is None
    limited = {"cache": {"max_size": "1GB"}}
    assert load_config(limited, env={"DSM_CACHE_MAX_SIZE": "none"}).cache.max_bytes is None


def test_a_variable_may_hold_it() -> None:
    config = {"cache": {"max_size": "${ROOM}"}}
    assert load_config(config, env={"ROOM": "3GB"}).cache.max_bytes == 3 * 10**9
    assert load_config(config, env={"ROOM": "3000"}).cache.max_bytes == 3000


@pytest.mark.parametrize("wrong", ["much", 0, -1, "0GB"])
def test_a_wrong_size_is_told_with_its_place(wrong: int | str) -> None:
    (problem,) = check_config({"cache": {"max_size": wrong}}, {}, env={})
    assert str(problem).startswith("config: cache.max_size: must be a size")
    with pytest.raises(RequestError, match="cache_max_size must be a size"):
        DataSourceManager(cache_max_size=wrong)


def test_a_wrong_variable_is_told_by_name() -> None:
    with pytest.raises(ConfigError, match="DSM_CACHE_MAX_SIZE: 'much' is not a size; set one such as 20GB"):
        load_config({}, env={"DSM_CACHE_MAX_SIZE": "much"})


def test_the_schema_knows_the_form() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema({})
    for said in (5, "20GB", "1.5 tib", "${ROOM}", None):
        jsonschema.validate({"cache": {"max_size": said}}, schema)
    for wrong in (0, "much", True, 1.5):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"cache": {"max_size": wrong}}, schema)
