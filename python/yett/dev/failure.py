"""What is known of an exception: where it came from, what the variables held, and what had led to it."""

import importlib
import inspect
import linecache
import os
import site
import sysconfig
import traceback
from dataclasses import dataclass, field
from types import CodeType, TracebackType

from .values import Values

# Frames of one exception: a recursion has a thousand, and says it with the first and the last.
_FIRST_FRAMES = 10
_LAST_FRAMES = 30
# Exceptions on one page, with all causes and members of groups.
_MOST_EXCEPTIONS = 20
_MOST_VARIABLES = 40
# Lines of source before and after the one that was running.
_CONTEXT = 5
_LONGEST_LINE = 400
_YETT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = os.path.join(_YETT, "")
_SHOWCASE = os.path.join(_YETT, "demo", "")
_IMPORTLIB = importlib.import_module.__code__.co_filename


def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {_YETT, *site.getsitepackages(), site.getusersitepackages()}
    return tuple(os.path.join(folder, "") for folder in folders)


_LIBRARIES = _library_folders()


@dataclass
class Line:
    """One line of source; ``marked``: the part that was running, as columns."""

    number: int
    text: str
    is_current: bool
    marked: tuple[int, int] | None = None


@dataclass
class Frame:
    """One call."""

    file: str
    line: int
    function: str
    is_own: bool  # the user's own code, not a library's
    lines: list[Line] = field(default_factory=list)
    variables: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Failure:
    """One exception. ``relation`` says how it stands to the one shown before it; ``left_out``: frames in the middle."""

    kind: str
    message: str
    relation: str = ""
    notes: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    left_out: int = 0


def describe(error: BaseException) -> list[Failure]:
    """The exception, then what led to it and what it is a group of, each once. Raises nothing that they raise."""
    values = Values()
    found: list[Failure] = []
    seen: set[int] = set()
    pending: list[tuple[BaseException, str]] = [(error, "")]
    while pending and len(found) < _MOST_EXCEPTIONS:
        current, relation = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        found.append(_describe(current, relation, values))
        if current.__cause__ is not None:
            pending.append((current.__cause__, "It was caused by"))
        elif current.__context__ is not None and not current.__suppress_context__:
            pending.append((current.__context__, "It was raised while this was being handled"))
        if isinstance(current, BaseExceptionGroup):
            count = len(current.exceptions)
            pending += [
                (member, f"Member {number} of {count} of the group")
                for number, member in enumerate(current.exceptions, 1)
            ]
    return found


def plain(error: BaseException) -> str:
    """The traceback as Python prints it. Raises nothing that the exception's own text raises."""
    try:
        shown = traceback.TracebackException.from_exception(error)
        shown.stack[:] = [frame for frame in shown.stack if not _is_machinery(frame.filename)]
        return "".join(shown.format())
    except Exception as failed:  # noqa: BLE001 - code of the user's; what of it fails is not known
        return f"{type(error).__name__} (its traceback cannot be shown: {type(failed).__name__})\n"


def short(error: BaseException) -> str:
    """The traceback with the user's own code only, if there is any; for a terminal."""
    shown = traceback.TracebackException.from_exception(error)
    pending, seen = [shown], set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        own = [frame for frame in current.stack if is_own(frame.filename)]
        # A syntax error, which has a line of its own, tells its place itself.
        current.stack[:] = own or ([] if hasattr(current, "lineno") else current.stack[-1:])
        pending += [linked for linked in (current.__cause__, current.__context__) if linked is not None]
        pending += getattr(current, "exceptions", None) or []
    return "".join(shown.format())


def is_own(file: str) -> bool:
    """Whether a file is neither Python's nor that of an installed package."""
    return not file.startswith(("<frozen", *_LIBRARIES))


def _describe(error: BaseException, relation: str, values: Values) -> Failure:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception as failed:  # noqa: BLE001 - it is code of the user's
        message = f"(its text cannot be made: {type(failed).__name__})"
    notes = [note for note in getattr(error, "__notes__", None) or () if isinstance(note, str)]
    failure = Failure(name, message, relation, notes)
    entries = _entries(error.__traceback__)
    failure.left_out = max(0, len(entries) - _FIRST_FRAMES - _LAST_FRAMES)
    if failure.left_out:
        entries = entries[:_FIRST_FRAMES] + entries[-_LAST_FRAMES:]
    failure.frames = [_frame(entry, values) for entry in entries]
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        failure.message = error.msg
        failure.frames.append(_where_syntax_fails(error))
    return failure


def _entries(entry: TracebackType | None) -> list[TracebackType]:
    found = []
    while entry is not None:
        if not _is_machinery(entry.tb_frame.f_code.co_filename):
            found.append(entry)
        entry = entry.tb_next
    return found


def _is_machinery(file: str) -> bool:
    """Ours, and the import system's, say nothing; the showcase is an application."""
    is_ours = file.startswith(_OURS) and not file.startswith(_SHOWCASE)
    return is_ours or file.startswith("<frozen importlib") or file == _IMPORTLIB


def _frame(entry: TracebackType, values: Values) -> Frame:
    frame, code = entry.tb_frame, entry.tb_frame.f_code
    shown = Frame(code.co_filename, entry.tb_lineno, code.co_qualname, is_own(code.co_filename))
    marked = _marked(code, entry.tb_lasti)
    linecache.checkcache(code.co_filename)
    text = linecache.getlines(code.co_filename, frame.f_globals)
    shown.lines = _lines(text, entry.tb_lineno, marked)
    is_module = frame.f_locals is frame.f_globals
    for name, value in list(frame.f_locals.items()):
        if is_module and (name.startswith("__") or _is_definition(value)):
            continue
        if len(shown.variables) == _MOST_VARIABLES:
            shown.variables.append(("…", f"{len(frame.f_locals) - _MOST_VARIABLES} more"))
            break
        shown.variables.append((str(name), values.show(str(name), value)))
    return shown


def _is_definition(value: object) -> bool:
    return inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value)


def _marked(code: CodeType, instruction: int) -> tuple[int, int, int] | None:
    """The line and the columns (of bytes) that ran, if they stand in one line."""
    for position, (first, last, begin, end) in enumerate(code.co_positions()):
        if position == instruction // 2:
            if first is None or first != last or begin is None or end is None:
                return None
            return first, begin, end
    return None


def _lines(text: list[str], current: int, marked: tuple[int, int, int] | None) -> list[Line]:
    found = []
    for number in range(max(1, current - _CONTEXT), min(len(text), current + _CONTEXT) + 1):
        line = text[number - 1].rstrip("\n")
        columns = None
        if marked and marked[0] == number == current:
            raw = line.encode()
            columns = tuple(len(raw[:column].decode(errors="replace")) for column in marked[1:])
        found.append(Line(number, line[:_LONGEST_LINE], number == current, columns))  # type: ignore[arg-type]
    return found


def _where_syntax_fails(error: SyntaxError) -> Frame:
    assert error.filename is not None and error.lineno is not None
    frame = Frame(error.filename, error.lineno, "", is_own(error.filename))
    linecache.checkcache(error.filename)
    text = linecache.getlines(error.filename)
    marked = None
    if error.offset:
        end = error.end_offset if error.end_offset and error.end_lineno == error.lineno else 0
        marked = (error.offset - 1, max(error.offset, (end or 0) - 1))
    frame.lines = _lines(text, error.lineno, None)
    for line in frame.lines:
        if line.is_current:
            line.marked = marked
    return frame
