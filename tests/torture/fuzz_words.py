"""What means something in many languages, for a fuzzer to put where it likes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["LONG", "dictionary_of"]

_NUMBERS: Final = (
    b"0", b"-1", b"-0.0", b"1e999", b"NaN", b"Infinity", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775809", b"340282366920938463463374607431768211456", b"0x10", b"1_000",
    b"253402300800000", b"1704067200000000000", b"1e-400", b"007", b"\xd9\xa1\xd9\xa2",
)  # fmt: skip
_WORDS: Final = (
    b"null", b"true", b'""', b"[]", b"{}", b"..", b"../", b"%2e%2e%2f", b"\x00", b"\n", b"\r\n", b"\\u0000",
    b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"%", b"%s", b"{0}",
    b"${A}", b"!!python/object/apply:os.system", b"&a", b"*a", b"<<: ", b"---\n", b"- ", b": ", b"? ", b"|\n",
    b"#", b"<!ENTITY a 'b'>", b"&#0;", b"<a>", b"CON", b"nul.txt", b";", b"=", b"/", b"\xc4\xb0",
    b"\xef\xac\x83", b"e\xcc\x81", b"PK\x05\x06", b"PK\x01\x02",
)  # fmt: skip
LONG: Final = (b"[" * 1100, b'{"a":' * 1100, b"1" * 400, b"a" * 1000)
"""Inputs to begin with, deeper than Python recurses: a word of a dictionary has at most 64 bytes."""


def dictionary_of(words: Iterable[bytes]) -> str:
    """A dictionary as libFuzzer reads it: these words, and those of many languages."""
    every = dict.fromkeys((*words, *_WORDS, *_NUMBERS))
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in every)
