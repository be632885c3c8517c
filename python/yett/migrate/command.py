"""``yett migrate``: which source is meant, and where the result goes."""

import contextlib
import os
import shlex
import sys
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core, output, suggest
from . import document, granian, gunicorn, gunicorn_config, gunicorn_line, uvicorn, uwsgi
from .report import MigrateError, Note, Report

OK = 0
WRONG_USAGE = 2

HELP = """\
Write a commented yett.toml for what another server was told.

Usage: yett migrate [-o FILE] [--force] gunicorn.conf.py
       yett migrate [-o FILE] [--force] gunicorn [OPTIONS] [APP]
       yett migrate [-o FILE] [--force] uvicorn [OPTIONS] APP
       yett migrate [-o FILE] [--force] granian [OPTIONS] APP
       yett migrate [-o FILE] [--force] uwsgi.ini

A gunicorn.conf.py is executed, as Gunicorn does, and so is the one that a gunicorn command
line names; GUNICORN_CMD_ARGS counts as well. The result says what was carried over, what has
no equivalent and why, and what is different. Neither the other server nor the application
needs to be installed.

  -o, --output FILE  Write to this file instead of standard output
  -f, --force        Replace the file if it is there
  -h, --help         Print this

Exit codes: 0 done; 2 wrong usage, a source that cannot be read, or a file that is there.
"""

_LINES: dict[str, Callable[[Sequence[str]], Report]] = {
    "gunicorn": gunicorn_line.migrate,
    "uvicorn": uvicorn.migrate,
    "granian": granian.migrate,
}
_OPTIONS = ("-o", "--output", "-f", "--force", "-h", "--help")
_SEE_HELP = "`yett migrate --help` shows how"


def run(arguments: Sequence[str]) -> int:
    """Carry out ``yett migrate ARGUMENTS``; the exit code."""
    try:
        return _run(list(arguments))
    except MigrateError as error:
        output.explain(error.message, error.hint, error.traceback, command="yett migrate")
        return WRONG_USAGE


def _run(arguments: list[str]) -> int:
    path, force = None, False
    # Options of ours stand before the source: what follows it is another server's.
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        name, equals, value = option.partition("=")
        if option in ("-h", "--help"):
            return output.tell(HELP)
        if option in ("-f", "--force"):
            force = True
        elif name in ("-o", "--output") and (equals or arguments):
            path = value if equals else arguments.pop(0)
        elif name in ("-o", "--output"):
            raise MigrateError(f"{name} needs a file", _SEE_HELP)
        else:
            near = suggest.near(name, _OPTIONS)
            raise MigrateError(
                f"unknown option {name}", f"did you mean {suggest.either(near)}?" if near else _SEE_HELP
            )
    if not arguments:
        raise MigrateError("nothing to migrate", _SEE_HELP)
    if arguments[1:] == ["--help"]:
        return output.tell(HELP)
    arguments = _command_line(arguments)
    # A configuration that prints something does not print it into the result.
    with contextlib.redirect_stdout(sys.stderr):
        report = _migrate(arguments)
    command = f"yett migrate {arguments[0]}" + (" …" if arguments[1:] else "")
    return _write(checked(report, command), path, force)


def _command_line(arguments: list[str]) -> list[str]:
    """The words that a shell makes of a command line in quotes, without the interpreter before a module."""
    if len(arguments) == 1 and " " in arguments[0] and not os.path.exists(arguments[0]):
        try:
            arguments = shlex.split(arguments[0])
        except ValueError as error:
            raise MigrateError(f"{arguments[0]!r} is no command line: {error}") from None
    if len(arguments) > 2 and os.path.basename(arguments[0]).startswith("python") and arguments[1] == "-m":
        return arguments[2:]
    return arguments or [""]


def _migrate(arguments: list[str]) -> Report:
    source, *rest = arguments
    server = os.path.basename(source)
    if server in _LINES:
        return _LINES[server](rest)
    if server == "uwsgi" and rest:
        source, *rest = [word for word in rest if word not in ("--ini", "-i")] or [server]
        source = source.removeprefix("--ini=")
        if source.startswith("-"):
            raise MigrateError(
                "of uWSGI an .ini file is read, not a command line",
                "write one: [uwsgi], and below it `http = :80` for `--http :80`",
            )
    read = _reader(source)
    if rest:
        _only_one(source, rest)
    return read(source)


def _reader(source: str) -> Callable[[str], Report]:
    """What reads a file of this name."""
    if source.endswith(".ini"):
        return uwsgi.migrate
    if source.endswith(".py") or source.startswith(("python:", "file:")):
        return lambda path: gunicorn.translate(gunicorn_config.read(path).given)
    near = suggest.near(source, [*_LINES, "uwsgi.ini", "gunicorn.conf.py"])
    raise MigrateError(
        f"{source!r} is neither a server nor a configuration of one",
        f"did you mean {suggest.either(near)}?" if near else _SEE_HELP,
    )


def _only_one(source: str, rest: list[str]) -> None:
    option = next((word for word in rest if word in _OPTIONS), None)
    hint = f"write it before the source: yett migrate {option} …" if option else _SEE_HELP
    raise MigrateError(f"unexpected {rest[0]!r} after {source!r}", hint)


def checked(report: Report, command: str) -> str:
    """The document, read back. What Yett refuses becomes a note, with the reason."""
    for name, carried in list(report.carried.items()):
        if reason := _refusal(name, carried.value):
            del report.carried[name]
            for given in carried.sources:
                report.lacking.append(
                    Note(given, f"It would be {document.value(carried.value)}, but {reason}")
                )
    text = document.write(report, command)
    try:
        text.encode()
    except UnicodeEncodeError:  # arguments that are not text
        raise MigrateError("the application's name is not valid UTF-8") from None
    values = tomllib.loads(text)
    values.pop("app", None)
    _core.Settings(**values)  # each alone has passed
    return text


def _refusal(name: str, value: Any) -> str | None:
    """Why Yett refuses a value; None if it does not."""
    try:
        _core.Settings(**{name: value})
    except (TypeError, ValueError) as error:
        return f"{error}."
    return None


def _write(text: str, path: str | None, force: bool) -> int:
    if path is None:
        return output.tell(text)
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise MigrateError(
            f"{path} is there already", "name another file, or add --force to replace it"
        ) from None
    except OSError as error:
        raise MigrateError(f"cannot write {path or 'a file without a name'}: {error.strerror}") from None
    return OK
