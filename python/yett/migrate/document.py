"""The report as a commented ``yett.toml``."""

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from .report import Carried, Given, Note, Report

_WIDTH = 100
_NAME_THE_APP = 'Name the application here, or on the command line: app = "module:attribute"'


def write(report: Report, command: str) -> str:
    """The whole file. ``command``: what made it."""
    lines = [
        *_comment(f"Made by `{command}`. As yett.toml, `yett` serves with it; `yett check` tries it."),
        "",
        *_application(report),
    ]
    for name, carried in report.carried.items():
        lines += ["", *_origin(report, carried)]
        lines.append(f"{name} = {value(carried.value)}")
    lines += _notes(f"{report.peer} options without an equivalent", report.lacking)
    lines += _notes(f"What is different from {report.peer}", report.remarks)
    return "\n".join(lines) + "\n"


def value(given: Any) -> str:
    """A value in TOML."""
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, (list, tuple)):
        return "[" + ", ".join(value(item) for item in given) + "]"
    text = str(given)
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"  # a literal string: formats of access logs are full of quotes
    # A string of JSON is one of TOML, but for this one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _application(report: Report) -> Iterator[str]:
    if report.app is None:
        yield from _comment(_NAME_THE_APP)
        return
    yield from _origin(report, report.app)
    yield f"app = {value(report.app.value)}"


def _origin(report: Report, carried: Carried) -> Iterator[str]:
    for given in carried.sources:
        yield f"# {report.peer}: {_quoted(given)}"
    for text in carried.comments:
        yield from _comment(text)


def _notes(title: str, notes: list[Note]) -> Iterator[str]:
    if not notes:
        return
    yield ""
    yield f"# ---- {title} ----"
    for given, text in _grouped(notes):
        yield "#"
        yield from (f"# {_quoted(one)}" for one in given)
        yield from _comment(text, "#     " if given else "# ")


def _grouped(notes: list[Note]) -> list[tuple[list[Given], str]]:
    """Options that have the same thing said of them, together."""
    groups: dict[str, list[Given]] = {}
    for note in notes:
        group = groups.setdefault(note.text, [])
        if note.given is not None:
            group.append(note.given)
    return [(given, text) for text, given in groups.items()]


def _quoted(given: Given) -> str:
    text = given.text.replace("\r", " ").replace("\n", " ")
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= _WIDTH else shown[: _WIDTH - 1] + "…"


def _comment(text: str, indent: str = "# ") -> list[str]:
    shown = "".join(c if c.isprintable() else " " for c in text)
    wrapper = textwrap.TextWrapper(
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.wrap(shown)
