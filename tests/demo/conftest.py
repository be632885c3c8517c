"""Drives the showcase as a server drives it, without a socket."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from yett.demo import app

# Only a bug can make a response of the showcase take so long without waiting for its client.
LIMIT_SECONDS = 20


@dataclass
class Response:
    messages: list[dict] = field(default_factory=list)

    @property
    def start(self) -> dict:
        starts = [message for message in self.messages if message["type"] == "http.response.start"]
        assert len(starts) == 1
        return starts[0]

    @property
    def status(self) -> int:
        return self.start["status"]

    @property
    def headers(self) -> dict[str, str]:
        names = [name for name, _ in self.start["headers"]]
        assert len(names) == len(set(names)), "no header twice"
        assert all(name == name.lower() for name in names)
        return {name.decode(): value.decode() for name, value in self.start["headers"]}

    @property
    def parts(self) -> list[bytes]:
        return [
            message.get("body", b"") for message in self.messages if message["type"] == "http.response.body"
        ]

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def complete(self) -> bool:
        last = self.messages[-1]
        return last["type"] in ("http.response.body", "http.response.pathsend") and not last.get(
            "more_body", False
        )

    def json(self) -> dict:
        return json.loads(self.body)


class Server:
    """One lifespan and the requests in it."""

    def __init__(self) -> None:
        self.state: dict = {}
        self.lifespan: list[str] = []

    async def startup(self) -> None:
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive():
            return {"type": next(messages)}

        async def send(message):
            self.lifespan.append(message["type"])

        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}, receive, send)

    async def request(
        self,
        method: str,
        target: str,
        *,
        body: Iterable[bytes] = (b"",),
        headers: Iterable[tuple[bytes, bytes]] = (),
        extensions: Iterable[str] = (),
        leave_after: int | None = None,
        send_fails: bool = False,
        **scope,
    ) -> Response:
        """``leave_after``: the client goes away when it has got so many messages (0: before the first, in its body)."""
        path, _, query = target.partition("?")
        response = Response()
        gone = asyncio.Event()
        pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
        if leave_after == 0:
            gone.set()
        else:
            pieces[-1]["more_body"] = False

        async def receive():
            if pieces:
                return pieces.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if gone.is_set() and send_fails:
                raise OSError("the client is gone")
            if not gone.is_set():
                response.messages.append(message)
                if len(response.messages) == leave_after:
                    gone.set()

        whole_scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": list(headers),
            "client": ("192.0.2.1", 4711),
            "server": ("127.0.0.1", 8000),
            "extensions": {name: {} for name in extensions},
            "state": self.state,
            **scope,
        }
        await asyncio.wait_for(app(whole_scope, receive, send), LIMIT_SECONDS)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "no task stays behind"
        return response


@pytest.fixture
def served():
    """A function: the responses to ``(method, target, options)``, one after the other, from one server."""

    def run(*requests: tuple[str, str, dict]) -> list[Response]:
        async def serve() -> list[Response]:
            server = Server()
            await server.startup()
            return [await server.request(method, target, **options) for method, target, options in requests]

        return asyncio.run(serve())

    return run


@pytest.fixture
def get(served):
    """A function: the response to one GET."""
    return lambda target, **options: served(("GET", target, options))[0]


@pytest.fixture
def server():
    """A server that has not started."""
    return Server()
