"""The life of a program: one event loop from start to exit code, signals, and background tasks that never die unseen.

SIGTERM and SIGINT ask `main` to end through an event; what "end" means (lame duck, draining, teardown) is the
program's own business. A second signal is an operator who will not wait: the process exits at once.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from clusterdns.errors import ConfigError
from clusterdns.limits import BACKGROUND_RESTART_SECONDS

logger = logging.getLogger(__name__)

T = TypeVar("T")


def run(main: Callable[[asyncio.Event], Awaitable[int]], *, hurries: bool = True) -> int:
    """Run `main(stop)` in a new event loop and return the process's exit code.

    `stop` is set by the first SIGTERM or SIGINT; the second exits with 128 + its number, running no cleanup. A process
    that is told by another one, too, does not hurry: then the second says what the first has said.
    A ConfigError from `main` becomes one line on stderr and exit code 1.
    """
    try:
        return asyncio.run(_with_signals(main, hurries))
    except ConfigError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    except KeyboardInterrupt:  # Ctrl-C before the loop had its own handler
        return 128 + signal.SIGINT


async def _with_signals(main: Callable[[asyncio.Event], Awaitable[int]], hurries: bool) -> int:
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if hurries:
            if stop.is_set():
                sys.stderr.flush()
                os._exit(128 + number)
            logger.info("%s: shutting down; once more to exit at once", number.name)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return await main(stop)


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` returns; or None, as soon as `stop` is set: then `work` is cancelled."""
    tasks = working, _ = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def eternal(name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Run `make()` as a background task for as long as the program lives; keep the task, cancel it to stop.

    Such a task handles the failures that it expects itself, so its end is a bug, unless a ConfigError says whose
    mistake it is. It is logged, a bug with its traceback, and the task is made again after a pause that doubles
    (BACKGROUND_RESTART_SECONDS) and starts anew when a run outlived the longest pause. Restarting beats exiting: one
    object of the cluster that trips the watch would otherwise take every replica of the cluster's DNS down with it, and
    old data still answers.
    """
    return asyncio.create_task(_run_forever(name, make), name=name)


async def _run_forever(name: str, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    shortest, longest = BACKGROUND_RESTART_SECONDS.minimum, BACKGROUND_RESTART_SECONDS.maximum
    pause = shortest
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            await make()
        except ConfigError as error:
            logger.error("%s failed: %s", name, error)
        except Exception:
            logger.exception("bug: %s failed", name)
        else:
            logger.error("bug: %s ended", name)
        if loop.time() - started > longest:
            pause = shortest
        logger.error("%s starts again in %g s", name, pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)


def settle_memory() -> None:
    """Tell the garbage collector that what exists now stays; call it once a program has started.

    Caches hold hundreds of thousands of objects without cycles. By default every seventh hundred new object has the
    collector look at the young ones, and soon at all: a tenth of the CPU of a cache miss, for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)
    # glibc keeps what was freed, a tenth of a process that has read a large list (malloc_trim(3)); musl does not.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
