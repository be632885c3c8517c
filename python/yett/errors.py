"""What can be wrong with the application that a person names, and how it is shown to them."""

import importlib
import os
import traceback

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_IMPORT_MODULE_FILE = importlib.import_module.__code__.co_filename
# One terminal line, more or less; the whole text is in the traceback anyway.
_SUMMARY_LIMIT = 200


class TargetError(Exception):
    """The application cannot be loaded or served (exit code 4).

    ``message`` is one line that says what is wrong, ``hint`` says what to do about it, and
    ``traceback`` shows where the application's own code failed, without frames that are not theirs.
    """

    def __init__(self, message: str, *, hint: str | None = None, traceback: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.traceback = traceback


class LifespanError(Exception):
    """The application's start-up failed: the server must not start (exit code 3)."""

    def __init__(self, message: str, traceback: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.traceback = traceback


class WatchError(Exception):
    """Files cannot be watched for `yett dev` (exit code 2)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = "see reload_include and reload_exclude, or serve with `yett run`"


def summary(error: BaseException) -> str:
    """``ValueError: first line of its text``, bounded."""
    lines = str(error).splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= _SUMMARY_LIMIT else text[: _SUMMARY_LIMIT - 1] + "…"


def application_traceback(error: BaseException, *machinery: str) -> str:
    """The traceback of ``error`` and its causes without Yett's frames and those of the import system.

    ``machinery``: further files, and folders, whose frames are left out. Nothing but the error is left of one that
    no call led to, such as a syntax error in the target itself.
    """
    shown = traceback.TracebackException.from_exception(error)
    _strip(shown, machinery)
    return "".join(shown.format())


def has_application_frames(error: BaseException, *machinery: str) -> bool:
    """Whether any code outside Yett, the import system and ``machinery`` was running when ``error`` was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return any(not _is_hidden(frame.filename, machinery) for frame in frames)


def _strip(shown: traceback.TracebackException, machinery: tuple[str, ...]) -> None:
    pending, seen = [shown], set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        current.stack[:] = [frame for frame in current.stack if not _is_hidden(frame.filename, machinery)]
        pending += [linked for linked in (current.__cause__, current.__context__) if linked is not None]
        pending += getattr(current, "exceptions", None) or []


def _is_hidden(filename: str, machinery: tuple[str, ...]) -> bool:
    # Only files directly in a folder are machinery: frames of yett/demo/ are an application's.
    folder = os.path.dirname(filename)
    return (
        filename.startswith("<frozen importlib")
        or filename == _IMPORT_MODULE_FILE
        or folder == _OWN_FOLDER
        or filename in machinery
        or folder in machinery
    )
