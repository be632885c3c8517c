"""Serving a WSGI application: its threads, and their orderly end."""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any

from . import _core
from .threads import LAST_WORDS_SECONDS, join_all


class ThreadsError(RuntimeError):
    """The system refuses one of the threads that ``--threads`` asks for (exit code 2).

    ``message`` is one line that says so, ``hint`` says what to do about it.
    """

    def __init__(self, number: int, wanted: int, reason: RuntimeError) -> None:
        self.message = f"thread {number} of {wanted} cannot be started: {reason}"
        self.hint = (
            "try fewer (--threads), or let the system allow more processes or memory (ulimit -u, ulimit -v)"
        )
        super().__init__(self.message)


@contextlib.contextmanager
def serving(
    application: Callable[..., Any], listeners: list[_core.Listener], settings: _core.Settings
) -> Iterator[None]:
    """Serve ``application`` until the block ends; then finish running requests within the graceful timeout.

    A thread that does not come back from the application even then is named in the log and left behind. Raises
    `ThreadsError`.
    """
    server = _core.WsgiServer(application, listeners, settings, contextvars.copy_context())
    threads: list[threading.Thread] = []
    try:
        for number in range(1, settings.threads + 1):
            # No daemons: the threads that an application starts would be daemons too, and die with the process.
            thread = threading.Thread(target=server.serve, name=f"yett-{number}")
            try:
                thread.start()
            except RuntimeError as error:
                raise ThreadsError(number, settings.threads, error) from None
            threads.append(thread)
        server.start()
        try:
            yield
        finally:
            server.drain(settings.graceful_timeout)
    finally:
        server.stop()
        if busy := join_all(threads, LAST_WORDS_SECONDS):
            names = ", ".join(thread.name for thread in busy)
            _core.write_log("warning", f"still in the application after the graceful timeout: {names}")
        server.close()
