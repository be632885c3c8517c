"""Carrying out a command, and telling a person what went wrong."""

from . import output, server
from ._core import Invocation
from .errors import LifespanError, TargetError
from .hooks import HookError, Hooks
from .wsgi import ThreadsError

OK = 0
WRONG_USAGE = 2
STARTUP_FAILED = 3
NO_APPLICATION = 4
CANNOT_LISTEN = 5


def carry_out(invocation: Invocation, hooks: Hooks | None = None) -> int:
    """Serve, calling ``hooks``, or check, as asked; the exit code."""
    assert invocation.settings is not None  # the caller has printed what has none
    try:
        if invocation.command == "check":
            from .check import check  # which serving does without

            assert invocation.target is not None  # as for `run`
            return check(invocation.target, invocation.settings)
        target = "yett.demo:app" if invocation.command == "demo" else invocation.target
        server.serve(target, invocation.settings, own_process=True, hooks=hooks)
    except TargetError as error:
        return fail(NO_APPLICATION, error.message, error.hint, error.traceback)
    except LifespanError as error:
        return fail(STARTUP_FAILED, error.message, traceback=error.traceback)
    except HookError as error:
        return fail(STARTUP_FAILED, error.message, traceback=error.traceback)
    except server.LogError as error:
        return fail(WRONG_USAGE, error.strerror or str(error))
    except ThreadsError as error:
        return fail(WRONG_USAGE, error.message, error.hint)
    except server.ListenError as error:
        return fail(CANNOT_LISTEN, error.message, error.hint)
    return OK


def fail(code: int, message: str, hint: str | None = None, traceback: str | None = None) -> int:
    """Tell a person what went wrong, and what to do about it; the exit code again."""
    output.explain(message, hint, traceback)
    return code
