"""Servers of WSGI frameworks: Yett, or the peer that stands in for it (`support.peers`)."""

import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from support import ServerProcess
from support.peers import start_wsgi
from support.server import PATIENCE_SECONDS

# For requests that name no timeout: on a machine with much to do, five seconds are no hang.
for phase in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, phase, PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def serve_wsgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServerProcess]]:
    """`serve_wsgi(source, *options, files={})`: a server of `app` in `source`, for all tests of a module.

    `files`: name → content of what stands beside it before it is started.
    """
    with ExitStack() as stack:

        def start(source: str, *options: str, files: dict[str, bytes] | None = None, **more) -> ServerProcess:
            folder = tmp_path_factory.mktemp("served")
            (folder / "app.py").write_text(textwrap.dedent(source))
            for name, content in (files or {}).items():
                (folder / name).write_bytes(content)
            return stack.enter_context(start_wsgi("app:app", *options, folder=folder, **more))

        yield start
