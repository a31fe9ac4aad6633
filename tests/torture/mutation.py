"""Spoiled copies of good inputs, the same ones for the same number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["Mutator"]

_LONGEST: Final = 16_384
_NUMBERS: Final = (
    b"0", b"-1", b"-0.0", b"1e999", b"NaN", b"Infinity", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775809", b"340282366920938463463374607431768211456", b"0x10", b"1_000", b"1" * 400,
    b"253402300800000", b"1704067200000000000", b"1e-400", b"007", b"\xd9\xa1\xd9\xa2",
)  # fmt: skip
_WORDS: Final = (
    b"null", b"true", b'""', b"[]", b"{}", b"..", b"../", b"%2e%2e%2f", b"\x00", b"\n", b"\r\n", b"\\u0000",
    b"\\ud800", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"%", b"%s", b"{0}",
    b"${A}",
    b"!!python/object/apply:os.system", b"&a", b"*a", b"<<: ", b"---\n", b"- ", b": ", b"? ", b"|\n", b"#",
    b"[" * 2000, b'{"a":' * 2000, b"<!ENTITY a 'b'>", b"&#0;", b"<a>", b"CON", b"nul.txt", b";", b"=", b"/",
    b"a" * 1000, b"\xc4\xb0", b"\xef\xac\x83", b"e\xcc\x81", b"PK\x05\x06", b"PK\x01\x02",
)  # fmt: skip
_EDGES: Final = (0, 1, 0x7F, 0x80, 0xFF)


class Mutator:
    """Makes input number ``n`` of a corpus: a seed, spoiled once to six times.

    Parameters
    ----------
    seeds
        Good inputs, and bad ones that were of interest.
    words
        What means something in their language, besides what means something in many.
    """

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> None:
        self._seeds = seeds
        self._words = (*_WORDS, *_NUMBERS, *words, *words)

    def __call__(self, number: int) -> bytes:
        """Input of that number."""
        if number < len(self._seeds):
            return self._seeds[number]
        dice = random.Random(number)
        data = bytearray(dice.choice(self._seeds))
        for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
            dice.choice(_STEPS)(self, dice, data)
        return bytes(data[:_LONGEST])

    def _flip(self, dice: random.Random, data: bytearray) -> None:
        if data:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)

    def _edge(self, dice: random.Random, data: bytearray) -> None:
        if data:
            at = dice.randrange(len(data))
            width = dice.choice((1, 1, 2, 4))
            data[at : at + width] = bytes(dice.choice(_EDGES) for _ in range(width))

    def _cut(self, dice: random.Random, data: bytearray) -> None:
        at = dice.randrange(len(data) + 1)
        del data[at : at + _length(dice, len(data))]

    def _end(self, dice: random.Random, data: bytearray) -> None:
        del data[dice.randrange(len(data) + 1) :]

    def _again(self, dice: random.Random, data: bytearray) -> None:
        at = dice.randrange(len(data) + 1)
        piece = data[at : at + _length(dice, len(data))]
        to = dice.randrange(len(data) + 1)
        data[to:to] = piece * dice.choice((1, 1, 2, 30))

    def _word(self, dice: random.Random, data: bytearray) -> None:
        at = dice.randrange(len(data) + 1)
        data[at:at] = dice.choice(self._words)

    def _number(self, dice: random.Random, data: bytearray) -> None:
        """Another number, or word, where one stands."""
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
        if digits:
            at = end = dice.choice(digits)
            while end < len(data) and chr(data[end]) in "0123456789.eE+-":
                end += 1
            data[at:end] = dice.choice(self._words if dice.random() < 0.3 else _NUMBERS)

    def _cross(self, dice: random.Random, data: bytearray) -> None:
        other = dice.choice(self._seeds)
        data[dice.randrange(len(data) + 1) :] = other[dice.randrange(len(other) + 1) :]


def _length(dice: random.Random, most: int) -> int:
    return dice.randrange(1, max(2, min(most, dice.choice((2, 8, 64, 1024)))))


_STEPS: Final[tuple[Callable[[Mutator, random.Random, bytearray], None], ...]] = (
    Mutator._flip,
    Mutator._edge,
    Mutator._cut,
    Mutator._end,
    Mutator._again,
    Mutator._word,
    Mutator._word,
    Mutator._number,
    Mutator._number,
    Mutator._cross,
)
