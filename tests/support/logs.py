"""What the tests of logs share: one application twice, and reading a log as it comes."""

import json
from pathlib import Path
from typing import Any

from .raw import Client
from .server import ServerProcess
from .wait import wait_until

# What the logs say must not depend on the interface.
ASGI = """
    import asyncio

    async def app(scope, receive, send):
        path = scope["path"]
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        if path == "/fail":
            raise RuntimeError("as asked\\nFORGED")
        if path == "/read":
            while (await receive()).get("more_body"):
                pass
        if path == "/wait":
            print("waiting", flush=True)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if path == "/variables":
            scope["tenant"], scope["number"], scope["object"] = "a b\\"c\\n", 7, object()
        fields = [(b"x-out", b'say "hi"')]
        if path == "/own-id":
            fields.append((b"X-Request-ID", b"mine"))
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        if path == "/large":
            for _ in range(400):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        body = {"/id": scope.get("yett.request_id", "none"), "/traceparent": headers.get("traceparent", "none")}
        if path == "/broken":
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            raise RuntimeError("as asked")
        await send({"type": "http.response.body", "body": body.get(path, "hello").encode()})
"""

WSGI = """
    import os

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/fail":
            raise RuntimeError("as asked\\nFORGED")
        if path == "/read":
            environ["wsgi.input"].read()
        if path == "/variables":
            environ["tenant"], environ["number"], environ["object"] = "a b\\"c\\n", 7, object()
        fields = [("x-out", 'say "hi"')]
        if path == "/own-id":
            fields.append(("X-Request-ID", "mine"))
        start_response("200 OK", fields)
        if path == "/large":
            return (bytes(100_000) for _ in range(400))
        if path == "/broken":
            return broken()
        body = {"/id": environ.get("yett.request_id", "none"),
                "/traceparent": environ.get("HTTP_TRACEPARENT", "none")}
        return [body.get(path, "hello").encode()]

    def broken():
        yield b"begun"
        raise RuntimeError("as asked")
"""

BOTH = {"asgi": ASGI, "wsgi": WSGI}


class Lines:
    """The lines of a log file as they come."""

    def __init__(self, server: ServerProcess, name: str = "log") -> None:
        self.path, self.seen = server.folder / name, 0

    def next(self) -> str:
        def whole() -> list[str]:
            # The last may be under way, and end in the middle of a character.
            return [line.decode() for line in self.path.read_bytes().split(b"\n")[:-1]]

        wait_until(lambda: len(whole()) > self.seen, "a line in the log")
        line = whole()[self.seen]
        self.seen += 1
        return line

    def object(self) -> dict[str, Any]:
        """The next line, which is a JSON object."""
        return json.loads(self.next())

    def nothing_more(self, server: ServerProcess) -> None:
        """The server has ended, and there were no more lines than those that were read."""
        assert server.stop() == 0
        assert self.path.read_text().split("\n")[self.seen : -1] == []


def is_up(path: Path) -> bool:
    """Whether a server listens on a unix socket: for one whose error log goes elsewhere than to its output."""
    try:
        Client(str(path)).close()
    except OSError:
        return False
    return True
