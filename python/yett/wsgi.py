"""Serving a WSGI application: its threads, and their orderly end."""

import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import _core
from .loops import LAST_WORDS_SECONDS

# A child that the application forks has the server's descriptors, but is no server.
os.register_at_fork(after_in_child=_core.note_fork)


@contextlib.contextmanager
def serving(
    application: Callable[..., Any], listeners: list[_core.Listener], settings: _core.Settings
) -> Iterator[None]:
    """Serve ``application`` until the block ends; then finish running requests within the graceful timeout.

    A thread that does not come back from the application even then is named in the log and left behind.
    """
    server = _core.WsgiServer(application, listeners, settings, contextvars.copy_context())
    # No daemons: the threads that an application starts would be daemons too, and die with the process.
    threads = [
        threading.Thread(target=server.serve, name=f"yett-{number}")
        for number in range(1, settings.threads + 1)
    ]
    for thread in threads:
        thread.start()
    server.start()
    try:
        yield
    finally:
        server.drain(settings.graceful_timeout)
        server.stop()
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        if busy := [thread.name for thread in threads if thread.is_alive()]:
            _core.write_log(
                "warning", f"still in the application after the graceful timeout: {', '.join(busy)}"
            )
