"""Waiting for orders in an event loop."""

import asyncio
import contextlib
from collections.abc import Iterator

from .orders import Orders, Source


class AsyncOrders(Orders):
    """Those that have come; for an event loop."""

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(source)
        self._changed = asyncio.Event()
        self._loop = loop
        loop.add_reader(source.fileno(), self._on_news)

    def close(self) -> None:
        """The loop watches no more."""
        self._loop.remove_reader(self._source.fileno())

    def _on_news(self) -> None:
        if self.look():
            self._changed.set()

    async def first(self) -> None:
        """Wait until there is one."""
        while self.current is None:
            await self._changed.wait()

    async def until(self, done: asyncio.Event, seconds: float) -> None:
        """Wait until ``done``, or a stronger order has come, or ``seconds`` are over."""
        self._changed.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (done, self._changed)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.wait(waiting)


@contextlib.contextmanager
def watched(source: Source, loop: asyncio.AbstractEventLoop) -> Iterator[AsyncOrders]:
    """`AsyncOrders` of ``source`` while the block runs."""
    orders = AsyncOrders(source, loop)
    try:
        yield orders
    finally:
        orders.close()
