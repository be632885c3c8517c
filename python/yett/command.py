"""Carrying out a command, and telling a person what went wrong."""

import sys

from . import server
from ._core import Invocation
from .errors import LifespanError, TargetError
from .wsgi import ThreadsError

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
        server.serve(target, invocation.settings, own_process=True)
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
    except ThreadsError as error:
        return _fail(WRONG_USAGE, error.message, error.hint)
    except server.ListenError as error:
        return _fail(CANNOT_LISTEN, error.message, error.hint)
    except KeyboardInterrupt:
        # Before the signals are watched: while the application was being imported.
        return INTERRUPTED
    return OK


def _fail(code: int, message: str, hint: str | None = None) -> int:
    sys.stderr.write(f"yett: error: {message}\n")
    if hint:
        sys.stderr.write(f"       {hint}\n")
    return code
