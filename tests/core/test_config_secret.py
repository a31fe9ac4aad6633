"""A secret shows itself to `reveal` alone."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_core.config import Secret


@given(text=st.text(min_size=5).filter(lambda text: text not in "Secret('***')"))
def test_no_way_of_printing_shows_it(text: str) -> None:
    secret = Secret(text)
    for shown in (
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>8}",
        f"{secret!r}",
        repr([secret]),
    ):
        assert text not in shown
    assert secret.reveal() == text
    assert secret == Secret(text)
    assert hash(secret) == hash(Secret(text))


def test_a_log_record_shows_stars(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("token %s", Secret("hunter2"))
    assert caplog.messages == ["token ***"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"token": Secret("hunter2")}, protocol)


def test_json_refuses_it_or_shows_stars() -> None:
    with pytest.raises(TypeError):
        json.dumps({"token": Secret("hunter2")})
    assert json.dumps([Secret("hunter2")], default=str) == '["***"]'


def test_it_stays_hidden_in_copies_and_in_asdict() -> None:
    @attrs.frozen
    class Holder:
        token: Secret

    holder = Holder(Secret("hunter2"))
    assert copy.deepcopy(holder).token is holder.token
    assert copy.copy(holder.token) is holder.token
    assert "hunter2" not in repr((holder, attrs.asdict(holder)))


def test_it_is_not_text_and_equals_no_text() -> None:
    assert Secret("a") != "a"
    assert Secret("a") != Secret("b")
    assert not isinstance(Secret("a"), str)
    assert Secret("a")
    assert not Secret("")
    with pytest.raises(TypeError):
        "token=" + Secret("a")  # type: ignore[operator]
    with pytest.raises(TypeError, match="a secret is text, not int"):
        Secret(5)  # type: ignore[arg-type]


def test_text_that_is_not_utf_8_compares() -> None:
    assert Secret("\udc80") == Secret("\udc80")
