"""The endpoints behind the page's panels: each shows one thing that a server must do well."""

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from .web import JSON, NOT_STORED, Receive, Scope, Send, answer, header, number, start

# The gate on the page has so many bars, and is made in some three seconds.
_PARTS, _PAUSE_MS = 12, 250
TICK_SECONDS = 1.0
# An event stream ends after so many events and the browser comes back for more. So a page that somebody left
# open does not hold up a server that waits for its last responses before it stops.
_EVENTS = 10
# Not for a screenshot, and of no use to anybody else.
_SECRET_HEADERS = {b"authorization", b"cookie", b"proxy-authorization"}


@dataclass
class Counters:
    """What this process did since its start-up. Made by the lifespan, shared by all requests through the state."""

    started: float = field(default_factory=time.monotonic)
    requests: int = 0
    active: int = 0
    departed: int = 0  # clients that left before their response was complete
    uploaded: int = 0  # bytes

    def report(self) -> dict[str, Any]:
        return {
            "uptime": round(time.monotonic() - self.started, 1),
            "requests": self.requests,
            "active": self.active,
            "departed": self.departed,
            "uploaded": self.uploaded,
            "process": os.getpid(),
        }


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    """A response in ``?parts=``, ``?pause=`` milliseconds apart: one JSON object a line, sent when it is made."""
    parts = number(scope, "parts", default=_PARTS, least=1, most=200)
    pause = number(scope, "pause", default=_PAUSE_MS, least=0, most=2000) / 1000
    await start(send, 200, b"application/x-ndjson", NOT_STORED)
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body"})
        return
    began = time.monotonic()
    async with departure(receive) as gone:
        for part in range(1, parts + 1):
            if part > 1:
                await _pause(gone, pause)
            line = {"part": part, "of": parts, "ms": round((time.monotonic() - began) * 1000)}
            body = json.dumps(line).encode() + b"\n"
            await send({"type": "http.response.body", "body": body, "more_body": part < parts})


async def events(scope: Scope, receive: Receive, send: Send) -> None:
    """Server-sent events: the counters, once a second. A browser that comes back goes on with the next number."""
    await start(send, 200, b"text/event-stream", NOT_STORED)
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body"})
        return
    last = header(scope, b"last-event-id")
    first = int(last) + 1 if last.isdigit() and len(last) < 10 else 1
    async with departure(receive) as gone:
        for event in range(first, first + _EVENTS):
            data = json.dumps(scope["counters"].report())
            body = f"id: {event}\nretry: 1000\ndata: {data}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await _pause(gone, TICK_SECONDS)
        await send({"type": "http.response.body"})


async def upload(scope: Scope, receive: Receive, send: Send) -> None:
    """Size and SHA-256 of the request body, which is read piece by piece and kept nowhere."""
    digest, size, parts, began = hashlib.sha256(), 0, 0, time.monotonic()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client left in the middle of its upload")
        body = message.get("body", b"")
        digest.update(body)
        size += len(body)
        parts += bool(body)
        more = message.get("more_body", False)
    scope["counters"].uploaded += size
    report = {
        "size": size,
        "sha256": digest.hexdigest(),
        "parts": parts,
        "ms": round((time.monotonic() - began) * 1000),
    }
    await _json(scope, send, report)


async def seen(scope: Scope, receive: Receive, send: Send) -> None:
    """This request as the application gets it."""
    client, server = scope.get("client"), scope.get("server")
    plain = ("type", "http_version", "method", "scheme", "path", "root_path")
    report = {
        "scope": {
            **{key: scope.get(key) for key in plain},
            "raw_path": (scope.get("raw_path") or b"").decode("latin-1"),
            "query_string": scope["query_string"].decode("latin-1"),
            "client": list(client) if client else None,
            "server": list(server) if server else None,
            "asgi": scope["asgi"],
        },
        "headers": [[name.decode("latin-1"), _shown(name, value)] for name, value in scope["headers"]],
        "extensions": sorted(scope.get("extensions") or {}),
        "state": {"offered": "state" in scope, **scope["counters"].report()},
        "runtime": {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
        },
    }
    await _json(scope, send, report)


async def knock(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest answer with a body."""
    await answer(scope, send, 200, b"open\n", b"text/plain; charset=utf-8", NOT_STORED)


@contextlib.asynccontextmanager
async def departure(receive: Receive) -> AsyncIterator[asyncio.Task[None]]:
    """A task that is done as soon as the client is gone; it is cancelled when the block ends before."""

    async def wait() -> None:
        # Before the disconnect there is at most the request body, which nobody wants here.
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(wait())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _pause(gone: asyncio.Task[None], seconds: float) -> None:
    """Wait so long; ends early with ``ConnectionResetError`` when the client leaves."""
    done, _ = await asyncio.wait({gone}, timeout=seconds)
    if done:
        gone.result()  # raises what `receive` raised, if it did
        raise ConnectionResetError("the client left in the middle of its response")


async def _json(scope: Scope, send: Send, report: dict[str, Any]) -> None:
    await answer(scope, send, 200, json.dumps(report, indent=2).encode() + b"\n", JSON, NOT_STORED)


def _shown(name: bytes, value: bytes) -> str:
    return f"({len(value)} bytes, not shown)" if name in _SECRET_HEADERS else value.decode("latin-1")
