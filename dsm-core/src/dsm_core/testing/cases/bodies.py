"""Cases of damaged and changed answers: cut, malformed, of another form, with more or fewer fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from dsm_core.errors import AllSourcesFailedError, SourceError
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_HTTP, NEEDS_JSON, NEEDS_REFUSAL
from dsm_core.testing.messages import Fault, Response
from dsm_core.testing.stage import Stage

__all__ = ["BodyCases"]

_PAGE: Final = "<!DOCTYPE html><html><body>We will be back soon</body></html>"
_SCALARS: Final = (str, int, float, bool, type(None))


def _half(response: Response) -> Response:
    half = response.body[: len(response.body) // 2]
    # Half a text of lines could pass for fewer lines.
    ending = b"" if response.is_json else b"\x00\xff,\x00"
    return Response(response.status, body=half + ending, headers=response.headers)


def _is_row(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(cell, _SCALARS) for cell in value)


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(cell, _SCALARS) for cell in value.values())


def _mapped(value: Any, change: Callable[[Any], Any], *, in_list: bool = False) -> Any:
    """A JSON value with each row (a list of scalars inside a list) and each record changed."""
    if in_list and _is_row(value):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change, in_list=True) for item in value]
    if isinstance(value, dict):
        inner = {key: _mapped(item, change) for key, item in value.items()}
        return change(inner) if _is_record(value) else inner
    return value


def _always(response: Response) -> Callable[[Response], Response]:
    return lambda right: response


def _in_json(change: Callable[[Any], Any]) -> Callable[[Response], Response]:
    """Change rows and records of a JSON response; others stay."""

    def changed(right: Response) -> Response:
        if not right.is_json:
            return right
        return Response(right.status, json=_mapped(right.value, change), headers=right.headers)

    return changed


def _halved(value: Any) -> Any:
    return value[: len(value) // 2] if isinstance(value, list) else value


def _without(name: str) -> Callable[[Any], Any]:
    """Take a field out of records."""

    def lacking(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: cell for key, cell in value.items() if key != name}

    return lacking


def _longer(value: Any) -> Any:
    return [*value, "kit"] if isinstance(value, list) else {**value, "kit_extra": "kit"}


def _keys(value: Any) -> Iterator[str]:
    """Names of the fields of the records that stand in lists."""
    if isinstance(value, list):
        for item in value:
            if _is_record(item):
                yield from (k for k, v in item.items() if isinstance(v, _SCALARS))
            yield from _keys(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _keys(item)


class BodyCases:
    """C60 to C66."""

    stage: Stage

    def _must_fail(self, what: str, change: Callable[[Response], Response]) -> None:
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.clear()
        stage.server.inject(Fault.reply(change), times=None)
        data, error = stage.attempt(scene)
        stage.server.clear()
        stage.clock.skip(3600)
        if data is not None:
            raise AssertionError(f"{what} became {len(data)} rows and the gaps {data.gaps}")
        assert isinstance(error, SourceError | AllSourcesFailedError), f"{what} became {error!r}"

    @case(NEEDS_HTTP)
    def test_c60_a_cut_body_is_never_an_answer(self) -> None:
        """A body that ends before its announced length is fetched again or an error, never fewer rows."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.cut())
        data, error = stage.attempt(scene)
        if data is not None:
            stage.check(data, scene)
        stage.server.clear()
        stage.server.inject(Fault.cut(), times=None)
        data, error = stage.attempt(scene)
        assert data is None, f"a cut body became {len(data)} rows and the gaps {data.gaps}"
        assert isinstance(error, SourceError | AllSourcesFailedError), f"came {error!r}"

    @case(NEEDS_HTTP)
    def test_c61_a_malformed_body_is_an_error(self) -> None:
        """A body that is whole and yet malformed (half a JSON text, a broken file) is an error."""
        self._must_fail("half a body", _half)

    @case(NEEDS_HTTP)
    def test_c62_a_web_page_is_no_answer(self) -> None:
        """A web page with status 200, as of maintenance, is an error."""
        page = {"Content-Type": "text/html"}
        self._must_fail("a web page", lambda _: Response(body=_PAGE, headers=page))

    @case(NEEDS_HTTP, NEEDS_JSON)
    def test_c63_json_of_another_form_is_an_error(self) -> None:
        """JSON of another form than documented (null, a text, a number) is an error."""
        for value in (None, "busy", 17):
            self._must_fail(f"the JSON {value!r}", _always(Response(json=value)))

    @case(NEEDS_HTTP, NEEDS_REFUSAL)
    def test_c64_an_error_inside_200_is_an_error(self) -> None:
        """An error that the venue reports inside a 200 is an error, and never an empty answer."""
        stage = self.stage
        stage.replace = lambda request: Response.of(stage.suite.error_inside_200(request))
        self._must_fail("an error inside a 200", lambda response: response)

    @case(NEEDS_HTTP, NEEDS_JSON)
    def test_c65_more_fields_than_known_change_nothing(self) -> None:
        """A field that nobody knows yet, at the end of each row and in each record, changes nothing."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.reply(_in_json(_longer)), times=None)
        stage.check(stage.ask(scene), scene)

    @case(NEEDS_HTTP, NEEDS_JSON)
    def test_c66_fewer_fields_than_known_are_an_error(self) -> None:
        """Rows cut to half their cells, and records that lack a field, are an error or null, never 0."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.ask(scene)
        kept = stage.last
        assert kept is not None
        names = dict.fromkeys(_keys(kept.value)) if kept.is_json else {}
        for change in (_halved, *map(_without, names)):
            stage.server.clear()
            stage.server.inject(Fault.reply(_in_json(change)), times=None)
            data, _ = stage.attempt(scene)
            if data is not None:
                holes = [g for g in data.gaps if g.reason != "source_failed"]
                assert not holes, f"missing fields became a hole: {holes[0]}"
                stage.check_part(data, scene)
