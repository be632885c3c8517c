"""Values as the error page shows them: short, soon, and without secrets.

Making a text of a value runs code of whoever wrote its class: it may raise, take for ever, or be as long as a book. And
what is shown may end in a screenshot: values whose names look like secrets are masked, as far as names tell.
"""

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

MASK = "••••••"
# For one text, and for one value with all in it, in characters: what fits on a screen.
_LONGEST_TEXT = 500
_LONGEST = 1500
_MOST_ITEMS = 30
_DEEPEST = 4
# For one value, and for all of a page, in seconds: somebody waits for it.
_ONE_VALUE = 0.2
_ALL_VALUES = 2.0

_SECRET_NAME = re.compile(
    r"passw|passphrase|pwd|secret|token|api_?-?key|private_?-?key|access_?-?key|(?:^|[_-])key$|authori[sz]ation"
    r"|cookie|credential|session_?-?id|csrf|signature|(?:^|[_-])(?:auth|pin|otp|dsn|salt)(?:$|[_-])",
    re.IGNORECASE,
)
# `password='…'`, `"token": "…"`, `api_key=…` in the text of a value.
_IN_TEXT = re.compile(
    r"""([\w-]{0,40}
    (?:passw|passphrase|secret|token|api_?-?key|private_?-?key|authori[sz]ation|cookie|credential)
    [\w-]{0,40}["']?\s{0,4}[=:]\s{0,4})(?:b?'(?:[^'\\]|\\.)*'?|b?"(?:[^"\\]|\\.)*"?|[^\s,;)}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
# user:password@ in a URL.
_IN_URL = re.compile(r"(\w://[^\s:/@]{0,100}:)[^\s/@]{1,200}(?=@)")


class _TimeIsUp(BaseException):
    """Not an `Exception`: code that is stopped by it must not take it for one of its own."""


def is_secret(name: object) -> bool:
    """Whether the value of this name (text or bytes) is not to be shown."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and _SECRET_NAME.search(name) is not None


def without_secrets(text: str) -> str:
    """A text in which what looks like a secret's value is masked."""
    return _IN_URL.sub(rf"\g<1>{MASK}", _IN_TEXT.sub(rf"\g<1>{MASK}", text))


class Values:
    """Makes texts of the values of one page, while its time lasts."""

    def __init__(self) -> None:
        self._end = time.monotonic() + _ALL_VALUES

    def show(self, name: str, value: object) -> str:
        """The text of a variable's value; what goes wrong is the text then. Raises nothing."""
        if is_secret(name):
            return MASK
        if time.monotonic() >= self._end:
            return "(not shown: the other values took too long)"
        try:
            with _limit(_ONE_VALUE):
                text = self._text(value, 0)
        except _TimeIsUp:
            return f"({_type_name(value)}, whose repr() takes longer than {_ONE_VALUE} s)"
        except RecursionError:
            return f"({_type_name(value)}, whose repr() recurs without end)"
        return _shortened(text)

    def _text(self, value: object, depth: int) -> str:
        kind = type(value)
        if kind in (int, float, bool, complex, type(None)):
            return self._repr(value)
        if kind is str or kind is bytes:
            return _of_string(value)  # type: ignore[arg-type]
        if kind in (dict, list, tuple, set, frozenset):
            if depth >= _DEEPEST:
                return "{…}" if kind in (dict, set) else "[…]" if kind is list else "(…)"
            return self._container(value, depth)
        # Of any other class: its own words, which may hold anything, and as much of it.
        return without_secrets(_shortened(self._repr(value)))

    def _container(self, value: Any, depth: int) -> str:
        kind = type(value)
        if kind is dict:
            items = (
                f"{self._text(key, depth + 1)}: {MASK if is_secret(key) else self._text(item, depth + 1)}"
                for key, item in _first(value.items())
            )
            return "{" + _joined(items, len(value)) + "}"
        # A header is a pair, too: (b"cookie", b"…").
        if kind is tuple and len(value) == 2 and is_secret(value[0]):
            return f"({self._text(value[0], depth + 1)}, {MASK})"
        inner = _joined((self._text(item, depth + 1) for item in _first(value)), len(value))
        if kind is list:
            return f"[{inner}]"
        if kind is tuple:
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if not value:
            return f"{kind.__name__}()"
        return f"frozenset({{{inner}}})" if kind is frozenset else f"{{{inner}}}"

    @staticmethod
    def _repr(value: object) -> str:
        try:
            return repr(value)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - it is code of the user's
            return f"({_type_name(value)}, whose repr() raised {type(error).__name__})"


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Stops Python code in this thread after a time. Code in C is not reached, and a debugger is left alone."""
    if sys.gettrace() is not None:
        yield
        return
    end = time.monotonic() + seconds

    def trace(*_: object) -> Any:
        if time.monotonic() > end:
            raise _TimeIsUp
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


def _first(items: Any) -> Iterator[Any]:
    for position, item in enumerate(items):
        if position == _MOST_ITEMS:
            return
        yield item


def _joined(texts: Iterator[str], count: int) -> str:
    shown = ", ".join(texts)
    return shown if count <= _MOST_ITEMS else f"{shown}, … {count - _MOST_ITEMS} more"


def _of_string(value: str | bytes) -> str:
    if len(value) <= _LONGEST_TEXT:
        return without_secrets(repr(value))
    return f"{without_secrets(repr(value[:_LONGEST_TEXT]))}… ({len(value)} in all)"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + f"… ({len(text)} characters)"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
