"""What is called at the turns of a server's life."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from . import _core
from .errors import application_traceback, summary


class HookError(Exception):
    """A hook has failed on the way up: the server must not start (exit code 3).

    ``message`` is one line, ``traceback`` shows where the hook's own code failed.
    """

    def __init__(self, message: str, traceback: str) -> None:
        super().__init__(message)
        self.message = message
        self.traceback = traceback


class Hooks:
    """By default nothing is called: who wants to be called overrides methods.

    They are called in the main thread, in this order. An implementation calls code of the user's by `must_succeed` in
    the first four, which end the start by what they raise, and by `may_fail` in the others.
    """

    # Whether `interrupted` is to be called.
    wants_interrupt = False

    def starting(self) -> None:
        """First of all: no address is open yet."""

    def worker_start(self, addresses: list[str]) -> None:
        """In the process that serves, before the application is imported. ``addresses``: where it listens."""

    def worker_ready(self, application: Any) -> None:
        """The application has been imported."""

    def ready(self) -> None:
        """Requests are answered from now on."""

    def interrupted(self) -> None:
        """SIGINT has arrived; requests still run."""

    def worker_end(self) -> None:
        """The process has stopped serving, and the application has shut down. Not called if `worker_start` failed."""

    def worker_stopping(self) -> None:
        """A worker has been told to end; requests still run."""

    def forking(self, worker: int) -> None:
        """In the supervisor: a worker is about to be forked. ``worker``: which one since the start, 1 the first."""

    def worker_gone(self, pid: int) -> None:
        """In the supervisor: a worker has ended, or was killed."""

    def reloaded(self) -> None:
        """In the supervisor: all workers run the new code."""

    def succeeding(self) -> None:
        """In the supervisor: SIGUSR2 has arrived, and another supervisor is about to be started."""

    def ended(self) -> None:
        """Last of all. Not called if `starting` failed."""

    @contextlib.contextmanager
    def process(self) -> Iterator[None]:
        """The server's life: `starting`, and at its end `ended`."""
        self.starting()
        try:
            yield
        finally:
            self.ended()

    @contextlib.contextmanager
    def worker(self, addresses: list[str]) -> Iterator[None]:
        """The life of the process that serves: `worker_start`, and at its end `worker_end`."""
        self.worker_start(addresses)
        try:
            yield
        finally:
            self.worker_end()


def must_succeed(name: str, hook: Callable[..., object], *arguments: Any) -> None:
    """Call a hook on the way up. Raises `HookError` for what it raises."""
    try:
        hook(*arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is code of the user's
        raise HookError(f"the hook {name} failed: {summary(error)}", application_traceback(error)) from None


def may_fail(name: str, hook: Callable[..., object], *arguments: Any) -> None:
    """Call a hook. What it raises is logged, and nothing else."""
    try:
        hook(*arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is code of the user's
        _core.write_log("error", f"the hook {name} failed\n{application_traceback(error).rstrip()}")
