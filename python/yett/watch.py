"""What stands in the log when something is stuck: where the threads are, and what tasks wait for.

Called by the thread ``yett-gil`` or on the event loop, while the application stands still or goes on: nothing here
waits, takes a lock of the application's or runs code of its own beyond ``repr``.
"""

import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # A WSGI application does without it.
    import asyncio

# As faulthandler: deeper stacks are recursion, whose innermost frames tell it.
_FRAMES = 100
# A line of text about what a task waits for.
_SHOWN = 300
_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
#: Files, and folders that end with a slash, whose frames at the outer end of a stack say nothing.
MACHINERY = [_OWN_FOLDER + "/", threading.__file__, "<frozen runpy>"]


def thread_names() -> dict[int, str]:
    """The names of all threads that Python knows, by ident: kept for the time when nobody can ask."""
    return {thread.ident: thread.name for thread in threading.enumerate() if thread.ident is not None}


def thread_stacks() -> str:
    """Where all threads but this one are, in the form of a traceback; threads at the same place together."""
    names = thread_names()
    at_same_place: dict[str, list[str]] = {}
    for ident, frame in sys._current_frames().items():
        if ident != threading.get_ident():
            place = _place(frame)
            at_same_place.setdefault(place, []).append(names.get(ident, f"{ident:#x}"))
    idle = at_same_place.pop("", [])
    return "".join(
        f"{'Thread' if len(threads) == 1 else 'Threads'} {', '.join(threads)} (most recent call last):\n{place}"
        for place, threads in at_same_place.items()
    ) + (f"Without code of the application's: {', '.join(idle)}\n" if idle else "")


def _place(frame: FrameType) -> str:
    stack = traceback.extract_stack(frame)
    # The way from the start of the process, or of the thread, to the application says nothing.
    outside = (number for number, entry in enumerate(stack) if not _is_machinery(entry.filename))
    return "".join(traceback.format_list(stack[next(outside, len(stack)) :][-_FRAMES:]))


def _is_machinery(filename: str) -> bool:
    return filename in MACHINERY or os.path.dirname(filename) == _OWN_FOLDER


def task_stacks(tasks: Iterable[tuple[str, "asyncio.Task[Any]"]]) -> str:
    """Where tasks wait. ``tasks``: each with what it works on."""
    return "".join(f"Task of {what} (most recent call last):\n{_task_stack(task)}" for what, task in tasks)


def _task_stack(task: "asyncio.Task[Any]") -> str:
    # `Task.get_stack` shows the outermost frame only of one that waits.
    frames = [(frame, frame.f_lineno) for frame in _frames(task.get_coro())]
    lines = traceback.StackSummary.extract(iter(frames[-_FRAMES:])).format()
    waits_for = getattr(task, "_fut_waiter", None)
    if waits_for is not None:
        lines.append(f"  waits for {_shown(waits_for)}\n")
    return "".join(lines)


def _frames(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it awaits, the outermost first."""
    for _ in range(10 * _FRAMES):
        for frame_name, next_name in (
            ("cr_frame", "cr_await"),
            ("gi_frame", "gi_yieldfrom"),
            ("ag_frame", "ag_await"),
        ):
            frame = getattr(awaited, frame_name, None)
            if frame is not None:
                yield frame
                awaited = getattr(awaited, next_name, None)
                break
        else:
            return


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - it is code of the application's
        return f"an object whose repr() fails: {type(error).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
