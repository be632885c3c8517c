"""Servers of WSGI applications: Yett, or the peer that stands in for it (`support.peers`)."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support import ServerProcess
from support.peers import start_wsgi

APPS = Path(__file__).parent / "apps"


def start_source(source: str, *options: str, folder: Path, **more) -> ServerProcess:
    """Write `source` to app.py in `folder` and serve its `app`."""
    (folder / "app.py").write_text(textwrap.dedent(source))
    return start_wsgi("app:app", *options, folder=folder, **more)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """`serve(source, *options)`: a server of the application in `source`, gone when the test ends."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_source(source, *options, folder=tmp_path, **more)
        )


@pytest.fixture(scope="module")
def serve_source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServerProcess]]:
    """As `serve`, for a server that several tests share: they must not disturb each other."""
    with ExitStack() as stack:
        yield lambda source, *options, **more: stack.enter_context(
            start_source(source, *options, folder=tmp_path_factory.mktemp("served"), **more)
        )


@pytest.fixture(scope="module")
def serve_apps() -> Iterator[Callable[..., ServerProcess]]:
    """`serve_apps(module, *options)`: a server of `app` in that module of apps/, for all tests of a module."""
    with ExitStack() as stack:
        yield lambda module, *options, **more: stack.enter_context(
            start_wsgi(f"{module}:app", *options, folder=APPS, **more)
        )
