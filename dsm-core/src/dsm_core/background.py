"""The event loop behind the synchronous face."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from dsm_core.errors import RequestError
from dsm_core.plugins.leash import is_left

__all__ = ["LoopThread"]

T = TypeVar("T")
_LEAVING_S: Final = 5.0


class LoopThread:
    """An event loop in a daemon thread, begun at first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on the loop and wait; an interrupt cancels it.

        Raises
        ------
        RequestError
            When it is called on the loop's own thread, or the manager is closed meanwhile.
        """
        loop = self._started()
        if threading.current_thread() is self._thread:
            work.close()
            raise RequestError(
                "The manager was called by one of its own observers.",
                hint="Put what is to be done on a queue, and call the manager once the call has ended.",
            )
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except CancelledError as error:
            raise RequestError("The manager was closed while it answered.", hint="Make a new one.") from error
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and its thread."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(self._loop,), name="dsm-loop", daemon=True)
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    while not loop.is_closed():
        try:
            loop.run_forever()
            return
        except (KeyboardInterrupt, SystemExit):
            # The task that raised it hands it to its caller, if the loop goes on.
            continue


async def _cancel_all() -> None:
    """End what is still running, so that nothing is left half way when the loop stops."""
    tasks = {task for task in asyncio.all_tasks() - {asyncio.current_task()} if not is_left(task)}
    for task in tasks:
        task.cancel()
    if not tasks:
        return
    done, _ = await asyncio.wait(tasks, timeout=_LEAVING_S)
    for task in done:
        if not task.cancelled():
            task.exception()
