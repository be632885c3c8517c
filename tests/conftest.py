"""Fixtures of the black-box tests."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import ServerProcess, start_server

# With it each piece of a `print` is a write of its own, and a line of the server's log may come in between.
os.environ.pop("PYTHONUNBUFFERED", None)
# Files of bytecode are told apart by second and size: not enough for tests that change code.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"

# Whoever starts the tests in the background may have these ignored, and so would the servers.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """`serve(source, *options)`: a server of the application in `source`, gone when the test ends."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_server(tmp_path, source, *options, **more)
        )


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServerProcess]]:
    """As `serve`, for a server that all tests of a module share: they must not disturb each other."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_server(tmp_path_factory.mktemp("served"), source, *options, **more)
        )
