"""Fixtures of the tests of logs."""

from collections.abc import Callable
from typing import Any

import pytest

from support import Client, ServerProcess
from support.logs import BOTH


@pytest.fixture(params=sorted(BOTH))
def interface(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def start(serve: Callable[..., ServerProcess], interface: str) -> Callable[..., ServerProcess]:
    """`start(*options)`: a server of the application of this interface, its access log in `log`."""
    return lambda *options, **more: serve(
        BOTH[interface], "--interface", interface, "--access-log", "log", *options, **more
    )


@pytest.fixture
def get() -> Callable[..., Any]:
    """`get(server, path, *fields)`: one request on a connection of its own."""

    def one(server: ServerProcess, path: str = "/", *fields: str) -> Any:
        with Client(server.port) as client:
            return client.get(path, *fields)

    return one
