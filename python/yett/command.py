"""Carrying out a command, and telling a person what went wrong."""

import os
import sys
import threading
import time

from . import _core, server
from ._core import Invocation
from .errors import TargetError
from .lifespan import LifespanError

OK = 0
WRONG_USAGE = 2
STARTUP_FAILED = 3
NO_APPLICATION = 4
CANNOT_LISTEN = 5
INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def carry_out(invocation: Invocation) -> int:
    """Serve as asked; the exit code."""
    target = "yett.demo:app" if invocation.command == "demo" else invocation.target
    assert invocation.settings is not None  # the caller has printed what has none
    try:
        server.serve(target, invocation.settings, announce=True)
    except TargetError as error:
        if error.traceback:
            sys.stderr.write(error.traceback.rstrip("\n") + "\n\n")
        return _fail(NO_APPLICATION, error.message, error.hint)
    except LifespanError as error:
        if error.traceback:
            sys.stderr.write(error.traceback.rstrip("\n") + "\n\n")
        return _fail(STARTUP_FAILED, error.message)
    except server.AccessLogError as error:
        return _fail(WRONG_USAGE, error.strerror or str(error))
    except server.ListenError as error:
        return _fail(CANNOT_LISTEN, error.message, error.hint)
    except KeyboardInterrupt:
        # Before the signals are watched: while the application was being imported.
        return INTERRUPTED
    _leave_busy_threads(invocation.settings.graceful_timeout)
    return OK


def _leave_busy_threads(patience: float) -> None:
    """Wait ``patience`` seconds for threads that the application has left at work, then end without them.

    The interpreter by itself would wait without a limit, and the server would never end.
    """
    deadline = time.monotonic() + patience
    busy = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    for thread in busy:
        thread.join(max(0, deadline - time.monotonic()))
    busy = [thread for thread in busy if thread.is_alive()]
    if busy:
        names = ", ".join(sorted(thread.name for thread in busy))
        _core.write_log("warning", f"threads of the application are still at work and are given up: {names}")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(OK)


def _fail(code: int, message: str, hint: str | None = None) -> int:
    sys.stderr.write(f"yett: error: {message}\n")
    if hint:
        sys.stderr.write(f"       {hint}\n")
    return code
