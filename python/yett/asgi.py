"""Serving an ASGI application: its event loop, its lifespan, and its orderly end."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from . import _core
from .async_orders import AsyncOrders, watched
from .lifespan import Lifespan
from .loops import run_to_end, running_loop
from .orders import LAST_REQUEST_SECONDS, Order, Source
from .threads import LAST_WORDS_SECONDS


def serve(
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    source: Source,
    started: Callable[[], None],
    slot: _core.Slot | None = None,
) -> Order | None:
    """Serve in an event loop of this thread until ``source`` has an order: the last one.

    ``started`` is called when it begins.
    """
    with running_loop(settings.loop) as loop, watched(source, loop) as orders:
        run_to_end(loop, serve_until(orders, application, listeners, settings, started, slot))
        return orders.current


def as_coroutine_function(call: Callable[..., Any]) -> Callable[..., Any]:
    """An application that returns a coroutine, of one that returns another awaitable."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await call(scope, receive, send)

    return application


async def serve_until(
    orders: AsyncOrders,
    application: Callable[..., Any],
    listeners: list[_core.Listener],
    settings: _core.Settings,
    started: Callable[[], None],
    slot: _core.Slot | None = None,
) -> None:
    """Lifespan start-up, serving until there is an order, draining, lifespan shutdown."""
    loop = asyncio.get_running_loop()
    lifespan = Lifespan(application, settings.lifespan)
    await _unless_stopped(lifespan.startup(), orders)
    try:
        if orders.current is None:
            server = _core.Server(
                application, loop, listeners, settings, lifespan.state, lifespan.context, slot
            )
            server.start()
            try:
                with server.watch():
                    started()
                    await orders.first()
                    await _finish(server, orders, settings)
            finally:
                server.close()
    finally:
        await lifespan.shutdown(
            LAST_WORDS_SECONDS if orders.current == "quick" else settings.graceful_timeout
        )


async def _unless_stopped(startup: Any, orders: AsyncOrders) -> None:
    """Run the start-up, or give it up when the server is told to stop meanwhile."""
    starting, stopping = asyncio.ensure_future(startup), asyncio.ensure_future(orders.first())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.wait([starting, stopping])


async def _finish(server: _core.Server, orders: AsyncOrders, settings: _core.Settings) -> None:
    """Let running requests finish; cancel those that take too long."""
    if orders.current == "drain" and settings.drain_delay:
        server.closing()
        await orders.until(asyncio.Event(), settings.drain_delay)
    elif orders.current == "retire":
        emptied = asyncio.Event()
        server.leave(emptied.set)
        await orders.until(emptied, LAST_REQUEST_SECONDS)
    drained = asyncio.Event()
    server.drain(drained.set)
    loop = asyncio.get_running_loop()
    end = loop.time() + settings.graceful_timeout
    spared = False
    while not drained.is_set() and orders.current != "quick":
        if (left := end - loop.time()) > 0:
            await orders.until(drained, left)
        elif orders.current == "retire" and not spared and settings.stream_drain_timeout:
            # Streams have more time. What is cancelled now comes to its end meanwhile.
            server.cancel_running(streams=False)
            spared = True
            end += settings.stream_drain_timeout
        else:
            break
    if not drained.is_set() and server.cancel_running():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await drained.wait()
