"""Requests of mixed cost, ASGI and WSGI: nothing, a millisecond of computing, 20 ms of waiting.

The answer names the process.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

COMPUTING_SECONDS = 0.001
WAITING_SECONDS = 0.02


def _compute() -> None:
    end = time.thread_time() + COMPUTING_SECONDS
    while time.thread_time() < end:
        pass


async def asgi(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    if scope["path"] == "/compute":
        _compute()
    elif scope["path"] == "/wait":
        await asyncio.sleep(WAITING_SECONDS)
    body = b"%d" % os.getpid()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/compute":
        _compute()
    elif environ["PATH_INFO"] == "/wait":
        time.sleep(WAITING_SECONDS)
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
