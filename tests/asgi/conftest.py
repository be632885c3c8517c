"""Servers inside the test's process, so that a test sees the Python objects of its application."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import yett.testing
from support import Client

# The second is the path of Python 3.11 and of task factories, on every Python.
LOOPS = {
    "asyncio": {"loop": "asyncio"},
    "asyncio-not-eager": {"loop": "asyncio", "eager_tasks": False},
    "uvloop": {"loop": "uvloop"},
}


@pytest.fixture(params=LOOPS)
def serve_app(request: pytest.FixtureRequest) -> Iterator[Callable[..., int]]:
    """`serve_app(app, **settings)`: the port at which the application is served until the test ends."""
    with ExitStack() as stack:

        def start(app: Any, **settings: Any) -> int:
            settings = {**LOOPS[request.param], "lifespan": "off", "graceful_timeout": "5s", **settings}
            server = stack.enter_context(yett.testing.serve(app, **settings))
            return int(server.url.rsplit(":", 1)[1])

        yield start


@pytest.fixture
def connect(serve_app: Callable[..., int]) -> Iterator[Callable[..., Client]]:
    """`connect(app, **settings)`: a client of a server of the application."""
    with ExitStack() as stack:
        # Closed before the server ends: entered after it.
        yield lambda app, **settings: stack.enter_context(Client(serve_app(app, **settings)))
