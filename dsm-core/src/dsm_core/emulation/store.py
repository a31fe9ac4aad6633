"""Built things, kept up to a number of bytes; what was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, TypeVar

__all__ = ["Store"]

Value = TypeVar("Value")


class Store(Generic[Value]):
    """A thread-safe cache bounded by the size of its values."""

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._max, self._size, self._held = max_bytes, size, 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable) -> Value | None:
        """Give a kept value, or ``None``."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def get_or_build(self, key: Hashable, build: Callable[[], Value]) -> Value:
        """Give a kept value, or build and keep it."""
        with self._lock:
            value = self.get(key)
            if value is None:
                value = build()
                self._keep(key, value)
            return value

    def drop(self, key: Hashable) -> None:
        """Forget one value."""
        with self._lock:
            value = self._values.pop(key, None)
            self._held -= 0 if value is None else self._size(value)

    def _keep(self, key: Hashable, value: Value) -> None:
        self._values[key] = value
        self._held += self._size(value)
        while self._held > self._max and len(self._values) > 1:
            _, oldest = self._values.popitem(last=False)
            self._held -= self._size(oldest)
