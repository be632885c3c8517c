"""Values of other servers in Yett's units."""

from collections.abc import Iterable
from typing import Any

from .report import Given, MigrateError

_KIB = 1024


def whole(given: Given) -> int:
    """A whole number, which may be written as text. Raises `MigrateError`."""
    try:
        return int(given.value, 0) if isinstance(given.value, str) else int(given.value)
    except (TypeError, ValueError, OverflowError):
        raise MigrateError(f"{given.text}: not a whole number") from None


def seconds(given: Given) -> str:
    """Seconds as a duration: ``30s``. Raises `MigrateError`."""
    try:
        milliseconds = float(given.value) * 1000
        return f"{int(milliseconds / 1000)}s" if milliseconds % 1000 == 0 else f"{round(milliseconds)}ms"
    except (TypeError, ValueError, OverflowError):
        raise MigrateError(f"{given.text}: not a number of seconds") from None


def milliseconds(number: int) -> str:
    """Milliseconds as a duration."""
    return f"{number // 1000}s" if number % 1000 == 0 else f"{number}ms"


def size(number: int) -> str | int:
    """Bytes, in KiB or MiB where that is exact."""
    for unit, factor in (("MiB", _KIB * _KIB), ("KiB", _KIB)):
        if number and number % factor == 0:
            return f"{number // factor}{unit}"
    return number


def flag(value: Any) -> bool:
    """A switch, which may be written as text."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1", "yes", "on", "y")
    return bool(value)


def split(value: Any) -> list[str]:
    """A list that may be written as text with commas."""
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else (value or ())
    return [text for item in items if (text := str(item).strip())]
