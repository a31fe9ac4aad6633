"""Tests know nothing of the machine's settings, which would win over theirs."""

from __future__ import annotations

import os

for _name in [name for name in os.environ if name.startswith("DSM_")]:
    del os.environ[_name]
