"""The suite that a provider's author subclasses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dsm_core.errors import PluginContractError
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.testing.bars import Bars
from dsm_core.testing.case import check_expected_failures, check_untouched
from dsm_core.testing.cases.archives import ArchiveCases
from dsm_core.testing.cases.bodies import BodyCases
from dsm_core.testing.cases.calendar import CalendarCases
from dsm_core.testing.cases.life import LifeCases
from dsm_core.testing.cases.paging import PagingCases
from dsm_core.testing.cases.planning import PlanningCases
from dsm_core.testing.cases.ranges import RangeCases
from dsm_core.testing.cases.secrecy import SecrecyCases
from dsm_core.testing.cases.symbols import SymbolCases
from dsm_core.testing.cases.trouble import TroubleCases
from dsm_core.testing.cases.values import ValueCases
from dsm_core.testing.messages import Request
from dsm_core.testing.stage import Stage

__all__ = ["ClientSuite"]


class ClientSuite(
    RangeCases,
    PagingCases,
    ValueCases,
    CalendarCases,
    SymbolCases,
    TroubleCases,
    BodyCases,
    ArchiveCases,
    PlanningCases,
    LifeCases,
    SecrecyCases,
):
    """Every numbered case, for one client.

    Subclass it in a test module under a name that begins with ``Test``, set the attributes, write
    :meth:`answer` (or :meth:`load`), and run pytest. The kit registers the provider in a registry of
    its own, with its own cache and configuration; nothing of the machine's is read, and every
    address of the provider's configuration leads to the kit's server on the loopback.

    Attributes
    ----------
    provider
        A ``Provider``, or the plugin module with ``dsm_provider()``.
    client
        Which of its clients.
    symbol
        A symbol that the client accepts.
    other_symbol
        A second one, where the client's requests carry both as text.
    config
        The provider's section of the configuration; addresses need not be given. May be a property.
    options
        Options of every request.
    secrets
        Texts that no log and no error may show, beside the ``Secret`` values of ``config``.
    auxiliary
        Beginnings of paths whose requests are not counted and never fail, such as that of a token.
    values
        Functions of a row's time (UTC nanoseconds) that replace what the kit invents, by column.
    expected_failures
        Case numbers with a reason: ``{"c17": "the venue has no ..."}``. Such a case must fail.
    """

    provider: Any = None
    client: ClassVar[type[DataClientInterface]]
    symbol: ClassVar[str] = ""
    other_symbol: ClassVar[str | None] = None
    config: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    secrets: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    values: Mapping[str, Callable[[int], Any]] = {}
    expected_failures: Mapping[str, str] = {}
    stage: Stage
    folder: Path

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        check_untouched(cls, ClientSuite)
        cls.expected_failures = check_expected_failures(cls.__name__, cls.expected_failures)

    def answer(self, request: Request, bars: Bars) -> Any:
        """The venue's answer to a request: the inverse of the client.

        Parameters
        ----------
        request
            What the client sent.
        bars
            All that the venue has at this moment of the series that the request is about.

        Returns
        -------
        Any
            A JSON value, text, bytes, a :class:`~dsm_core.testing.Response`, or None for a 404.
        """
        raise NotImplementedError

    def load(self, bars: Bars) -> None:
        """Put rows where the client reads them; for clients that need no HTTP, instead of ``answer``.

        Called before each question, with all rows that the source should have then: those of an
        earlier call that are not among them must go. ``self.folder`` is the test's own.
        """
        raise NotImplementedError

    def error_inside_200(self, request: Request) -> Any:
        """The venue's answer when it reports an error of its own inside a 200; optional."""
        raise NotImplementedError

    def unknown_symbol(self, request: Request) -> Any:
        """The venue's answer about a symbol that it does not know; optional."""
        raise NotImplementedError

    @classmethod
    def overrides(cls, name: str) -> bool:
        """Whether the suite wrote a method itself."""
        return getattr(cls, name) is not getattr(ClientSuite, name)

    @property
    def loads(self) -> bool:
        """Whether the client reads what :meth:`load` wrote, without HTTP."""
        return self.overrides("load")

    @pytest.fixture(autouse=True)
    def _dsm_stage(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self._check()
        # Variables win over a configuration: the kit would read and fill the author's own cache.
        for name in [name for name in os.environ if name.startswith("DSM_")]:
            monkeypatch.delenv(name)
        self.folder = tmp_path
        with Stage(self, tmp_path) as self.stage:
            yield

    def _check(self) -> None:
        name = type(self).__name__
        for attribute, what in (
            ("provider", "a Provider"),
            ("client", "a client class"),
            ("symbol", "a symbol"),
        ):
            if not getattr(self, attribute, None):
                raise PluginContractError(f"{name}.{attribute} is missing.", hint=f"Set it to {what}.")
        if self.overrides("answer") == self.loads:
            raise PluginContractError(
                f"{name} must write either answer() or load().",
                hint="answer(request, bars) for clients that speak HTTP, load(bars) for others.",
            )
