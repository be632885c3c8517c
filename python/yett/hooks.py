"""What is called at the turns of a server's life."""

import contextlib
import signal
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

    They are called in the main thread of the process that they speak of. Without a supervisor one process is both.
    What `starting`, `worker_start`, `worker_loaded` and `ready` raise ends the start: an implementation calls code of
    the user's by `must_succeed` there, or by `may_fail`, as in all others.
    """

    # Whether `interrupted` is to be called.
    wants_interrupt = False

    # ---- in the supervisor ----

    def starting(self) -> None:
        """First of all: no address is open yet."""

    def forking(self, worker: int) -> None:
        """A worker is about to be forked here, not by a zygote. ``worker``: which one since the start, from 1 on."""

    def ready(self, addresses: list[str]) -> None:
        """All workers are ready: requests are answered from now on. ``addresses``: where."""

    def worker_gone(self, pid: int) -> None:
        """A worker has ended, or was killed."""

    def worker_count(self, new: int, old: int | None) -> None:
        """There are to be ``new`` workers: at the start, after a reload, by a signal. Before, it was ``old``."""

    def reloading(self) -> None:
        """A reload begins."""

    def taking_over(self, addresses: list[str], workers: int) -> None:
        """In the place of `starting`, for hooks that a reload has read. Raises `HookError`; then those before stay."""

    def succeeding(self) -> None:
        """SIGUSR2 has arrived, and another supervisor is about to be started."""

    def ended(self) -> None:
        """Last of all. Not called if `starting` failed."""

    # ---- in a worker ----

    def worker_start(self, addresses: list[str], number: int = 0, generation: int = 1) -> None:
        """Before the application is imported, if it has not been preloaded. ``addresses``: where the server listens.
        ``number``: which of the workers this is, from 0 on; ``generation``: of the application's code, from 1 on."""

    def worker_loaded(self, application: Any) -> None:
        """The application has been imported; an ASGI application has not started up yet."""

    def worker_ready(self) -> None:
        """The worker answers requests from now on."""

    def interrupted(self) -> None:
        """SIGINT has arrived; requests still run."""

    def worker_stopping(self) -> None:
        """The worker has been told to end; requests still run."""

    def worker_end(self) -> None:
        """The worker has stopped serving, and the application has shut down. Not called if `worker_start` failed."""

    @contextlib.contextmanager
    def process(self) -> Iterator[None]:
        """The server's life: `starting`, and at its end `ended`."""
        self.starting()
        try:
            yield
        finally:
            self.ended()

    @contextlib.contextmanager
    def worker(self, addresses: list[str], number: int = 0, generation: int = 1) -> Iterator[None]:
        """The life of the process that serves: `worker_start`, and at its end `worker_end`."""
        self.worker_start(addresses, number, generation)
        try:
            yield
        finally:
            self.worker_end()


def must_succeed(name: str, hook: Callable[..., object], *arguments: Any) -> None:
    """Call a hook on the way up. Raises `HookError` for what it raises."""
    try:
        hook(*arguments)
    except BaseException as error:  # it is code of the user's
        if _is_control_c(error):
            raise
        raise HookError(f"the hook {name} failed: {summary(error)}", application_traceback(error)) from None


def may_fail(name: str, hook: Callable[..., object], *arguments: Any) -> None:
    """Call a hook. What it raises is logged, and nothing else."""
    try:
        hook(*arguments)
    except BaseException as error:  # it is code of the user's
        if _is_control_c(error):
            raise
        _core.write_log("error", f"the hook {name} failed\n{application_traceback(error).rstrip()}")


def _is_control_c(error: BaseException) -> bool:
    """Whether a person may have raised it. Supervisors and workers have no handler that does."""
    return (
        isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
