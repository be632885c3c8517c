"""Running a ``gunicorn.conf.py``, as Gunicorn does: for `yett migrate`, and for ``yett --config gunicorn.conf.py``."""

import ast
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from dataclasses import dataclass
from typing import Any

from .. import process
from ..errors import application_traceback, summary
from . import equivalents, gunicorn, gunicorn_application, gunicorn_hooks
from .report import Given, MigrateError, shown
from .values import split

_MODULE = "__config__"
_MODES = ("umask", "control_socket_mode")
# What would make Yett something else than what the file asks for: clients would speak TLS, or uwsgi, to it.
_REFUSED = ("certfile", "keyfile")
# Texts, or lists of them.
_LISTS = ("bind", "raw_env", "pythonpath", "forwarded_allow_ips", "proxy_allow_ips")
# What `load` does for the process.
_PREPARED = ("chdir", "pythonpath", "raw_env")


@dataclass
class Configuration:
    """What a file sets: its settings by name, in the order of the file."""

    path: str
    given: dict[str, Given]


@dataclass
class Loaded:
    """A file that stands for a ``yett.toml``."""

    # Yett's name, value, line of the file (0: not in the file). The application's name is `app`.
    values: list[tuple[str, Any, int]]
    # What has no equivalent, one line each.
    notes: list[str]
    hooks: gunicorn_hooks.GunicornHooks


def load(path: str) -> Loaded:
    """Execute the file and say what it means to Yett.

    What it sets for the process is done at once: working directory (``chdir``), import path (``pythonpath``),
    environment (``raw_env``). Raises `MigrateError` if it cannot be executed, or asks for what cannot be done without.
    """
    configuration = read(path)
    given = configuration.given
    _refuse(configuration)
    try:
        report = gunicorn.translate(given)
        _prepare_process(given)
    except MigrateError as error:
        # No line: the option is in the message, and is the only one of that text.
        error.message = f"{path}: {error.message}"
        raise
    report.carried.pop("chdir", None)  # done
    values = [(name, carried.value, carried.sources[0].line) for name, carried in report.carried.items()]
    for carried in report.carried.values():
        if not isinstance(carried.value, (bool, int, float, str, list)):
            raise _wrong(path, carried.sources[0], "a string or a number is needed")
    if report.app is not None:
        values.insert(0, ("app", report.app.value, report.app.sources[0].line))
    done = {*_PREPARED, *gunicorn_hooks.CALLED}
    notes = [
        f"{_place(path, note.given)}: {note.text}"
        for note in report.lacking
        if note.given is not None and note.given.name not in done
    ]
    notes += [note.text for note in report.remarks if note.text == gunicorn_application.ONE_AT_A_TIME]
    if os.environ.get("GUNICORN_CMD_ARGS"):
        notes.append(
            "GUNICORN_CMD_ARGS is left alone; `yett migrate gunicorn` says what its options are here"
        )
    return Loaded(values, notes, gunicorn_hooks.GunicornHooks(given))


def _place(path: str, given: Given) -> str:
    return f"{path}:{given.line}: {given.name}" if given.line else given.text


def read(location: str) -> Configuration:
    """Execute the file (``PATH``, ``file:PATH``) or module (``python:NAME``). Raises `MigrateError`."""
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if location.startswith("python:"):
        path, names = _import(location.removeprefix("python:"))
    else:
        path = location.removeprefix("file:")
        names = _execute(path)
    lines = _lines(path)
    known = equivalents.options(gunicorn.PEER)
    settings = [name for name in names if name in known]
    given = {name: _given(name, names[name], lines.get(name, lines.get("*", 0))) for name in settings}
    for name in _LISTS:
        if name in given and not _is_list(given[name].value):
            raise _wrong(path, given[name], "a string or a list of strings is needed")
    if "secure_scheme_headers" in given and not isinstance(given["secure_scheme_headers"].value, dict):
        raise _wrong(path, given["secure_scheme_headers"], "a dictionary is needed")
    return Configuration(path, given)


def _is_list(value: Any) -> bool:
    several = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return value is None or isinstance(value, str) or several


def _wrong(path: str, option: Given, needed: str) -> MigrateError:
    place = f"{path}:{option.line}" if option.line else path
    return MigrateError(f"{place}: {option.text}: {needed}")


def _execute(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb"):
            pass
    except FileNotFoundError:
        raise MigrateError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise MigrateError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    loader = importlib.machinery.SourceFileLoader(_MODULE, path)
    spec = importlib.util.spec_from_file_location(_MODULE, path, loader=loader)
    assert spec is not None  # there is a loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    # A configuration leaves no `__pycache__` behind where it stands.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is code of the user's
        raise _failed(path, error) from None
    finally:
        sys.dont_write_bytecode = before
    return vars(module)


def _import(name: str) -> tuple[str, dict[str, Any]]:
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is code of the user's
        raise _failed(f"python:{name}", error) from None
    return getattr(module, "__file__", None) or f"python:{name}", vars(module)


def _failed(path: str, error: BaseException) -> MigrateError:
    if isinstance(error, SyntaxError) and error.filename == path:
        return MigrateError(f"{path}:{error.lineno}: {error.msg}")
    own = os.path.dirname(__file__)
    return MigrateError(f"{path}: {summary(error)}", traceback=application_traceback(error, own))


def _given(name: str, value: Any, line: int) -> Given:
    if callable(value) and not isinstance(value, type):
        text = f"def {name}(…)"
    elif name in _MODES and isinstance(value, int):
        text = f"{name} = {value:#o}"
    else:
        try:
            text = f"{name} = {shown(name, value)!r}"
        except Exception:  # noqa: BLE001 - it is code of the user's
            text = f"{name} = …"
    return Given(name, value, text, line)


def _lines(path: str) -> dict[str, int]:
    """Name → the last line that gives it a value."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return {}
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = max(node.lineno, lines.get(node.id, 0))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            lines[node.name] = max(node.lineno, lines.get(node.name, 0))
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                lines[alias.asname or alias.name] = node.lineno  # `*`: names that stand nowhere else
    return lines


def _prepare_process(given: dict[str, Given]) -> None:
    for entry in _environment(given):
        name, _, value = entry.partition("=")
        os.environ[name] = value
    if "chdir" in given and given["chdir"].value:
        folder = os.path.abspath(str(given["chdir"].value))
        try:
            process.change_directory(folder)
        except OSError as error:
            raise MigrateError(f"{given['chdir'].text}: {error.strerror}") from None
        sys.path.insert(0, folder)
    if "pythonpath" in given:
        for entry in split(given["pythonpath"].value):
            sys.path.insert(0, os.path.abspath(entry))


def _environment(given: dict[str, Given]) -> list[str]:
    """``raw_env`` as a list of ``NAME=value``. Raises `MigrateError`."""
    value = given["raw_env"].value if "raw_env" in given else None
    entries = [value] if isinstance(value, str) else list(value or ())
    for entry in entries:
        if "=" not in str(entry):
            raise MigrateError(f"{given['raw_env'].text}: {entry!r} is not NAME=value")
    return [str(entry) for entry in entries]


def _refuse(configuration: Configuration) -> None:
    given = configuration.given
    refused = [given[name] for name in _REFUSED if name in given and given[name].value]
    if "protocol" in given and str(given["protocol"].value).lower() == "uwsgi":
        refused.append(given["protocol"])
    for option in refused:
        raise MigrateError(
            f"{configuration.path}:{option.line}: {option.name} cannot be done without",
            equivalents.unmatched(gunicorn.PEER)[option.name],
        )
