"""What the command says, and what becomes of it where nobody can read it."""

import contextlib
import sys
from typing import TextIO

OK = 0
# Not one of Yett's own errors, but no other code fits: what was asked for has not arrived.
NOT_WRITTEN = 1


def tell(text: str) -> int:
    """Write to standard output; the exit code, which is not 0 if that cannot be done."""
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        # Who reads has seen enough, like `head`.
        _forget(sys.stdout)
    except OSError as error:
        _forget(sys.stdout)
        explain(f"cannot write to standard output: {error.strerror}")
        return NOT_WRITTEN
    return OK


def complain(text: str) -> None:
    """Write to standard error, or nowhere: the exit code says the rest."""
    try:
        _write(sys.stderr, text)
    except OSError:
        _forget(sys.stderr)


def explain(
    message: str, hint: str | None = None, traceback: str | None = None, *, command: str = "yett"
) -> None:
    """Complain of one thing: where it happened, what is wrong, what to do about it."""
    text = traceback.rstrip("\n") + "\n\n" if traceback else ""
    text += f"{command}: error: {message}\n"
    if hint:
        text += f"       {hint}\n"
    complain(text)


def _write(stream: TextIO | None, text: str) -> None:
    # None: the descriptor was closed at the start; closed: the application did that.
    if stream is None or stream.closed:
        return
    if hasattr(stream, "reconfigure"):
        # What another encoding cannot say is better read with marks than not at all.
        stream.reconfigure(errors="backslashreplace")
    stream.write(text)
    stream.flush()


def _forget(stream: TextIO) -> None:
    # Or Python tries once more at its end, and complains.
    with contextlib.suppress(OSError):
        stream.close()
