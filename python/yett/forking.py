"""Forking, so that the child is nobody's half; also where the application does it."""

import contextlib
import functools
import os
import signal
import struct
import threading
import warnings
from collections.abc import Callable

from . import _core

# What the supervisor watches. A child that has it watched, too, would answer in its parent's place.
SIGNALS = {
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGWINCH,
}


class _Thread(threading.local):
    """What a thread that forks knows."""

    #: It is our own fork, whose child answers signals as we do.
    ours = False
    #: The signals that it has blocked itself.
    blocked: "set[signal.Signals | int]" = set()  # noqa: RUF012 -- replaced, never changed


_thread = _Thread()


def _before() -> None:
    # One that comes to the child before our handlers are gone there would be answered in its parent.
    _thread.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _in_parent() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.blocked)


def _in_child() -> None:
    if not _thread.ours:
        # The application's, by `multiprocessing` or otherwise: to end it is not to end us.
        _core.leave_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.blocked)


@functools.cache
def keep_children_apart() -> None:
    """What the application forks and does not execute answers signals as if it were no part of a server."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def fork(in_child: Callable[[], None], *, serves: bool = False) -> int:
    """`os.fork`; ``in_child`` is called in the child before any signal reaches it. Raises `OSError`.

    ``serves``: SIGUSR1 does not reach it before `logs_are_watched`; the supervisor may ask it to reopen its logs at
    once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with warnings.catch_warnings():
            # From Python 3.12 on it warns of other threads. The only one here writes the logs, and knows of forks.
            warnings.simplefilter("ignore", DeprecationWarning)
            _thread.ours = True
            try:
                pid = os.fork()
            finally:
                _thread.ours = False
        if pid == 0:
            in_child()
            # What a worker starts is its own to wait for. A handler that the application has set in a zygote stays.
            if signal.getsignal(signal.SIGCHLD) is None:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if serves:
                before.add(signal.SIGUSR1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def logs_are_watched() -> None:
    """In a child: SIGUSR1 has somebody who reopens the logs."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


def fork_orphan() -> int:
    """Fork a process for whoever adopts orphans. Its pid; 0 in it. Raises `OSError`."""
    reader, writer = os.pipe()
    middle = fork(lambda: None)
    if middle == 0:
        os.close(reader)
        try:
            pid = fork(lambda: None, serves=True)
        except OSError as error:
            os.write(writer, struct.pack("=ii", 0, error.errno or 0))
            os._exit(1)
        if pid:
            os.write(writer, struct.pack("=ii", pid, 0))
            os._exit(0)
        os.close(writer)
        return 0
    os.close(writer)
    with open(reader, "rb") as answer:
        told = answer.read(8)
    with contextlib.suppress(ChildProcessError):
        # A handler of the application's for SIGCHLD, set at import, may have been faster.
        os.waitpid(middle, 0)
    pid, number = struct.unpack("=ii", told) if len(told) == 8 else (0, 0)
    if not pid:
        raise OSError(number, os.strerror(number) if number else "it was killed at once")
    return pid
