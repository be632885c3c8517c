"""Servers in which something stands still, and a gate that holds it until the test opens it."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import Client, ServerProcess, start_server
from support.wait import wait_until


class Stuck:
    """A server whose applications wait at `gate`, a FIFO: opening it for reading waits for the test."""

    def __init__(self, server: ServerProcess, stack: ExitStack) -> None:
        self.server, self._stack = server, stack
        self.wait_for = server.wait_for

    def connect(self) -> Client:
        return self._stack.enter_context(Client(self.server.port))

    def begin(self, path: str) -> Client:
        """A client that has sent a request."""
        client = self.connect()
        client.begin("GET", path)
        return client

    def open_gate(self) -> None:
        with open(self.server.folder / "gate", "w"):
            pass

    def message(self, words: str) -> str:
        """The message of the error log that begins with `words`, with all its lines."""
        self.wait_for(re.escape(words))
        after = self.server.log.split(words, 1)[1]
        lines = after.split("\n")
        end = next((number for number, line in enumerate(lines) if number and line.startswith("20")), None)
        return words + "\n".join(lines[:end])

    def line(self, path: str) -> dict[str, Any]:
        """The line of a request in the access log."""
        log = self.server.folder / "access"

        def lines() -> list[dict[str, Any]]:
            whole = log.read_text().split("\n")[:-1] if log.exists() else []
            return [line for line in map(json.loads, whole) if line["path"] == path]

        wait_until(lambda: bool(lines()), f"a line for {path}")
        (line,) = lines()
        return line


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Callable[..., Stuck]]:
    """`stuck(source, *options)`: a server without supervisor, unless `supervised`."""
    with ExitStack() as stack:

        def start(source: str, *options: str, supervised: bool = False) -> Stuck:
            os.mkfifo(tmp_path / "gate")
            alone = [] if supervised else ["--no-supervisor"]
            log = ["--access-log", "access", "--access-log-format", "json"]
            server = start_server(tmp_path, source, *alone, *log, *options)
            return Stuck(stack.enter_context(server), stack)

        yield start
