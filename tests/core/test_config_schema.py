"""The JSON Schema and the check of a configuration say the same."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.settings_classes import Every, Needy
from dsm_core.config import (
    CacheConfig,
    DefaultsConfig,
    HttpConfig,
    check_config,
    json_schema,
    load_config,
)
from dsm_core.config.described import Key, keys_of

SECTIONS = {"every": Every, "needy": Needy, "plain": None}
SCHEMA = json_schema(SECTIONS)


def is_valid(config: Any) -> bool:
    return Draft202012Validator(SCHEMA).is_valid(config)


def is_right(config: Any) -> bool:
    return check_config(config, SECTIONS, env={}) == []


def every(**keys: Any) -> dict[str, Any]:
    return {"providers": {"every": keys}}


GOOD: list[dict[str, Any]] = [
    {},
    {"cache": None, "defaults": None, "providers": None},
    {"cache": {"dir": "data", "read_from": ["a", "b"], "enabled": False}},
    {"cache": {"dir": None}, "offline": "${OFF:-true}"},
    {"defaults": {"provider": "every", "deadline_s": None, "max_wait_s": 0, "on_gaps": "raise_any"}},
    {"defaults": {"provider": None, "market_type": "spot", "chart_type": "klines"}},
    {"http": {"retry_count": 0, "max_concurrent": "${N:-3}", "user_agent": None, "state_dir": "s"}},
    {"http": {"max_concurrent_downloads": None, "connect_timeout_s": 1}},
    {"providers": {"every": None, "plain": None}},
    {"providers": {"needy": {"client_id": "me", "client_secret": "${S:-x}"}}},
    every(sources="rest"),
    every(sources=["rest", "files"]),
    every(sources="${UNSET:-rest}"),
    every(endpoints={"api": "http://x"}),
    every(endpoints={"api": ["http://x", "https://${HOST:-y}/z"]}),
    every(pages={"rows": 5000, "pause_s": 1}),
    every(pages=None),
    every(mode="careful", tier="pro", side="ask"),
    every(mode="${M:-fast}"),
    every(folder="x", token="t", retries=3, verify=False),
    every(folder=None, token=None, retries=None, verify="${V:-true}"),
    every(weights={"a": 1, "b": 2.5}, pair=[1, "b"], steps=[1, 2], tags=["a"]),
    every(either=3, anything={"x": [1]}, host="h", size=3),
    every(either=["a"]),
    every(either="a"),
]
BAD: list[dict[str, Any]] = [
    {"cach": {}},
    {"cache": "data"},
    {"cache": {"dir": ""}},
    {"cache": {"dir": 5}},
    {"cache": {"read_from": "a"}},
    {"cache": {"enabled": "yes"}},
    {"offline": "yes"},
    {"offline": 1},
    {"offline": None},
    {"defaults": {"provider": "binanse"}},
    {"defaults": {"deadline_s": 0}},
    {"defaults": {"max_wait_s": -1}},
    {"defaults": {"max_wait_s": None}},
    {"defaults": {"on_gaps": "rise"}},
    {"http": {"retry_count": -1}},
    {"http": {"retry_count": 1.5}},
    {"http": {"retry_count": True}},
    {"http": {"max_concurrent": 0}},
    {"http": {"max_concurrent_downloads": 0}},
    {"http": {"user_agent": 5}},
    {"providers": []},
    {"providers": {"nobody": {}}},
    {"providers": {"plain": {"a": 1}}},
    {"providers": {"needy": None}},
    {"providers": {"needy": {"client_id": "me"}}},
    {"providers": {"needy": {"client_id": "me", "client_secret": 5}}},
    every(unknown=1),
    every(sources=[]),
    every(sources=["fils"]),
    every(sources=["rest", "rest"]),
    every(endpoints={"spot": "http://x"}),
    every(endpoints={"api": "ftp://x"}),
    every(endpoints={"api": []}),
    every(endpoints={"api": 5}),
    every(endpoints=None),
    every(pages={"rows": 0}),
    every(pages={"rows": 5001}),
    every(pages={"row": 1}),
    every(pages=[1]),
    every(mode="slow"),
    every(mode=None),
    every(tier="gold"),
    every(side="mid"),
    every(token=5),
    every(retries=-1),
    every(verify="true"),
    every(weights={"a": "b"}),
    every(weights=[1]),
    every(pair=[1]),
    every(pair=[1, 2]),
    every(pair=[1, "a", "b"]),
    every(steps=["a"]),
    every(tags="a"),
    every(either=1.5),
    every(host=1),
    every(size="1"),
]


def test_the_schema_is_one_of_its_dialect() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("config", GOOD, ids=str)
def test_what_a_check_accepts_is_valid(config: Any) -> None:
    assert is_right(config)
    assert is_valid(config)


@pytest.mark.parametrize("config", BAD, ids=str)
def test_what_a_check_refuses_is_invalid(config: Any) -> None:
    assert not is_right(config)
    assert not is_valid(config)


VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 5, 2.5, -0.5, 10**30, "", "a", "fast", "rest", "free", "ask", "x/y"),
    *("every", "https://x.example", "HTTPS://x", "https://", "https://:1", "http:///x", "ws://x"),
    *(
        [],
        ["a"],
        ["rest"],
        ["rest", "files"],
        [1],
        [1, "a"],
        {},
        {"a": 1},
        {"a": "b"},
        {"rows": 3},
        {"rows": 0},
    ),
    *(
        {"api": value}
        for value in ("https://x", "HTTP://x:1/y", "https://:1", "ftp://x", [], ["https://x", "x"])
    ),
]


@pytest.mark.parametrize("key", list(keys_of(Every)), ids=lambda key: str(key.name))
def test_both_judge_any_value_of_a_key_alike(key: Key) -> None:
    for value in VALUES:
        config = every(**{key.name: value})
        assert is_right(config) == is_valid(config), value


@pytest.mark.parametrize("section", [CacheConfig, DefaultsConfig, HttpConfig])
def test_both_judge_any_value_of_the_core_alike(section: type) -> None:
    name = section.__name__.removesuffix("Config").lower()
    for key in keys_of(section):
        for value in VALUES:
            config = {name: {key.name: value}}
            is_name = key.name in {"market_type", "chart_type"} and isinstance(value, str)
            assert is_name or is_right(config) == is_valid(config), (key.name, value)


def test_every_key_has_its_meaning_and_default() -> None:
    keys = SCHEMA["properties"]["providers"]["properties"]["every"]["properties"]
    assert keys["mode"]["description"] == "How fast; null is never written."
    assert keys["mode"]["default"] == "fast"
    assert keys["side"]["description"] == "Which prices."
    assert keys["tier"]["default"] == "free"
    assert keys["pages"]["description"] == "How pages are asked for."
    assert (keys["pages"]["properties"]["rows"]["minimum"], keys["retries"]["minimum"]) == (1, 0)
    assert keys["endpoints"]["properties"]["api"]["default"] == "https://api.example"
    needy = SCHEMA["properties"]["providers"]["properties"]["needy"]
    assert needy["required"] == ["client_id", "client_secret"]
    assert needy["properties"]["client_secret"]["writeOnly"]


def test_every_default_of_the_core_is_valid_and_means_the_default() -> None:
    sections = ("cache", "defaults", "http")
    told = {
        name: {key: says["default"] for key, says in SCHEMA["properties"][name]["properties"].items()}
        for name in sections
    }
    assert is_valid(told)
    config, usual = load_config(told, env={}), load_config({}, env={})
    assert [getattr(config, name) for name in sections] == [getattr(usual, name) for name in sections]
