"""Carrying out a command, and telling a person what went wrong."""

from typing import TYPE_CHECKING

from . import _core, output, server
from ._core import Invocation
from .errors import LifespanError, TargetError, WatchError
from .hooks import HookError, Hooks
from .process import ProcessError
from .wsgi import ThreadsError

if TYPE_CHECKING:
    from .supervisor import Reread

OK = 0
WRONG_USAGE = 2
STARTUP_FAILED = 3
NO_APPLICATION = 4
CANNOT_LISTEN = 5

_CODES: dict[type[BaseException], int] = {
    TargetError: NO_APPLICATION,
    LifespanError: STARTUP_FAILED,
    HookError: STARTUP_FAILED,
    server.LogError: WRONG_USAGE,
    ProcessError: WRONG_USAGE,
    ThreadsError: WRONG_USAGE,
    WatchError: WRONG_USAGE,
    server.ListenError: CANNOT_LISTEN,
}
#: What keeps a server from starting.
FAILURES = tuple(_CODES)


def carry_out(invocation: Invocation, hooks: Hooks | None = None, reread: "Reread | None" = None) -> int:
    """Serve, calling ``hooks``, or check, as asked; the exit code. ``reread``: reads the settings again."""
    assert invocation.settings is not None  # the caller has printed what has none
    try:
        if invocation.command == "check":
            from .check import check  # which serving does without

            assert invocation.target is not None  # as for `run`
            return check(invocation.target, invocation.settings)
        if invocation.command == "dev":
            from .dev import develop  # which nothing else needs

            assert invocation.target is not None  # as for `run`
            return develop(invocation.target, invocation.settings, hooks, reread)
        target = "yett.demo:app" if invocation.command == "demo" else invocation.target
        return server.serve(target, invocation.settings, own_process=True, hooks=hooks, reread=reread)
    except FAILURES as error:
        return fail(*explain(error))


def exit_code(failure: BaseException) -> int:
    """The code of one of `FAILURES`."""
    return next(code for kind, code in _CODES.items() if isinstance(failure, kind))


def explain(failure: BaseException) -> tuple[int, str, str | None, str | None]:
    """The code of one of `FAILURES`, what to say of it, what to do about it, and where it happened."""
    message = getattr(failure, "message", None) or getattr(failure, "strerror", None) or str(failure)
    return exit_code(failure), message, getattr(failure, "hint", None), getattr(failure, "traceback", None)


def tell_in_log(failure: BaseException) -> int:
    """Write one of `FAILURES` into the error log: the exit code."""
    code, message, hint, traceback = explain(failure)
    parts = [message, hint, traceback.rstrip() if traceback else None]
    _core.write_log("error", "\n".join(part for part in parts if part))
    return code


def fail(code: int, message: str, hint: str | None = None, traceback: str | None = None) -> int:
    """Tell a person what went wrong, and what to do about it; the exit code again."""
    output.explain(message, hint, traceback)
    return code
