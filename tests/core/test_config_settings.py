"""The configuration in force tells where each value came from, and no credential."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from core.settings_classes import Every, Needy
from dsm_core.config import Secret, Setting, list_settings
from dsm_core.errors import ConfigError

FILE = """\
cache:
  dir: data
defaults: {market_type: spot, deadline_s: 5}
http:
  user_agent: desk ${AGENT}
providers:
  every:
    mode: careful
    endpoints:
      api: https://ann:hunter2@mirror.example/x?token=hunter2
    pages:
      rows: 7
    tags: [a,
           "${TAG}"]
  needy:
    client_id: me
    client_secret: hunter2
"""
ENV = {"AGENT": "hunter2", "TAG": "hunter2", "DSM_MARKET_TYPE": "um", "DSM_RETRY_COUNT": "2"}


def listed(folder: Path, text: str = FILE, **more: Any) -> dict[str, Setting]:
    (folder / "dsm.yaml").write_text(text)
    settings, wrong = list_settings(None, {"every": Every, "needy": Needy}, env=ENV, cwd=folder, **more)
    assert wrong == []
    return {setting.path: setting for setting in settings}


def told(setting: Setting) -> tuple[Any, str, str]:
    return setting.value, setting.layer, setting.place


def test_each_value_names_its_layer_and_place(tmp_path: Path) -> None:
    arguments = {"cache.enabled": ("--no-cache", False)}
    found = listed(tmp_path, arguments=arguments)
    assert told(found["cache.dir"]) == (str(tmp_path / "data"), "file", "dsm.yaml:2")
    assert told(found["cache.enabled"]) == (False, "argument", "--no-cache")
    assert told(found["defaults.market_type"]) == ("um", "environment", "DSM_MARKET_TYPE")
    assert told(found["http.retry_count"]) == (2, "environment", "DSM_RETRY_COUNT")
    assert told(found["defaults.deadline_s"]) == (5.0, "file", "dsm.yaml:3")
    assert told(found["defaults.max_wait_s"]) == (120.0, "default", "")
    assert told(found["providers.every.mode"]) == ("careful", "file", "dsm.yaml:8")
    assert told(found["providers.every.pages.rows"]) == (7, "file", "dsm.yaml:12")
    assert told(found["providers.every.pages.pause_s"]) == (0.5, "default", "")
    assert told(found["providers.every.tier"]) == ("free", "default", "")


def test_no_credential_and_no_value_of_a_variable_is_shown(tmp_path: Path) -> None:
    found = listed(tmp_path)
    assert "hunter2" not in repr(found)
    assert found["http.user_agent"].value == "***"
    assert found["providers.every.tags"].value == ["***", "***"]
    assert found["providers.needy.client_secret"].value == "***"
    address = found["providers.every.endpoints.api"]
    assert told(address) == (["https://***@mirror.example/x?token=***"], "file", "dsm.yaml:10")


def test_text_under_a_credential_s_name_is_hidden_though_it_is_no_secret(tmp_path: Path) -> None:
    @frozen
    class Sloppy:
        api_key: str = ""
        logins: dict[str, str] = field(factory=dict)
        deep: Any = None
        proof: tuple[Secret, ...] = ()

    raw = {"api_key": "hunter2", "logins": {"password": "hunter2"}, "deep": [{"token": "hunter2"}]}
    source = {"providers": {"sloppy": {**raw, "proof": ["hunter2"]}}}
    settings, _ = list_settings(source, {"sloppy": Sloppy}, env={}, cwd=tmp_path)
    assert "hunter2" not in repr(settings)
    values = {setting.path: setting.value for setting in settings}
    assert values["providers.sloppy.deep"] == [{"token": "***"}]
    assert values["providers.sloppy.proof"] == ["***"]


def test_a_wrong_section_costs_no_other_key(tmp_path: Path) -> None:
    source = {"providers": {"every": {"mode": "slow"}, "needy": {"client_id": "me"}}}
    settings, wrong = list_settings(source, {"every": Every, "needy": Needy}, env={}, cwd=tmp_path)
    assert [error.details["problems"][0]["path"] for error in wrong] == [
        "providers.every.mode",
        "providers.needy.client_secret",
    ]
    assert {setting.path.partition(".")[0] for setting in settings} == {
        "agreement",
        "cache",
        "defaults",
        "http",
        "offline",
    }


def test_a_wrong_core_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="offline"):
        list_settings({"offline": "perhaps"}, {}, env={}, cwd=tmp_path)
