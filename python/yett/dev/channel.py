"""News for pages in a browser, as server-sent events.

Each worker has a channel. It ends when the worker is told to stop: the page then connects to the worker that has taken
its place, sees from the generation that there is newer code, and reloads.
"""

import asyncio
import json
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .session import Session

EVENTS = "/__yett__/events"
# Between two signs of life: so soon a thread notices that its page has gone.
_HEARTBEAT_SECONDS = 15.0
# How soon a page connects again, in milliseconds; and how soon where there is no thread to spare for it.
_RETRY = 300
_RETRY_WITHOUT_THREAD = 1500
HEADERS = [
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
]


class Channel:
    """The pages that are connected to this worker."""

    def __init__(self, session: Session, generation: int, *, most_threads: int = 0) -> None:
        """``most_threads``: how many threads may wait for news at the same time (WSGI)."""
        self._session = session
        self._generation = generation
        self._lock = threading.Lock()
        self._listeners: set[Callable[[], None]] = set()
        self._stopped = False
        self._bell: socket.socket | None = None
        self._threads_left = most_threads

    def state(self, retry: int = _RETRY) -> bytes:
        """The event that says what this worker serves, and what keeps newer code from loading."""
        error = self._session.state().error
        shown = error and {"id": error["id"], "title": error["title"], "text": error["text"]}
        data = json.dumps({"generation": self._generation, "error": shown})
        return f"retry: {retry}\nevent: state\ndata: {data}\n\n".encode()

    def stop(self) -> None:
        """End all connections: the worker finishes."""
        with self._lock:
            self._stopped = True
            if self._bell is not None:
                self._bell.close()
        self._tell_all()

    # ---- ASGI ----

    async def serve(self, receive: Any, send: Any) -> None:
        """Answer a request with news until the client or the worker goes."""
        headers = [(name.encode(), value.encode()) for name, value in HEADERS]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.set)

        leaving = asyncio.ensure_future(_until_gone(receive))
        leaving.add_done_callback(lambda _: news.set())
        self._listen(tell)
        try:
            while not self._stopped and not leaving.done():
                news.clear()
                await send({"type": "http.response.body", "body": self.state(), "more_body": True})
                while not news.is_set():
                    try:
                        await asyncio.wait_for(news.wait(), _HEARTBEAT_SECONDS)
                    except TimeoutError:
                        await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            if not leaving.done():
                await send({"type": "http.response.body", "body": b""})
        except OSError:
            pass  # the page has gone
        finally:
            self._listeners.discard(tell)
            leaving.cancel()

    # ---- WSGI ----

    def pieces(self) -> "Iterator[bytes]":
        """The body of a response. With no thread to spare it is one event, and the page asks again."""
        with self._lock:
            waits = self._threads_left > 0
            self._threads_left -= waits
        if not waits:
            return iter([self.state(_RETRY_WITHOUT_THREAD)])
        return self._waiting()

    def _waiting(self) -> Iterator[bytes]:
        news = threading.Event()
        self._listen(news.set)
        try:
            while True:
                # Before anything is looked at: what is told from now on is not lost.
                news.clear()
                if self._stopped:
                    break
                yield self.state()
                while not news.wait(_HEARTBEAT_SECONDS):
                    yield b":\n\n"
        finally:
            with self._lock:
                self._listeners.discard(news.set)
                self._threads_left += 1

    # ---- both ----

    def _listen(self, tell: Callable[[], None]) -> None:
        with self._lock:
            self._listeners.add(tell)
            if self._stopped:
                tell()
            elif self._bell is None:
                # Only once somebody listens. A daemon: it has nothing to finish.
                ours, self._bell = socket.socketpair()
                threading.Thread(target=self._watch, args=(ours,), name="yett-dev-news", daemon=True).start()

    def _watch(self, bell: socket.socket) -> None:
        try:
            watcher = self._session.watch()
        except (OSError, ValueError):
            # Too many are watched already. Whoever comes next tries again.
            with bell, self._lock:
                self._bell = None
            return
        with bell, selectors.DefaultSelector() as selector:
            selector.register(watcher.fileno(), selectors.EVENT_READ, watcher)
            selector.register(bell, selectors.EVENT_READ)
            # What has changed between the first look of whoever listens and this moment was told by nobody.
            self._tell_all()
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return  # the other end is closed
                    watcher.read()
                    self._tell_all()

    def _tell_all(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for tell in listeners:
            tell()


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
