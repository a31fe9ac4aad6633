"""Where tokens are kept, who can read them, and what damage does."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from dsm_core.config import Secret
from dsm_core.errors import AuthenticationError
from dsm_core.testing import LoopbackServer
from dsm_tradestation.auth import TradeStationAuth, authorized
from dsm_tradestation.auth.token_file import TokenFile
from dsm_tradestation.config import TradeStationConfig
from tradestation.file_keyring import PLACE, BrokenKeyring, FileKeyring, ForgetfulKeyring, ReadOnlyKeyring
from tradestation.signin import Signin, context_of, keep, record, settings, store_of

NOWHERE = "http://127.0.0.1:9"
posix = pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")


@pytest.fixture
def config(tmp_path: Path) -> TradeStationConfig:
    return settings(NOWHERE, tmp_path)


@pytest.fixture
def either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TradeStationConfig]:
    """A configuration that takes the keyring where it serves; it does."""
    monkeypatch.setenv(PLACE, str(tmp_path / "ring"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())
    yield settings(NOWHERE, tmp_path, token_store="auto")
    keyring.set_keyring(before)


def file_of(folder: Path) -> Path:
    [path] = (folder / "auth").glob("*.json")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def token_in(config: TradeStationConfig) -> str | None:
    held, _ = store_of(config).read()
    return None if held is None else held.refresh.reveal()


@posix
async def test_only_the_owner_can_read_what_is_kept_whatever_the_umask(
    config: TradeStationConfig, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        async with store_of(config).locked(5):
            store_of(config).write(record(config))
    finally:
        os.umask(before)
    assert mode(tmp_path / "auth") == 0o700
    assert {mode(path) for path in (tmp_path / "auth").iterdir()} == {0o600}


@posix
def test_a_file_that_others_can_read_is_closed_to_them_and_told(
    config: TradeStationConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(config, record(config))
    file_of(tmp_path).chmod(0o644)
    store = store_of(config)
    assert store.read()[0] is not None
    assert mode(file_of(tmp_path)) == 0o600
    assert store.notes == (f"{file_of(tmp_path)} could be read by other users (mode 644); now it cannot.",)
    assert "token_file_was_open" in caplog.text


@posix
async def test_the_folder_in_the_users_own_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config = settings(NOWHERE, tmp_path, token_dir=None)
    (tmp_path / "dsm" / "auth").mkdir(parents=True, mode=0o755)
    store = store_of(config)
    async with store.locked(5):
        store.write(record(config))
    assert mode(tmp_path / "dsm" / "auth") == 0o700
    assert mode(tmp_path / "dsm") != 0o700
    assert "was open to other users; now it is not." in store.notes[0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '"text"', "\xff\xfe", '{"version": 1}', "[" * 100_000, "0" * 5000],
    ids=lambda text: text[:10],
)
def test_a_damaged_file_is_set_aside(config: TradeStationConfig, tmp_path: Path, text: str) -> None:
    keep(config, record(config))
    path = file_of(tmp_path)
    path.write_text(text, encoding="latin-1")
    store = store_of(config)
    assert store.read() == (None, None)
    assert store.damaged == f"{path}.damaged"
    assert not path.exists()
    assert Path(f"{path}.damaged").read_text(encoding="latin-1") == text


@pytest.mark.parametrize(
    "change",
    [
        {"refresh_token": ""}, {"refresh_token": 5}, {"access_token": 5}, {"expires_at": "soon"},
        {"version": 2}, {"expires_at": float("nan")}, {"generation": "1"}, {"refused": 1},
        {"configured_sha256": 5}, {"expires_at": 10**400}, {"generation": 2**53}, {"generation": -1},
        {"refresh_token": "\ud800"}, {"refresh_token": "a\r\nb"}, {"access_token": "\u00f6"},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_with_a_wrong_value_counts_as_damaged(
    config: TradeStationConfig, tmp_path: Path, change: dict[str, Any]
) -> None:
    keep(config, record(config))
    path = file_of(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert store_of(config).read() == (None, None)


def test_damage_that_cannot_be_set_aside_is_told(config: TradeStationConfig, tmp_path: Path) -> None:
    keep(config, record(config))
    path = file_of(tmp_path)
    path.write_text("{")
    Path(f"{path}.damaged").mkdir()
    with pytest.raises(AuthenticationError, match=r"is damaged, and cannot be set aside: .*log in again"):
        store_of(config).read()


async def test_after_damage_one_message_tells_place_and_remedy(
    config: TradeStationConfig, tmp_path: Path
) -> None:
    keep(config, record(config))
    file_of(tmp_path).write_text("{")
    async with context_of(config, tmp_path) as context:
        for _ in range(2):
            with pytest.raises(AuthenticationError) as caught:
                await authorized(context).token()
            assert "is set aside as" in str(caught.value)
            assert str(caught.value).endswith(
                "Run `dsm auth tradestation login` once, or set providers.tradestation.refresh_token."
            )


async def test_after_damage_a_configured_token_goes_on(tmp_path: Path) -> None:
    with LoopbackServer(Signin().answer) as server:
        config = settings(server.url, tmp_path, refresh_token=Secret("refresh-0-of-the-tests"))
        keep(config, record(config))
        file_of(tmp_path).write_text("{")
        async with context_of(config, tmp_path) as context:
            assert (await authorized(context).token()).reveal() == "access-1-of-the-tests"


def test_a_place_that_cannot_be_read_is_told(config: TradeStationConfig, tmp_path: Path) -> None:
    keep(config, record(config))
    path = file_of(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(AuthenticationError, match=r"cannot be read: Is a directory.*log in again"):
        store_of(config).read()


def test_what_dead_writers_left_goes_with_the_next_write(config: TradeStationConfig, tmp_path: Path) -> None:
    keep(config, record(config))
    left = file_of(tmp_path).with_name(f".{file_of(tmp_path).name}.1-abc.tmp")
    left.write_text("a token")
    keep(config, record(config))
    assert not left.exists()
    left.write_text("a token")
    store_of(config).delete()
    assert os.listdir(tmp_path / "auth") == []


def test_a_write_that_fails_leaves_what_was_there(config: TradeStationConfig, tmp_path: Path) -> None:
    path = tmp_path / "place"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        TokenFile(path).write(record(config))
    assert os.listdir(tmp_path) == ["place"]


def test_each_key_and_each_server_has_a_record_of_its_own(tmp_path: Path) -> None:
    configs = [
        settings(NOWHERE, tmp_path),
        settings(NOWHERE, tmp_path, client_id="another-client"),
        settings("http://127.0.0.1:10", tmp_path),
    ]
    for number, config in enumerate(configs):
        keep(config, record(config, refresh=Secret(f"refresh-{number}")))
    assert [token_in(config) for config in configs] == ["refresh-0", "refresh-1", "refresh-2"]


def test_the_keyring_keeps_it_where_there_is_one(either: TradeStationConfig, tmp_path: Path) -> None:
    keep(either, record(either))
    kept, place = store_of(either).read()
    assert kept is not None
    assert (kept.refresh.reveal(), kept.access and kept.access.reveal()) == (
        "refresh-0-of-the-tests",
        "access-0-of-the-tests",
    )
    assert place == "the keyring 'of the tests'"
    assert list((tmp_path / "auth").glob("*.json")) == []
    assert store_of(either).notes == ()


def test_what_was_in_a_file_moves_into_the_keyring(either: TradeStationConfig, tmp_path: Path) -> None:
    filed = settings(NOWHERE, tmp_path)
    keep(filed, record(filed, refresh=Secret("refresh-of-the-file")))
    assert token_in(either) == "refresh-of-the-file"
    keep(either, record(either, refresh=Secret("refresh-of-the-ring")))
    assert token_in(either) == "refresh-of-the-ring"
    assert token_in(filed) is None


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        (fail.Keyring, "this machine has none that is usable"),
        (null.Keyring, "this machine has none that is usable"),
        (BrokenKeyring, "it failed with RuntimeError"),
        (ForgetfulKeyring, "it gives back something else than it was given"),
        (ReadOnlyKeyring, "it failed with RuntimeError"),
    ],
)
def test_a_keyring_that_does_not_serve_leaves_it_to_the_file_and_that_is_told(
    either: TradeStationConfig, tmp_path: Path, backend: type[KeyringBackend], why: str
) -> None:
    keep(either, record(either, refresh=Secret("refresh-older")))
    keyring.set_keyring(backend())
    store = store_of(either)
    store.write(record(either, refresh=Secret("refresh-newer")))
    assert store.notes == (f"The keyring is not used: {why}.",)
    kept, place = store_of(either).read()
    assert kept is not None
    assert kept.refresh.reveal() == "refresh-newer"
    assert place == f"the file {file_of(tmp_path)}"
    # A keyring that serves again has the older one.
    keyring.set_keyring(FileKeyring())
    assert token_in(either) == "refresh-newer"


def test_a_keyring_that_was_asked_for_is_not_replaced_by_a_file(
    either: TradeStationConfig, tmp_path: Path
) -> None:
    config = settings(NOWHERE, tmp_path, token_store="keyring")
    keyring.set_keyring(BrokenKeyring())
    with pytest.raises(
        AuthenticationError, match=r"asks for the keyring.*token_store to auto or file"
    ) as caught:
        keep(config, record(config))
    assert "refresh-0" not in str(caught.value)
    assert not list((tmp_path / "auth").glob("*"))


def test_a_damaged_entry_of_the_keyring_is_none_and_is_replaced(
    either: TradeStationConfig, tmp_path: Path
) -> None:
    keep(either, record(either))
    ring = json.loads((tmp_path / "ring").read_text())
    (tmp_path / "ring").write_text(json.dumps(dict.fromkeys(ring, "{")))
    store = store_of(either)
    assert store.read() == (None, None)
    assert "of the keyring" in str(store.damaged)
    store.write(record(either))
    assert token_in(either) == "refresh-0-of-the-tests"


async def test_a_logout_empties_keyring_and_file(either: TradeStationConfig, tmp_path: Path) -> None:
    keep(either, record(either))
    async with context_of(either, tmp_path) as context:
        await TradeStationAuth().logout(context)
    assert json.loads((tmp_path / "ring").read_text()) == {}
    assert token_in(either) is None


def test_a_record_shows_no_token(config: TradeStationConfig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kept = record(config)
    keep(config, kept)
    for text in (repr(kept), str(kept), repr(store_of(config)), repr(store_of(config).read()), caplog.text):
        assert "of-the-tests" not in text.replace(config.client_id or "", "")
