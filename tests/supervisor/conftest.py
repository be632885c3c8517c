"""Fixtures of the tests of the supervisor."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.supervised import Supervised, start_supervised


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    """`supervise(source, *options)`: a server with workers, all of it gone when the test ends."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_supervised(tmp_path, source, *options, **more)
        )


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    """As `supervise`, for a server that is not ready when this returns, and may never be."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            Supervised(tmp_path, source, *options, **more)
        )


@pytest.fixture(params=["asgi", "wsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return request.param
