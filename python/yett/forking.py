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

_SENT = {signal.SIGTERM, signal.SIGUSR1}


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


#: What is done in children that are not ours: they leave what is the server's.
leaving: list[Callable[[], object]] = [_core.leave_signals]


def _in_child() -> None:
    if not _thread.ours:
        # The application's or a hook's, by `multiprocessing` or otherwise: to end it is not to end us, and it may
        # outlive us.
        for leave in leaving:
            leave()
    signal.pthread_sigmask(signal.SIG_SETMASK, _thread.blocked)


@functools.cache
def keep_children_apart() -> None:
    """What the application forks and does not execute answers signals as if it were no part of a server."""
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def fork(in_child: Callable[[], None]) -> int:
    """`os.fork`; ``in_child`` is called in the child before any signal reaches it. Raises `OSError`.

    What the supervisor may send it at once, SIGTERM and SIGUSR1, does not reach it before it calls `heed`.
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
            before.update(_SENT)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def heed() -> None:
    """In a child: it answers SIGTERM, and has somebody who reopens the logs on SIGUSR1."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SENT)


def fork_orphan() -> int:
    """Fork a process for whoever adopts orphans. Its pid; 0 in it. Raises `OSError`."""
    reader, writer = os.pipe()
    try:
        middle = fork(lambda: None)
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if middle == 0:
        os.close(reader)
        try:
            pid = fork(lambda: None)
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
