"""Fixtures of every room that asks an emulated venue; its conftest imports them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from binance.venues import NOW, Desk, Venues
from dsm_binance.emulator import Emulator

__all__ = ["desk", "venues"]


@pytest.fixture
def venues() -> Iterator[Venues]:
    """Starts emulators; they stop with the test."""
    with ExitStack() as stack:

        def start(**given: Any) -> Emulator:
            return stack.enter_context(Emulator(**({"now": NOW} | given)))

        yield start


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Makes managers; they are closed with the test."""
    made = Desk(tmp_path)
    with made.stack:
        yield made
