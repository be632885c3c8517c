"""Fixtures of the black-box tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import ServerProcess, start_server


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """`serve(source, *options)`: a server of the application in `source`, gone when the test ends."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_server(tmp_path, source, *options, **more)
        )
