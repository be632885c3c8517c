"""A supervisor with its workers: an application twice, and what is asked of such a server from outside."""

import contextlib
import os
import re
import signal
from pathlib import Path

from . import processes
from .raw import Client
from .server import ServerProcess
from .wait import wait_until

# Alike for both interfaces. What runs is told on standard output; a request to /wait waits for the file `release`.
ASGI = """
    import asyncio, os, signal, subprocess, sys, time

    VERSION = "1"

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        path, status, body = scope["path"], 200, b""
        if path.startswith("/echo"):
            body = f"{VERSION} {os.getpid()} {path}".encode()
        elif path == "/wait":
            say("waiting", os.getpid())
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
            body = b"waited"
        elif path == "/block":
            say("blocking", os.getpid())
            while True:
                time.sleep(1000)
        elif path == "/stream":
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            while not os.path.exists("release"):
                await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b" ended"})
            return
        else:
            body = ask(path, scope["query_string"].decode())
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body", "body": body})

    async def lifespan(receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        say("shutdown", os.getpid())
        await send({"type": "lifespan.shutdown.complete"})

    def ask(path, query):
        return b""
"""

WSGI = """
    import os, signal, subprocess, sys, time

    VERSION = "1"

    def say(*words):
        os.write(1, (" ".join(map(str, words)) + "\\n").encode())

    def app(environ, start_response):
        path, body = environ["PATH_INFO"], b""
        if path.startswith("/echo"):
            body = f"{VERSION} {os.getpid()} {path}".encode()
        elif path == "/wait":
            say("waiting", os.getpid())
            while not os.path.exists("release"):
                time.sleep(0.01)
            body = b"waited"
        elif path == "/block":
            say("blocking", os.getpid())
            while True:
                time.sleep(1000)
        elif path == "/stream":
            start_response("200 OK", [])
            return stream()
        else:
            body = ask(path, environ["QUERY_STRING"])
        start_response("200 OK", [])
        return [body]

    def stream():
        yield b"begun"
        while not os.path.exists("release"):
            time.sleep(0.01)
        yield b" ended"

    def ask(path, query):
        return b""
"""

BOTH = {"asgi": ASGI, "wsgi": WSGI}


class Supervised(ServerProcess):
    """A server of several processes, all of which are gone when the test ends."""

    def __init__(
        self, folder: Path, source: str, *options: str, env: dict[str, str] | None = None, **more
    ) -> None:
        """`source` is written to app.py in `folder` and served on a free port, unless `options` say otherwise."""
        self.folder = folder
        self.change(source)
        bind = [] if {"-b", "--bind"} & set(options) else ["--bind", "127.0.0.1:0"]
        # All of what the supervisor does is told.
        level = [] if "--log-level" in options else ["--log-level", "debug"]
        super().__init__(
            ["app:app", *bind, *level, *options], cwd=folder, env=env, start_new_session=True, **more
        )

    def release(self) -> None:
        """The requests to /wait and /stream go on."""
        (self.folder / "release").touch()

    def get(self, path: str) -> bytes:
        """The body of an answer, over a connection of its own."""
        with contextlib.closing(Client(self.port)) as client:
            response = client.get(path)
            assert response.status == 200, response
            return response.body

    @property
    def supervisor(self) -> int:
        """The process that takes signals."""
        return self.process.pid

    def wait_for_times(self, pattern: str, times: int) -> list[str]:
        """Wait until so many lines of the output match; all that do."""
        found: list[str] = []
        looked = 0

        def enough() -> bool:
            nonlocal looked
            lines = self.log.splitlines()[looked:]
            looked += len(lines)
            found.extend(line for line in lines if re.search(pattern, line))
            return len(found) >= times

        try:
            wait_until(enough, f"{times} lines match {pattern!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}, but {len(found)}:\n{self.log}") from None
        return found

    def wait_for_ready(self, times: int) -> None:
        """Wait until so many workers have been ready since the start."""
        self.wait_for_times(r"worker \d+ \(pid \d+\) is ready$", times)

    def wait_for_workers(self, count: int) -> list[int]:
        """Wait until there are so many, no more and no fewer."""
        wait_until(lambda: len(self.workers) == count, f"{count} workers")
        return self.workers

    def waiting(self, times: int = 1) -> list[int]:
        """Wait until so many requests to /wait have begun; the workers that have them."""
        return [int(line.split()[1]) for line in self.wait_for_times(r"^waiting \d+$", times)]

    def reload(self, times: int = 1) -> None:
        """SIGHUP, and wait until all workers have the new code: for the `times`th time."""
        self.signal(signal.SIGHUP)
        self.wait_for_times("reload is through", times)

    def end(self) -> int:
        """The exit code of the first process, also if others have its output now."""
        return self.process.wait(timeout=30)

    def group(self) -> list[int]:
        """All its processes, and what the application has left."""
        return processes.in_group(self.supervisor)

    def __exit__(self, *exception: object) -> None:
        # Not the first process only: one that is to be killed by its supervisor would live on without it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.supervisor, signal.SIGKILL)
        super().__exit__()


def start_supervised(folder: Path, source: str, *options: str, **more) -> Supervised:
    """Ready when this returns."""
    server = Supervised(folder, source, *options, **more)
    try:
        assert server.url
    except BaseException:
        server.__exit__()
        raise
    return server
