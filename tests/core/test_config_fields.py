"""Fields for addresses and sources: every mistake at once, each at its own key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from dsm_core.config import check_config, endpoints_field, load_config, sources_field

SPOT = ("https://a.example", "https://b.example")


@frozen(kw_only=True)
class Desk:
    """A desk's prices."""

    sources: tuple[str, ...] = sources_field(("files", "rest"))
    endpoints: Mapping[str, tuple[str, ...]] = endpoints_field(
        {"spot": SPOT, "listing": "https://l.example", "stream": "wss://s.example", "house": ()}
    )


WRONG = """\
providers:
  desk:
    sources: [fils, rest, rest]
    endpoints:
      spott: https://x.example
      spot:
        - ftp://u:hunter2@x.example
        - https://fine.example
        - nowhere
      stream: https://x.example
      listing: []
"""


def problems(raw: Any, env: Mapping[str, str] | None = None) -> list[str]:
    found = check_config({"providers": {"desk": raw}}, {"desk": Desk}, env=env or {})
    return [str(problem).removeprefix("config: providers.desk.") for problem in found]


def test_every_wrong_address_and_source_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "dsm.yaml").write_text(WRONG)
    found = check_config(None, {"desk": Desk}, env={}, cwd=tmp_path)
    assert [str(problem) for problem in found] == [
        "dsm.yaml:3: providers.desk.sources[0]: no source is called 'fils' (did you mean 'files'?); "
        "there are files, rest",
        "dsm.yaml:3: providers.desk.sources[2]: 'rest' is named twice; keep one",
        "dsm.yaml:5: providers.desk.endpoints.spott: unknown key (did you mean 'spot'?); "
        "there are spot, listing, stream, house",
        "dsm.yaml:7: providers.desk.endpoints.spot[0]: '***@x.example' is not a URL; "
        "write one that starts with https:// or http://",
        "dsm.yaml:9: providers.desk.endpoints.spot[2]: 'nowhere' is not a URL; "
        "write one that starts with https:// or http://",
        "dsm.yaml:10: providers.desk.endpoints.stream: 'https://x.example' is not a URL; "
        "write one that starts with wss:// or ws://",
        "dsm.yaml:11: providers.desk.endpoints.listing: give at least one URL, or leave the key out",
    ]


def test_addresses_left_out_keep_their_default() -> None:
    section = load_config({"providers": {"desk": {"endpoints": {"spot": "http://m:8080/x"}}}}, env={})
    desk = section.section("desk").structure(Desk)
    assert desk.endpoints == {
        "spot": ("http://m:8080/x",),
        "listing": ("https://l.example",),
        "stream": ("wss://s.example",),
        "house": (),
    }
    assert Desk().endpoints["spot"] == SPOT
    assert Desk(sources="rest", endpoints={"house": "http://h"}).sources == ("rest",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url", ["https://", "http://:80", "https://h:0", "https://h:port", "//h", "https//h", "", "http://[1"]
)
def test_what_no_request_can_go_to_is_refused(url: str) -> None:
    (problem,) = problems({"endpoints": {"spot": url}})
    assert problem.startswith("endpoints.spot")


def test_an_empty_list_of_sources_is_refused() -> None:
    assert problems({"sources": []}) == ["sources: the list is empty; name at least one of files, rest"]


@pytest.mark.parametrize(
    "raw",
    [
        {"endpoints": {"spot": "${S}"}},
        {"endpoints": {"spot": ["https://fine.example", "${S}"]}},
        {"endpoints": {"spot": "ftp://${S}@x"}},
        {"endpoints": {"spot": "ftp://x?token=${S}"}},
        {"sources": ["${S}", "rest"]},
        {"sources": "${S}"},
    ],
)
def test_an_address_from_the_environment_is_never_repeated(raw: Any) -> None:
    found = problems(raw, {"S": "hunter2"})
    assert len(found) == 1
    assert "hunter2" not in found[0]


def test_in_python_every_mistake_is_in_one_value_error() -> None:
    with pytest.raises(ValueError, match="spott") as caught:
        Desk(endpoints={"spott": ("https://x",), "spot": ("x",)})
    assert "spot: 'x' is not a URL" in str(caught.value)
