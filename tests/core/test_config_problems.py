"""Wrong keys and values: all at once, with their places."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest
from attrs import field, frozen
from attrs.validators import ge, in_
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dsm_core.config import DSMConfig, Problem, ProviderSection, Secret, check_config, load_config
from dsm_core.errors import ConfigError, PluginContractError


class Tier(enum.Enum):
    FREE = "free"
    PRO = "pro"


Host = NewType("Host", str)


class Level(enum.StrEnum):
    LOW = "low"


@frozen
class Endpoints:
    vision: tuple[str, ...] = ("https://data.example",)
    spot: tuple[str, ...] = ("https://api.example",)


@frozen
class Settings:
    sources: tuple[str, ...] = ("vision", "rest")
    endpoints: Endpoints = field(factory=Endpoints)
    max_concurrent_downloads: int = field(default=13, validator=ge(1))
    timeout_s: float | None = None
    mode: Literal["fast", "careful", 3] = "fast"
    folder: Path | None = None
    token: Secret | None = None
    weights: Mapping[str, tuple[str, ...]] = field(factory=dict)
    by_hour: dict[int, float] = field(factory=dict)
    pair: tuple[int, str] = (0, "")
    tags: frozenset[str] = frozenset()
    steps: list[int] = field(factory=list)
    either: int | tuple[str, ...] = 0
    tier: Tier = Tier.FREE
    verify: bool = True
    anything: Any = None
    level: Level = Level.LOW
    tiers: tuple[Tier, ...] = ()
    host: Host = Host("")
    size: Annotated[int, "bytes"] = 0


@frozen
class Credentials:
    client_id: str
    client_secret: Secret
    market: str = field(default="spot", validator=in_(["spot", "um"]))


def structure(raw: dict[str, Any], env: Mapping[str, str] | None = None) -> Settings:
    return load_config({"providers": {"x": raw}}, env=env or {}).section("x").structure(Settings)


FIVE_MISTAKES = """\
cach: {dir: /tmp}
defaults:
  max_wait_s: -3
  on_gaps: warm
providers:
  binance:
    sources: [vision, 5]
    endpoints: {vison: "https://mirror.example"}
    max_concurrent_downloads: 0
