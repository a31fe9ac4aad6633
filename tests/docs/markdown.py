"""Markdown as the tests of the pages see it: fenced blocks, links and headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "anchors", "blocks", "code_pages", "links", "pages", "prose"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?(?P<target>[^)\s>]+)>?[^)]*\)")
_CODE_SPAN = re.compile(r"(`+).*?(?<!`)\1(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is that of its first content line, from 1."""

    info: str
    text: str
    line: int
    follows_at_once: bool

    @property
    def language(self) -> str:
        return self.info.split(" ")[0]


def pages() -> list[Path]:
    """Every page of the project, sorted."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("dsm-*/README.md")]
    return sorted(found)


def code_pages() -> list[Path]:
    """Pages whose code runs: README files and the pages of ``docs``, decisions aside."""
    found = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("dsm-*/README.md")]
    return sorted(page for page in found if page.exists())


def blocks(text: str) -> list[Block]:
    """Fenced blocks in order; ``follows_at_once`` when only blank lines part it from the one before."""
    found: list[Block] = []
    lines = text.splitlines()
    number, at_once = 0, False
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is None:
            at_once = at_once and not lines[number].strip()
            number += 1
            continue
        indent, first = len(opening["indent"]), number + 1
        number = next((n for n in range(first, len(lines)) if lines[n].strip() == opening["fence"]), -1)
        if number < 0:
            raise ValueError(f"the block that opens in line {first} has no end")
        body = "".join(f"{line[indent:]}\n" for line in lines[first:number])
        found.append(Block(opening["info"].strip(), body, first + 1, at_once))
        number, at_once = number + 1, True
    return found


def prose(text: str) -> str:
    """The text without code."""
    kept, fence = [], ""
    for line in text.splitlines():
        marker = _FENCE.match(line)
        if marker and not fence:
            fence = marker["fence"]
        elif fence:
            fence = "" if line.strip() == fence else fence
        else:
            kept.append(_CODE_SPAN.sub("", line))
    return "\n".join(kept)


def links(text: str) -> list[str]:
    """Targets of links to other files or headings of the project."""
    targets = [m["target"] for m in _LINK.finditer(prose(text))]
    return [t for t in targets if not re.match(r"[a-z][a-z0-9+.-]*:", t)]


def anchors(text: str) -> set[str]:
    """What a link may name behind ``#``: headings as GitHub writes them."""
    fenced, found = "", set()
    for line in text.splitlines():
        marker = _FENCE.match(line)
        if marker:
            fenced = "" if fenced else marker["fence"]
        elif not fenced and line.startswith("#"):
            heading = line.lstrip("#").strip().replace("`", "").lower()
            found.add(re.sub(r"[^\w\- ]", "", heading).replace(" ", "-"))
    return found
