"""Serving an ASGI application: its event loop, its lifespan, and its orderly end."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from . import _core
from .lifespan import Lifespan
from .loops import run_to_end, running_loop
from .threads import LAST_WORDS_SECONDS


def serve(
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    signals: _core.StopSignals,
    started: Callable[[], None],
) -> None:
    """Serve in an event loop of this thread until a signal has arrived."""
    with running_loop(settings.loop) as loop:
        stop = asyncio.Event()

        def on_signal() -> None:
            signals.read()
            stop.set()

        loop.add_reader(signals.fileno(), on_signal)
        run_to_end(loop, serve_until(stop, application, listeners, settings, started))
        loop.remove_reader(signals.fileno())


def as_coroutine_function(call: Callable[..., Any]) -> Callable[..., Any]:
    """An application that returns a coroutine, of one that returns another awaitable."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await call(scope, receive, send)

    return application


async def serve_until(
    stop: asyncio.Event,
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    started: Callable[[], None],
) -> None:
    """Lifespan start-up, serving until ``stop``, draining, lifespan shutdown."""
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(application, settings.lifespan)
    await _unless_stopped(lifespan.startup(), stop)
    try:
        if not stop.is_set():
            server = _core.Server(application, loop, listeners, settings, lifespan.state, lifespan.context)
            server.start()
            try:
                started()
                await stop.wait()
                await _drain(server, settings.graceful_timeout)
            finally:
                server.close()
    finally:
        await lifespan.shutdown(settings.graceful_timeout)


async def _unless_stopped(startup: Any, stop: asyncio.Event) -> None:
    """Run the start-up, or give it up when the server is told to stop meanwhile."""
    starting, stopping = asyncio.ensure_future(startup), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.wait([starting, stopping])


async def _drain(server: _core.Server, graceful_timeout: float) -> None:
    """Let running requests finish; cancel those that take too long."""
    drained = asyncio.Event()
    server.drain(drained.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(graceful_timeout):
            await drained.wait()
    if not drained.is_set() and server.cancel_running():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await drained.wait()
