"""What small ASGI applications of the tests are made of."""

import json
import queue
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from .server import PATIENCE_SECONDS

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def start(
    send: Send, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = (), **more: Any
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers), **more})


async def respond(send: Send, body: Any = b"", status: int = 200) -> None:
    """A whole response; anything but bytes is sent as JSON."""
    await start(send, status)
    await send(
        {"type": "http.response.body", "body": body if isinstance(body, bytes) else json.dumps(body).encode()}
    )


async def piece(send: Send, body: bytes = b"") -> None:
    """A piece of a response, to which more will come."""
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        body += message["body"]
        if not message["more_body"]:
            return body


class Outbox:
    """What an application, on its loop's thread, tells the test."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()

    def put(self, value: Any) -> None:
        self._queue.put(value)

    def get(self) -> Any:
        """The next thing told; fails after a patience that only a hang exhausts."""
        try:
            return self._queue.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise AssertionError("the application has not told what was expected") from None

    def is_empty(self) -> bool:
        return self._queue.empty()
