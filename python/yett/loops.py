"""Event loops: which one, and how one is brought to its end, whatever the application has left running."""

import asyncio
import contextlib
import importlib
import importlib.util
from typing import Any

from . import _core, importer
from .threads import LAST_WORDS_SECONDS


@contextlib.contextmanager
def running_loop(kind: str) -> Any:
    """A new event loop, current in this thread, closed at the end as `asyncio.run` closes it."""
    loop = new_loop(kind)
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        try:
            _cancel_leftovers(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            # Also tells the threads of `run_in_executor` to end, without waiting: `loop.shutdown_default_executor()`
            # would wait without a limit for one that is busy (3.11, uvloop). Who has more time waits for threads.
            loop.close()


def import_loop(kind: str) -> None:
    """Import the module of the loops of the given kind, if it can be: `new_loop` says why not."""
    if kind != "asyncio":
        with contextlib.suppress(ImportError):
            importlib.import_module("uvloop")


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """An event loop of the given kind; ``auto`` is uvloop where it is installed."""
    if kind == "uvloop" or (kind == "auto" and importlib.util.find_spec("uvloop") is not None):
        try:
            import uvloop
        except ImportError as error:
            if kind == "uvloop":
                raise importer.TargetError(
                    f"--loop uvloop: it cannot be imported ({error})", hint="install it: pip install uvloop"
                ) from None
        else:
            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def run_to_end(loop: asyncio.AbstractEventLoop, main: Any) -> None:
    """Run ``main`` to its end. A request that raises SystemExit or KeyboardInterrupt ends itself, not the server."""
    task = loop.create_task(main)
    while not task.done():
        try:
            loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done():
                raise
            # Whose task it was has said so already, or will (lifespan).
            _core.write_log("debug", f"{type(error).__name__} was raised by the application")
    task.result()


def _cancel_leftovers(loop: asyncio.AbstractEventLoop) -> None:
    """Tasks that the application has left running, such as background work."""
    leftovers = asyncio.all_tasks(loop)
    for task in leftovers:
        task.cancel()
    if leftovers:
        ended, stubborn = loop.run_until_complete(asyncio.wait(leftovers, timeout=LAST_WORDS_SECONDS))
        for task in ended:
            if not task.cancelled():
                task.exception()  # seen: a failure on the way out is of no more use to anybody
        if stubborn:
            _core.write_log(
                "warning", f"{len(stubborn)} tasks ignore that they were cancelled and are given up"
            )
