"""What must not be read by others is taken out of text: configured secrets, and what is named like one.

It lies below everything else, for errors, events and logs all need it.
"""

from __future__ import annotations

import re
import traceback
from typing import Final, Protocol
from urllib.parse import quote, quote_plus
from weakref import WeakValueDictionary

__all__ = ["MASK", "hide_known", "mask_text", "masked_traceback", "remember"]

MASK: Final = "***"
# Shorter ones are found in ordinary words.
_LEAST: Final = 6


class _Hidden(Protocol):
    def reveal(self) -> str: ...


# By identity: of two equal ones, one may live longer.
_known: WeakValueDictionary[int, _Hidden] = WeakValueDictionary()

# A name is found by its telling part, and every repetition is bounded: text of any length takes linear time.
_PHRASE: Final = "passw(?:or)?d|passphrase|pwd"
_NAME: Final = rf"(?:api|access|private)[_-]?key|secret|token|{_PHRASE}|signature|sig|jwt|authorization"
_WORD_STARTS: Final = r"(?<![^\W_])"
_SCHEME: Final = r"(?:(?:bearer|basic|digest|token)\s{1,4})?"
_VALUE: Final = r"""(?:"[^"]*"|'[^']*'|[^\s&"'<>;,]+)"""
# `"client_secret": "..."`, with quotes as they are or escaped.
_QUOTED: Final = re.compile(
    rf"""((?:{_WORD_STARTS}(?:{_NAME})|(?:key|secret|token|password))\\{{0,4}}["']\s{{0,4}}[:=]\s{{0,4}}b?)"""
    r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\{1,4}"[^"]*"|\\{1,4}'[^']*'|[^\s,(){}\[\]"'\\]+)""",
    re.IGNORECASE | re.DOTALL,
)
# `apikey=...`; of a setting named `sig`, which is part of many words, the whole name counts. A session may
# also be an exchange's, so of it only the thing itself or its id counts.
_PAIR: Final = re.compile(
    r"((?:key|token|secret|sign|pass|auth|credential)[\w.-]{0,40}|session(?:[_.-]?id)?"
    rf"|{_WORD_STARTS}(?:sig|pwd|jwt))={_SCHEME}{_VALUE}",
    re.IGNORECASE,
)
# `password: ...` and `key = ...`; a key with a colon is too often no credential.
_SPOKEN: Final = re.compile(
    rf"({_WORD_STARTS}(?:(?:{_NAME})\s{{0,4}}(?:=|:)\s{{0,4}}|key\s{{0,4}}=\s{{0,4}})){_SCHEME}{_VALUE}",
    re.IGNORECASE,
)
# What follows `Basic` in a sentence is a word; a credential has a digit, a sign or mixed case.
_BARE: Final = re.compile(
    r"\b((?i:bearer|basic)\s{1,4})(?=[\w.~+/-]{0,200}(?:\d|=|[a-z][A-Z]))[\w.~+/-]{6,}=*"
)
_QUOTES: Final = re.compile(r"""\\*["']""")
_USER_INFO: Final = re.compile(r"//[^\s/?#\"'<>]*@")


def remember(secret: _Hidden) -> None:
    """Let `hide_known` know a secret for as long as it lives."""
    _known[id(secret)] = secret


def hide_known(text: str) -> str:
    """The text without the value of any living secret of six characters or more, as it is or quoted."""
    if not _known:
        return text
    # A copy in one step: other threads make secrets meanwhile.
    living = [ref() for ref in _known.valuerefs()]
    values = {secret.reveal() for secret in living if secret is not None}
    forms = {form for value in values if len(value) >= _LEAST for form in _forms(value)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def mask_text(text: str) -> str:
    """Somebody's words without user info, configured secrets and what is named like a credential."""
    text = _USER_INFO.sub(f"//{MASK}@", hide_known(text))
    text = _QUOTED.sub(_in_quotes, text)
    text = _PAIR.sub(rf"\1={MASK}", text)
    return _BARE.sub(rf"\g<1>{MASK}", _SPOKEN.sub(rf"\g<1>{MASK}", text))


def masked_traceback(error: BaseException) -> str:
    """The traceback of an error and its causes as text, masked."""
    return mask_text("".join(traceback.format_exception(error)).rstrip())


def _forms(value: str) -> tuple[str, ...]:
    # A lone surrogate cannot be quoted for a URL.
    encoded = value.encode("utf-8", "surrogatepass")
    return value, quote(encoded, safe=""), quote_plus(encoded), repr(value)[1:-1]


def _in_quotes(found: re.Match[str]) -> str:
    quotes = _QUOTES.match(found[2])
    around = quotes[0] if quotes else ""
    return f"{found[1]}{around}{MASK}{around}"
