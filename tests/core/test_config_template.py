"""A file to begin with: right as it is, and each key says what holds without it."""

from __future__ import annotations

import re
from pathlib import Path

from core.settings_classes import Every, Needy
from dsm_core.config import DSMConfig, check_config, config_template, load_config

SECTIONS = {"every": Every, "needy": Needy, "plain": None}


def uncommented(text: str) -> str:
    """The same with every key in force."""
    return re.sub(r"(?m)^( *)# ((?:  )?[\"\w]+: ?)", r"\1\2", text)


def test_untouched_it_is_right_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text(config_template(SECTIONS))
    assert check_config(None, SECTIONS, env={}, cwd=tmp_path) == []
    config = load_config(tmp_path / "dsm.yaml", env={})
    assert (config.cache, config.defaults, config.http, config.offline) == (
        DSMConfig().cache,
        DSMConfig().defaults,
        DSMConfig().http,
        False,
    )
    assert config.section("every").structure(Every) == Every()


def test_every_key_is_there_with_the_default_that_holds(tmp_path: Path) -> None:
    text = uncommented(config_template({"every": Every}))
    (tmp_path / "dsm.yaml").write_text(text)
    config = load_config(tmp_path / "dsm.yaml", env={"EVERY_TOKEN": "t"})
    assert (config.cache, config.defaults, config.http) == (
        DSMConfig().cache,
        DSMConfig().defaults,
        DSMConfig().http,
    )
    section = config.section("every")
    assert set(section.raw) == set(Every.__annotations__)
    made = section.structure(Every)
    assert made.token is not None
    assert made.token.reveal() == "t"
    for name in Every.__annotations__:
        assert name == "token" or getattr(made, name) == getattr(Every(), name), name


def test_a_provider_that_must_be_told_something_is_commented_out_whole(tmp_path: Path) -> None:
    text = config_template({"needy": Needy})
    assert "\n  # needy:\n" in text
    assert "    # From the desk. [text; required]\n    # client_secret: ${NEEDY_CLIENT_SECRET}\n" in text
    (tmp_path / "dsm.yaml").write_text(uncommented(text))
    env = {"NEEDY_CLIENT_ID": "me", "NEEDY_CLIENT_SECRET": "abc"}
    made = load_config(tmp_path / "dsm.yaml", env=env).section("needy").structure(Needy)
    assert (made.client_id, made.client_secret.reveal()) == ("me", "abc")


def test_each_key_has_its_meaning_and_type() -> None:
    text = config_template(SECTIONS)
    assert "    # Which prices. [text]\n    # side: bid\n" in text
    assert (
        "# Times a failed request is tried again; 0 is never, 100 the most. [a whole number]\n"
        "  # retry_count: 5\n" in text
    )
    assert "      # Rows of one page. [a whole number]\n      # rows: 1000\n" in text
    assert "  # plain has no keys.\n" in text


def test_no_line_is_wider_than_a_page_but_for_long_values() -> None:
    lines = config_template(SECTIONS).splitlines()
    assert max(map(len, lines)) <= 110
