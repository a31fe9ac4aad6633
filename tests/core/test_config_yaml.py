"""What a YAML file means, and which files are refused."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_core.config import load_config
from dsm_core.errors import ConfigError


def section(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> Any:
    """Raw data of the section ``x``; `text` is its content, indented."""
    path = tmp_path / "dsm.yaml"
    path.write_text(f"providers:\n  x:\n{text}", encoding="utf-8")
    return load_config(path, env=env or {}, cwd=tmp_path).section("x").raw


def refusal(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "dsm.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ConfigError) as caught:
        load_config(path, env={}, cwd=tmp_path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("ON", "ON"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-01-31", "2024-01-31"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!int 5", 5),
        ("\u0661", "\u0661"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_yaml_1_2(written: str, value: object, tmp_path: Path) -> None:
    read = section(tmp_path, f"    key: {written}\n")["key"]
    assert (read, type(read)) == (value, type(value))


def test_keys_stay_text(tmp_path: Path) -> None:
    assert section(tmp_path, "    {NO: 1, 1000SHIB: 2, 007: 3, null: 4}\n") == {
        "NO": 1,
        "1000SHIB": 2,
        "007": 3,
        "null": 4,
    }


def test_a_directive_for_yaml_1_1_changes_no_scalar(tmp_path: Path) -> None:
    path = tmp_path / "dsm.yaml"
    path.write_text("%YAML 1.1\n---\nproviders: {x: {a: ON, b: 0777}}\n", encoding="utf-8")
    assert load_config(path, env={}).section("x").raw == {"a": "ON", "b": 777}


def test_anchors_and_merges_are_followed(tmp_path: Path) -> None:
    text = """\
    base: &base {a: 1, b: 2}
    other: &other {b: 3, c: 4}
    one: {<<: *base, a: 0}
    two: {<<: [*base, *other]}
    same: *base
"""
    raw = section(tmp_path, text)
    assert raw["one"] == {"a": 0, "b": 2}
    assert raw["two"] == {"a": 1, "b": 2, "c": 4}
    assert raw["same"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "content", ["", "# nothing\n", "---\n", "null\n", "{}", "cache:\nhttp:\nproviders:\n", "\ufeff"]
)
def test_an_empty_file_is_all_defaults(content: str, tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text(content, encoding="utf-8")
    config = load_config(env={}, cwd=tmp_path)
    assert config.cache == load_config({}, env={}).cache
    assert config.source == tmp_path / "dsm.yaml"


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a\n", "dsm.yaml:1: expected keys such as 'cache:'"),
        ("just text", "dsm.yaml:1: expected keys"),
        ("a: 1\n---\nb: 2\n", "dsm.yaml:2: a second document"),
        ("cache: {dir: 'x\n", "dsm.yaml:2: not YAML: while scanning a quoted scalar, found unexpected end"),
        ("cache:\n\tdir: x\n", "dsm.yaml:2: not YAML: "),
        ("cache: a: b\n", "dsm.yaml:1: not YAML: mapping values are not allowed here"),
        ('offline: "\\U99999999"', "dsm.yaml:1: not YAML: an escape after here"),
        ('offline: "\\U00110000"', "dsm.yaml:1: not YAML: an escape after here"),
        ("a: 1\nb: \x00\n", "dsm.yaml:2: not YAML: special characters are not allowed"),
        (b"cache:\n  dir: \xff\n", "dsm.yaml:2: is not UTF-8 text"),
        ("offline: true".encode("utf-16"), "dsm.yaml:1: is not UTF-8 text"),
        ("#" * ((1 << 20) + 1), "dsm.yaml: is larger than 1 MiB"),
        (BOMB, "aliases expand to over 20000 values"),
        (
            "providers: " + "[" * 200 + "]" * 200,
            "dsm.yaml:1: providers[0][0]: nested more than 50 levels deep",
        ),
        ("a:\n" + "- x\n" * 30_000, "more than 20000 values"),
        ("providers: &p\n  x: *p\n", "dsm.yaml:2: providers.x: *p has no anchor &p that ends before it"),
        (
            "providers: {x: !!python/object:os.system {}}",
            "providers.x: the tag tag:yaml.org,2002:python/object:os",
        ),
        ("providers: {x: {? [a] : b}}", "dsm.yaml:1: providers.x: a key must be text"),
        ("providers: {x: {<<: 5}}", "providers.x.<<: takes a mapping or a list of mappings"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    content: str | bytes, message: str, tmp_path: Path
) -> None:
    assert message in refusal(tmp_path, content)


def test_every_duplicate_key_is_reported_with_both_lines(tmp_path: Path) -> None:
    assert refusal(
        tmp_path, "offline: true\nproviders:\n  x: {}\n\n  x: {}\noffline: false\n"
    ).splitlines() == [
        "dsm.yaml:5: providers.x: given twice, first on line 3; keep one",
        "dsm.yaml:6: offline: given twice, first on line 1; keep one",
    ]


def test_a_folder_a_missing_file_and_a_wrong_argument_are_told_apart(tmp_path: Path) -> None:
    for source, message in (
        (tmp_path, "is a folder"),
        ("gone.yaml", "gone.yaml: there is no such file"),
        ("a\0b", "cannot be read"),
        (["dsm.yaml"], "a path, a mapping or a DSMConfig, not list"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_config(source, env={}, cwd=tmp_path)


@pytest.mark.skipif(
    sys.platform == "win32" or getattr(os, "geteuid", int)() == 0, reason="modes do not bind here"
)
def test_a_file_without_read_permission_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dsm.yaml"
    path.write_text("offline: true")
    path.chmod(0)
    with pytest.raises(ConfigError, match=r"dsm\.yaml: cannot be read: Permission denied"):
        load_config(path, env={}, cwd=tmp_path)


def test_an_error_of_the_parser_does_not_quote_the_file(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text("providers: {x: {client_secret: hunter2, ]}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(env={}, cwd=tmp_path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


YAMLISH = st.text(alphabet="ab:-{}[],&*!|>'\"#%@<~$ \n\t?.0", max_size=60)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(YAMLISH, st.text(max_size=40)))
def test_no_text_raises_anything_but_config_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(ConfigError):
        load_config(path, env={})
