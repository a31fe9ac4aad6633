"""What is shown holds no credential."""

from __future__ import annotations

from attrs import frozen

from dsm_core.config import Secret
from dsm_core.config.masking import hide_secrets, is_credential


@frozen
class Keys:
    token: Secret
    more: tuple[Secret, ...] = ()
    named: dict[str, Secret] | None = None
    deep: Keys | None = None
    plain: str = "plain"


def test_a_text_loses_every_secret_of_the_settings_it_speaks_of() -> None:
    settings = Keys(
        token=Secret("abc"),
        more=(Secret("abcdef"),),
        named={"x": Secret("uvw")},
        deep=Keys(token=Secret("rst")),
    )
    text = "abc abcdef uvw rst plain"
    assert hide_secrets(text, settings) == "*** *** *** *** plain"


def test_an_empty_secret_and_no_settings_change_nothing() -> None:
    assert hide_secrets("abc", Keys(token=Secret(""))) == "abc"
    assert hide_secrets("abc", None) == "abc"


def test_names_of_credentials_are_known() -> None:
    for name in ("api_key", "apikey", "client_secret", "password", "refresh_token", "private_key"):
        assert is_credential(name), name
    for name in ("sources", "session_template", "max_size", "client_id", "monkey"):
        assert not is_credential(name), name
