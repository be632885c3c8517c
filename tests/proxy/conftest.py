"""Servers behind proxies; every test runs against an ASGI and a WSGI application."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import ServerProcess
from support.server import start_target

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def reporter(interface: str) -> Iterator[Callable[..., ServerProcess]]:
    """`reporter(*options)`: a server of an application that tells what it was told; one for each set of options."""
    with ExitStack() as stack:
        running: dict[tuple[str, ...], ServerProcess] = {}

        def serve(*options: str) -> ServerProcess:
            if options not in running:
                server = start_target(f"report:{interface}", "--interface", interface, *options, folder=APPS)
                running[options] = stack.enter_context(server)
            return running[options]

        yield serve


@pytest.fixture
def alone(interface: str) -> Iterator[Callable[..., ServerProcess]]:
    """As `reporter`, for one test only."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(
            start_target(f"report:{interface}", "--interface", interface, *options, folder=APPS)
        )