"""


def test_five_mistakes_are_reported_with_their_lines_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text(FIVE_MISTAKES)
    problems = check_config(None, {"binance": Settings}, env={}, cwd=tmp_path)
    assert [str(problem) for problem in problems] == [
        "dsm.yaml:1: cach: unknown key (did you mean 'cache'?)",
        "dsm.yaml:3: defaults.max_wait_s: must be a number of seconds, 0 or more, not -3.0",
        "dsm.yaml:4: defaults.on_gaps: expected one of 'warn', 'raise', 'raise_any', 'ignore', "
        "got text 'warm' (did you mean 'warn'?)",
        "dsm.yaml:7: providers.binance.sources[1]: expected text, got the number 5; put it in quotes",
        "dsm.yaml:8: providers.binance.endpoints.vison: unknown key (did you mean 'vision'?)",
        "dsm.yaml:9: providers.binance.max_concurrent_downloads: 'max_concurrent_downloads' must be >= 1: 0",
    ]


def test_the_error_has_a_line_for_each_problem_and_plain_details(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text(FIVE_MISTAKES)
    with pytest.raises(ConfigError) as caught:
        load_config(env={"DSM_OFFLINE": "maybe"}, cwd=tmp_path)
    problems = json.loads(json.dumps(caught.value.details["problems"]))
    assert str(caught.value).splitlines() == [str(Problem(**problem)) for problem in problems]
    assert [(problem["line"], problem["path"]) for problem in problems] == [
        (1, "cach"),
        (3, "defaults.max_wait_s"),
        (4, "defaults.on_gaps"),
        (None, "DSM_OFFLINE"),
    ]


def test_a_mapping_has_paths_but_no_lines() -> None:
    problems = check_config({"providers": {"x": {"mode": "slow"}}}, {"x": Settings}, env={})
    assert [str(problem) for problem in problems] == [
        "config: providers.x.mode: expected one of 'fast', 'careful', 3, got text 'slow'"
    ]


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        ({"sources": "rest"}, "sources", ("rest",)),
        ({"sources": []}, "sources", ()),
        ({"endpoints": None}, "endpoints", Endpoints()),
        ({"endpoints": {"spot": "https://a"}}, "endpoints", Endpoints(spot=("https://a",))),
        ({"timeout_s": 3}, "timeout_s", 3.0),
        ({"timeout_s": None}, "timeout_s", None),
        ({"mode": "careful"}, "mode", "careful"),
        ({"mode": 3}, "mode", 3),
        ({"folder": "/data"}, "folder", Path("/data").absolute()),
        ({"token": "abc"}, "token", Secret("abc")),
        ({"token": Secret("abc")}, "token", Secret("abc")),
        ({"weights": {"a": "x", "b": ["y", "z"]}}, "weights", {"a": ("x",), "b": ("y", "z")}),
        ({"by_hour": {"7": 1}}, "by_hour", {7: 1.0}),
        ({"pair": [1, "a"]}, "pair", (1, "a")),
        ({"tags": ["a", "a"]}, "tags", frozenset({"a"})),
        ({"steps": (1, 2)}, "steps", [1, 2]),
        ({"either": 5}, "either", 5),
        ({"either": "a"}, "either", ("a",)),
        ({"tier": "pro"}, "tier", Tier.PRO),
        ({"level": "low"}, "level", Level.LOW),
        ({"anything": {"a": [1]}}, "anything", {"a": [1]}),
        ({"host": "a"}, "host", "a"),
        ({"size": 3}, "size", 3),
    ],
)
def test_a_settings_class_gets_the_types_it_asks_for(raw: dict[str, Any], name: str, value: object) -> None:
    read = getattr(structure(raw), name)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"max_concurrent_downloads": True}, "expected a whole number, got true"),
        ({"max_concurrent_downloads": 5.0}, "expected a whole number, got the number 5.0"),
        ({"max_concurrent_downloads": "5"}, "expected a whole number, got text '5'"),
        ({"max_concurrent_downloads": None}, "expected a whole number, got nothing (null)"),
        ({"timeout_s": False}, "expected a number, got false"),
        ({"timeout_s": 10**400}, "expected a number, got the number 1000"),
        ({"verify": 1}, "expected true or false, got the number 1"),
        ({"verify": "yes"}, "expected true or false, got text 'yes'"),
        ({"mode": True}, "expected one of 'fast', 'careful', 3, got true"),
        ({"mode": "carefull"}, "(did you mean 'careful'?)"),
        ({"steps": "1"}, "expected a list, got text '1'; put it in [brackets]"),
        ({"steps": {"a": 1}}, "expected a list, got a mapping"),
        ({"steps": [1, "a"]}, "providers.x.steps[1]: expected a whole number"),
        ({"pair": [1]}, "expected a list of 2, got 1"),
        ({"weights": ["a"]}, "expected a mapping, got a list"),
        ({"weights": {"a": 5}}, "providers.x.weights.a: expected a list, got the number 5"),
        ({"by_hour": {"noon": 1}}, "providers.x.by_hour.noon: a key here is a whole number"),
        ({"endpoints": "https://a"}, "expected a mapping of keys, got text"),
        ({"folder": ""}, "a path must not be empty"),
        ({"folder": 5}, "expected a path, got the number 5"),
        ({"either": 1.5}, "expected a whole number or a list, got the number 1.5"),
        ({"tier": "gold"}, "providers.x.tier: text 'gold' is not one of the values it takes"),
        ({"level": "lo"}, "text 'lo' is not one of the values it takes (did you mean 'low'?)"),
        ({"level": 5}, "expected text, got the number 5"),
        (
            {"tiers": ["free", "prro"]},
            "x.tiers[1]: text 'prro' is not one of the values it takes (did you mean 'pro'?)",
        ),
        ({"sources": {1: 2}}, "providers.x.sources: a key must be text, not int"),
        ({"token": {"a": "hunter2"}}, "expected text, got a mapping"),
        ({"line\nbreak": 1}, "config: providers.x.'line\\nbreak': unknown key"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(raw: dict[str, Any], message: str) -> None:
    problems = check_config({"providers": {"x": raw}}, {"x": Settings}, env={})
    assert message in "\n".join(map(str, problems))
    assert all("\n" not in str(problem) for problem in problems)


def test_required_keys_and_every_validator_are_reported_together() -> None:
    section = ProviderSection(name="x", raw={"market": "margin", "client_secret": 17})
    assert [str(problem) for problem in section.check(Credentials)] == [
        "config: providers.x.market: 'market' must be in ['spot', 'um'] (got 'margin')",
        "config: providers.x.client_secret: expected text, got a number; put it in quotes",
        "config: providers.x.client_id: is required and missing",
    ]


def test_a_check_of_the_whole_instance_points_at_its_section() -> None:
    @frozen
    class Ordered:
        low: int = 0
        high: int = 1

        def __attrs_post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low must not be above high")

    with pytest.raises(ConfigError, match=r"^config: providers\.x: low must not be above high$"):
        ProviderSection(name="x", raw={"low": 5}).structure(Ordered)


def test_a_validator_after_a_converter_points_at_its_key() -> None:
    @frozen
    class Converted:
        name: str = field(default="", converter=str.upper, validator=in_(["A", "B"]))

    assert ProviderSection(name="x", raw={"name": "a"}).structure(Converted).name == "A"
    assert ProviderSection(name="x", raw={"name": "c"}).check(Converted)[0].path == "providers.x.name"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "alpha"),
        ("${A}/${B:-b}", "alpha/b"),
        ("${EMPTY:-x}", "x"),
        ("${B:-}", ""),
        ("$${A}", "${A}"),
        ("$A costs $5", "$A costs $5"),
    ],
)
def test_placeholders_are_filled_in(text: str, value: str) -> None:
    assert structure({"sources": text}, {"A": "alpha", "EMPTY": ""}).sources == (value,)


def test_a_placeholder_reads_as_a_number_or_switch_where_one_is_due() -> None:
    raw = {
        "max_concurrent_downloads": "${N}",
        "timeout_s": "${T:-null}",
        "verify": "${V:-false}",
        "mode": "${M}",
    }
    settings = structure({**raw, "token": "${N}", "sources": ["${N}"]}, {"N": "7", "M": "3"})
    assert (settings.max_concurrent_downloads, settings.timeout_s, settings.verify, settings.mode) == (
        7,
        None,
        False,
        3,
    )
    assert (settings.token, settings.sources) == (Secret("7"), ("7",))


@pytest.mark.parametrize("text", ["${MISSING}", "${EMPTY}", "${bad-name}", "${A:?no}", "${A"])
def test_a_placeholder_that_cannot_be_filled_is_one_problem(text: str) -> None:
    config = {"cache": {"dir": text}, "providers": {"x": {"max_concurrent_downloads": text}}}
    problems = check_config(config, {"x": Settings}, env={"EMPTY": ""})
    assert [problem.path for problem in problems] == ["cache.dir", "providers.x.max_concurrent_downloads"]
    word = text.strip("${}") if text in {"${MISSING}", "${EMPTY}"} else "starts no placeholder"
    assert all(word in problem.message for problem in problems)


def test_a_provider_nobody_uses_needs_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DSM_TEST_SECRET", raising=False)
    section = load_config(
        {"providers": {"x": {"client_id": "me", "client_secret": "${DSM_TEST_SECRET}"}}}
    ).section("x")
    with pytest.raises(ConfigError, match="variable DSM_TEST_SECRET is not set"):
        section.structure(Credentials)
    monkeypatch.setenv("DSM_TEST_SECRET", "abc")
    assert section.structure(Credentials).client_secret == Secret("abc")


@pytest.mark.parametrize(
    "key", ["max_concurrent_downloads", "verify", "mode", "tier", "level", "unknown", "endpoints", "pair"]
)
def test_a_value_from_the_environment_is_never_repeated(key: str) -> None:
    problems = check_config({"providers": {"x": {key: "${S}"}}}, {"x": Settings}, env={"S": "hunter2"})
    assert problems
    assert "hunter2" not in "\n".join(map(str, problems))


def test_a_validator_does_not_repeat_a_value_from_the_environment() -> None:
    config = load_config({"providers": {"x": {"market": "${S}"}}}, env={"S": "hunter2"})
    assert "hunter2" not in "\n".join(map(str, config.section("x").check(Credentials)))


@frozen
class Keys:
    one: Secret | None = None
    many: tuple[Secret, ...] = ()
    named: Mapping[str, Secret] = field(factory=dict)
    nested: Credentials | None = None
    either: Secret | tuple[int, int] = (0, 0)


@pytest.mark.parametrize("name", ["one", "many", "named", "nested", "either"])
def test_a_value_where_a_secret_is_due_is_never_repeated(name: str) -> None:
    for value in (4711, "hunter2", ["hunter2", 4711], {"a": 4711}):
        config = load_config({"providers": {"x": {name: value}}}, env={})
        text = "\n".join(map(str, config.section("x").check(Keys)))
        assert "hunter2" not in text
        assert "4711" not in text


def test_sections_of_unknown_providers_and_of_providers_without_settings_are_checked() -> None:
    config = load_config({"providers": {"binanse": {}, "plain": {"a": 1}, "fine": None}}, env={})
    problems = check_config(config, {"binance": Settings, "plain": None, "fine": None})
    assert [str(problem) for problem in problems] == [
        "config: providers.binanse: no installed provider has this name (did you mean 'binance'?)",
        "config: providers.plain.a: unknown key",
    ]


def test_a_right_configuration_has_no_problems() -> None:
    assert check_config({"providers": {"x": {"sources": "rest"}}}, {"x": Settings}, env={}) == []
    assert check_config(DSMConfig(), {}, env={}) == []


def test_an_unreadable_file_is_one_problem(tmp_path: Path) -> None:
    (problem,) = check_config(tmp_path / "gone.yaml", {}, env={}, cwd=tmp_path)
    assert str(problem) == "gone.yaml: there is no such file"


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "dsm.yaml"
    path.parent.mkdir()
    path.write_text("providers: {x: {folder: data}}")
    assert load_config(path, env={}).section("x").structure(Settings).folder == path.parent / "data"


@frozen
class NeedsBytes:
    blob: complex = 0


@frozen
class NeedsName:
    value: "Missing" = 0  # noqa: F821, UP037


class Plain:
    pass


@pytest.mark.parametrize("cls", [NeedsBytes, NeedsName, Plain])
def test_a_class_no_file_can_fill_breaks_the_plugin_contract(cls: type) -> None:
    with pytest.raises(PluginContractError, match=cls.__name__):
        ProviderSection(name="x", raw={"blob": 1, "value": 2}).structure(cls)


def test_the_repr_of_a_section_shows_no_values() -> None:
    config = load_config({"providers": {"x": {"token": "hunter2"}}}, env={})
    assert "hunter2" not in repr(config)
    assert "token" in repr(config)


KEYS = st.one_of(
    st.sampled_from(
        ["cache", "defaults", "http", "offline", "providers", "x", *Settings.__annotations__, "dir"]
    ),
    st.text(max_size=5),
    st.integers(),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=3)
)
VALUES = st.recursive(
    st.one_of(SCALARS, st.just(object()), st.sampled_from(["${A}", "${", "fast", "~nobody-here/x"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@hypothesis_settings(deadline=None)
@given(source=st.dictionaries(KEYS, VALUES, max_size=5))
def test_no_mapping_raises_anything_but_config_error(source: dict[Any, Any]) -> None:
    problems = check_config({**source, "providers": {"x": source}}, {"x": Settings}, env={})
    assert all("\n" not in str(problem) for problem in problems)
    try:
        load_config(source, env={})
    except ConfigError as error:
        json.dumps(error.details)


def test_data_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["providers"] = {"x": loop}
    with pytest.raises(ConfigError, match="nested more than 50 levels deep"):
        load_config(loop, env={})
    wide: list[Any] = []
    for _ in range(40):
        wide = [wide] * 10
    with pytest.raises(ConfigError, match="more than 20000 values"):
        load_config({"providers": {"x": {"a": wide}}}, env={})
