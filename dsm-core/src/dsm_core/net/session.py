"""What a provider's client sees of HTTP: JSON, text, files and the limits, nothing of the library."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from dsm_core.errors import ConfigError, ServerError, SourceError
from dsm_core.net.call import Call, Engine
from dsm_core.net.deadline import current_deadline
from dsm_core.net.download import save
from dsm_core.net.hosts import Hosts
from dsm_core.net.json_text import JsonError, loads
from dsm_core.net.limits import Pool, Runner
from dsm_core.net.replies import Download, JsonReply, TextReply
from dsm_core.net.settings import MIB
from dsm_core.net.status import parse_http_date
from dsm_core.net.urls import expand, mask
from dsm_core.net.wire import Answer, Outgoing

__all__ = ["HttpSession"]

T = TypeVar("T")
_IDENTITY: Final = {"Accept-Encoding": "identity"}


class HttpSession:
    """One provider's way to its hosts, within its limits.

    A URL is absolute, or starts with an endpoint key in braces: ``{spot}/api/v3/klines`` stands for
    one address per configured host. Requests are spread over the healthy ones, and one that fails for
    a passing reason goes on to the next of the list. A parameter that is None is left out.

    Parameters
    ----------
    engine, hosts, run
        What the sessions of one ``Http`` share.
    provider
        Name for errors.
    endpoints
        Addresses by endpoint key, in the order of failover.
    declared
        Names of the pools that have limits.
    get_pool
        Gives the pool of a name.
    """

    def __init__(
        self,
        engine: Engine,
        hosts: Hosts,
        run: Runner,
        *,
        provider: str,
        endpoints: Mapping[str, Sequence[str]],
        declared: Sequence[str],
        get_pool: Callable[[str], Pool],
    ) -> None:
        self._engine = engine
        self._hosts = hosts
        self._run = run
        self._provider = provider
        self._endpoints = {key: (v,) if isinstance(v, str) else tuple(v) for key, v in endpoints.items()}
        self._declared = tuple(declared)
        self._get_pool = get_pool
        self._sent = 0

    @property
    def requests_sent(self) -> int:
        """Requests that left through this session so far, retries included."""
        return self._sent

    async def get_json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        cost: int = 0,
        pool: str | None = None,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Any], None] | None = None,
        is_host_refusal: bool = True,
    ) -> JsonReply:
        """A parsed JSON answer.

        Parameters
        ----------
        url
            Absolute or a template.
        params
            Query parameters, added to those of the URL and percent-encoded.
        cost
            Units the request takes from its pool.
        pool
            Name of the pool; by default the only one declared, else one per endpoint key.
        headers
            Sent with this request, never to another host.
        check
            Given the body of a success; raises for an error inside it, which is then retried or not as
            a status of that kind would be.
        is_host_refusal
            Whether a 403 turns this client away for good. False where it is about this request alone,
            as where each symbol needs an entitlement.

        Raises
        ------
        SourceError
            One of its kinds, after retries where they make sense.
        ConfigError
            The endpoint key or the pool is unknown.
        """
        outgoing = Outgoing(params=params, headers=headers or {}, is_host_refusal=is_host_refusal)

        async def read(answer: Answer) -> JsonReply:
            reply = await self._read_json(answer)
            if check is not None:
                _checked(check, reply, answer)
            return reply

        return await self._call(url, outgoing, cost, pool, read)

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        cost: int = 0,
        pool: str | None = None,
        headers: Mapping[str, str] | None = None,
        is_host_refusal: bool = True,
        is_empty_good: bool = False,
    ) -> JsonReply:
        """The JSON answer to a posted form, as token endpoints want it; retried like a GET.

        With ``is_empty_good`` an empty body is an answer, and its value None; the rest is as in `get_json`.
        """
        outgoing = Outgoing(method="POST", form=form, headers=headers or {}, is_host_refusal=is_host_refusal)
        read = self._read_json_or_nothing if is_empty_good else self._read_json
        return await self._call(url, outgoing, cost, pool, read)

    async def get_text(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        cost: int = 0,
        pool: str | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = MIB,
    ) -> TextReply:
        """A text answer of at most ``max_bytes``; the rest is as in `get_json`."""

        async def read(answer: Answer) -> TextReply:
            return TextReply(text=await answer.text(max_bytes), **_facts(answer))

        outgoing = Outgoing(params=params, headers=headers or {})
        return await self._call(url, outgoing, cost, pool, read)

    async def download(
        self,
        url: str,
        to: Path,
        *,
        cost: int = 0,
        pool: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Download:
        """A file at ``to``, replaced in one step when all of it has arrived.

        While it arrives it is a hidden file beside ``to``, which a failure or a cancellation removes.
        """

        async def read(answer: Answer) -> Download:
            return await save(answer, to, self._run, self._engine.settings.max_download_bytes)

        # archives are compressed already, and the file is to have the bytes whose checksum is published
        outgoing = Outgoing(headers={**_IDENTITY, **(headers or {})})
        return await self._call(url, outgoing, cost, pool, read)

    async def probe(self, url: str) -> int:
        """The status of a HEAD request, whatever it is: that there is one tells that the host answers.

        Raises
        ------
        SourceError
            There was no answer.
        """

        async def read(answer: Answer) -> int:
            return answer.status

        try:
            return await self._call(url, Outgoing(method="HEAD"), 0, None, read)
        except SourceError as error:
            status = error.details.get("status")
            if status is None:
                raise
            return int(status)

    async def head(
        self,
        url: str,
        *,
        cost: int = 0,
        pool: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """The headers that a GET would bring, names in lower case; the rest is as in `get_json`."""

        async def read(answer: Answer) -> Mapping[str, str]:
            return answer.headers

        outgoing = Outgoing(method="HEAD", headers={**_IDENTITY, **(headers or {})})
        return await self._call(url, outgoing, cost, pool, read)

    async def limit(self, cost: int, pool: str | None = None) -> None:
        """Take units for a request that goes another way.

        Raises
        ------
        RateLimitError
            The wait would be too long; ``retry_after_s`` tells how long.
        """
        self._engine.check_open(provider=self._provider)
        chosen = self._get_pool(self._pool_name(pool, cost, ""))
        await chosen.take(cost, current_deadline(), provider=self._provider)

    async def _call(
        self,
        template: str,
        outgoing: Outgoing,
        cost: int,
        pool: str | None,
        handle: Callable[[Answer], Awaitable[T]],
    ) -> T:
        self._engine.check_open(provider=self._provider, url=mask(template))
        key, urls = expand(template, self._endpoints)
        call = Call(
            engine=self._engine,
            provider=self._provider,
            route=self._hosts.route(self._provider, urls),
            outgoing=outgoing,
            pool=self._get_pool(self._pool_name(pool, cost, key)),
            cost=cost,
            deadline=current_deadline(),
            handle=handle,
            on_sent=self._note_sent,
        )
        return await call.run()

    def _note_sent(self) -> None:
        self._sent += 1

    def _pool_name(self, name: str | None, cost: int, key: str) -> str:
        known = self._declared
        if name is None and len(known) == 1:
            return known[0]
        if name is None and known and cost:
            raise ConfigError(f"A cost needs the name of its pool; {self._provider} has: {', '.join(known)}.")
        if name is not None and known and name not in known:
            raise ConfigError(
                f"{self._provider} has no pool {name!r}; it has: {', '.join(known)}.", pool=name
            )
        return name or key

    async def _read_json_or_nothing(self, answer: Answer) -> JsonReply:
        return await self._read_json(answer, is_empty_good=True)

    async def _read_json(self, answer: Answer, *, is_empty_good: bool = False) -> JsonReply:
        body = await answer.body(self._engine.settings.max_json_bytes)
        if is_empty_good and not body:
            return JsonReply(body=None, **_facts(answer))
        try:
            parsed = loads(body)
        except JsonError as error:
            form = "an HTML page" if body.lstrip()[:1] == b"<" else "not JSON"
            message = f"The answer is {form}: {error}"
            raise ServerError(message, status=answer.status, **answer.about) from error
        return JsonReply(body=parsed, **_facts(answer))


def _checked(check: Callable[[Any], None], reply: JsonReply, answer: Answer) -> None:
    try:
        check(reply.body)
    except SourceError as error:
        for name, value in {"status": answer.status, **answer.about}.items():
            error.details.setdefault(name, value)
        raise


def _facts(answer: Answer) -> dict[str, Any]:
    date = parse_http_date(answer.headers.get("date"))
    return {"headers": answer.headers, "url": answer.url, "status": answer.status, "server_date": date}
