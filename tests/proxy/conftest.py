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
    """`reporter(*options)`: a server of an application that tells what it was told; one for each set of options.

    All forwarding headers are believed, unless the options say otherwise.
    """
    with ExitStack() as stack:
        running: dict[tuple[str, ...], ServerProcess] = {}

        def serve(*options: str) -> ServerProcess:
            if options not in running:
                server = _start(interface, *_with_all(options))
                running[options] = stack.enter_context(server)
            return running[options]

        yield serve


@pytest.fixture
def alone(interface: str) -> Iterator[Callable[..., ServerProcess]]:
    """As `reporter`, for one test only."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(_start(interface, *_with_all(options)))


@pytest.fixture
def untold(interface: str) -> Iterator[ServerProcess]:
    """A server that was given no option of proxies."""
    with _start(interface) as server:
        yield server


def _with_all(options: tuple[str, ...]) -> tuple[str, ...]:
    return options if "--forwarded-headers" in options else ("--forwarded-headers", "all", *options)


def _start(interface: str, *options: str) -> ServerProcess:
    return start_target(f"report:{interface}", "--interface", interface, *options, folder=APPS)
