"""Tests know nothing of the machine's settings, which would win over theirs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# How much the torture tests do is no setting of DSM's.
for _name in [n for n in os.environ if n.startswith("DSM_") and not n.startswith("DSM_TORTURE")]:
    del os.environ[_name]

# What is tested there is what a user of dsm-binance alone sees; here other providers are installed too.
_ROOMS_OF_BINANCE = ("binance", "cli", "docs", "observe", "porting", "report", "scaffold")


@pytest.fixture(autouse=True, scope="module")
def _one_provider(request: pytest.FixtureRequest) -> Iterator[None]:
    room = Path(request.path).relative_to(Path(__file__).parent).parts[0]
    with pytest.MonkeyPatch.context() as patch:
        if room in _ROOMS_OF_BINANCE:
            patch.setenv("DSM_PROVIDER", "binance")
        yield
