"""Paste: applications that an ini file describes, and Yett as the server that it names.

``yett production.ini`` serves ``[app:main]`` of the file (also a pipeline or a composite) by way of PasteDeploy,
which must be installed. For ``pserve`` and ``gearbox``, `serve` is the entry point behind ``[server:main]`` with
``use = egg:yett``.
"""

import configparser
import importlib.metadata
import logging.config
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from . import suggest
from .errors import TargetError, application_traceback, has_application_frames, summary
from .importer import make_importable
from .interface import describe

# What PasteDeploy serves as an application.
_KINDS = ("app", "application", "composite", "composit", "pipeline", "filter-app")


def load(path: str, name: str = "main") -> Any:
    """The application called ``name`` in the ini file at ``path``, with the logging that the file asks for set up.

    Puts the folder of the file at the front of ``sys.path``. Raises `TargetError`; ``KeyboardInterrupt`` passes.
    """
    full_path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(full_path):
        raise _no_file(path, full_path)
    load_application, machinery = _paste_deploy()
    parser = _parsed(path, full_path)
    # A name with a colon is an address of its own, such as egg:shop or config:other.ini.
    if ":" not in name and name not in _applications(parser):
        raise _no_application(path, name, _applications(parser))
    make_importable(os.path.dirname(full_path))
    if parser.has_section("loggers"):
        _set_up_logging(path, full_path)
    try:
        app = load_application("config:" + quote(full_path), name=name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _failed(path, name, error, machinery) from error
    if not callable(app):
        raise TargetError(
            f"what {name!r} in {path!r} made is not an application: it is {describe(app)}, not callable",
            hint="does its factory end with 'return app'?",
        )
    return app


def serve(app: Any, global_conf: Mapping[str, str] | None, /, **settings: str) -> None:
    """Serve ``app`` until SIGINT or SIGTERM: the ``paste.server_runner`` of PasteDeploy.

    ``settings`` are those of the command line by name, written as there, or ``host`` and ``port``, or ``listen``,
    as other servers call them. A wrong one raises ``TypeError`` or ``ValueError``, which names the file; what keeps the
    application from being served is printed, and raises ``SystemExit``.
    """
    from . import _core, server  # for `load` they are loaded already, or not needed at all

    try:
        # Paste is about WSGI: applications that leave it open need not be asked.
        values = _core.Settings(**{"interface": "wsgi", **translated(settings)})
    except (TypeError, ValueError) as error:
        where = (global_conf or {}).get("__file__", "the ini file")
        raise type(error)(f"the server section of {where}: {error}") from None
    from .command import FAILURES, explain, fail

    try:
        code = server.serve(app, values, own_process=True)
    except FAILURES as error:
        code = fail(*explain(error))
    if code:
        raise SystemExit(code)


def translated(settings: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a server section under Yett's own names: every way of saying an address becomes ``bind``."""
    own: dict[str, Any] = dict(settings)
    listen, host, port = own.pop("listen", None), own.pop("host", None), own.pop("port", None)
    ways = [way for way in (own.pop("bind", None), listen, host or port) if way is not None]
    if len(ways) > 1:
        raise ValueError(
            "an address can be given by bind, by listen, or by host and port, not by two of them"
        )
    if host is not None or port is not None:
        own["bind"] = [_address(host, port)]
    elif ways:
        addresses = [word for word in re.split(r"[,\s]+", ways[0]) if word]
        # Waitress's way to say that all interfaces are meant.
        own["bind"] = [address.removeprefix("*") for address in addresses]
    return own


def _address(host: str | None, port: str | None) -> str:
    if host is None or port is None:
        return host or port or ""
    if host == "*":
        return f":{port}"
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def _paste_deploy() -> tuple[Callable[..., Any], tuple[str, ...]]:
    """PasteDeploy's ``loadapp``, and the files and folders whose frames in a traceback nobody needs."""
    try:
        import paste.deploy.loadwsgi as loader
    except ImportError as error:
        raise TargetError(
            f"a Paste file needs PasteDeploy ({summary(error)})",
            hint=f"install it for this Python, {sys.executable}: pip install PasteDeploy",
        ) from None
    # PasteDeploy imports factories through importlib.metadata's entry points.
    return loader.loadapp, (os.path.dirname(loader.__file__), importlib.metadata.__file__)


def _parsed(path: str, full_path: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    # As PasteDeploy reads it: `debug` and `Debug` are two options.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        with open(full_path) as file:
            parser.read_file(file)
    except (OSError, UnicodeError, configparser.Error) as error:
        # Over several lines as it comes, and the first alone does not say where.
        raise TargetError(
            f"{path!r} cannot be read: {' '.join(str(error).split())}",
            hint="a Paste file is made of [sections] with lines like name = value",
        ) from None
    return parser


def _applications(parser: configparser.RawConfigParser) -> list[str]:
    parts = [section.partition(":") for section in parser.sections()]
    return [name.strip() for kind, colon, name in parts if colon and kind in _KINDS]


def _set_up_logging(path: str, full_path: str) -> None:
    variables = {"__file__": full_path, "here": os.path.dirname(full_path)}
    # Not strict: it takes `debug` and `Debug` for one option, given twice. `_parsed` has seen to real duplicates.
    parser = configparser.ConfigParser(variables, strict=False)
    try:
        parser.read(full_path)
        logging.config.fileConfig(parser, disable_existing_loggers=False)
    except Exception as error:
        raise TargetError(
            f"the logging that {path!r} asks for cannot be set up: {summary(error)}",
            hint="it is in the sections [loggers], [handlers] and [formatters], as logging.config.fileConfig has them",
        ) from error


def _failed(path: str, name: str, error: BaseException, machinery: tuple[str, ...]) -> TargetError:
    hint = None
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        hint = f"is {module!r} installed for this Python, {sys.executable}, or beside the file?"
    elif isinstance(error, SystemExit):
        hint = "a factory that is served must not exit"
    if isinstance(error, Exception) and not has_application_frames(error, *machinery, configparser.__file__):
        # The file is wrong, none of their code has run: a traceback would only show PasteDeploy's.
        return TargetError(f"{name!r} in {path!r} cannot be loaded: {summary(error)}", hint=hint)
    return TargetError(
        f"loading {name!r} from {path!r} failed: {summary(error)}",
        hint=hint,
        traceback=application_traceback(error, *machinery),
    )


def _no_application(path: str, name: str, applications: list[str]) -> TargetError:
    message = f"no application {name!r} in {path!r}"
    if not applications:
        return TargetError(message, hint=f"it is described by a section [app:{name}]; the file has none")
    near = suggest.near(name, applications)
    if near:
        message += f" (did you mean {suggest.either(near)}?)"
    first = (near or applications)[0]
    better = path if first == "main" else f"--paste-name {first} {path}"
    return TargetError(message, hint=f"it has {', '.join(map(repr, applications))}; try: yett {better}")


def _no_file(path: str, full_path: str) -> TargetError:
    folder = os.path.dirname(full_path)
    near = suggest.near(os.path.basename(path), suggest.files_in(folder, ".ini"))
    if not near:
        return TargetError(f"no file {path!r}", hint=f"it is looked for in {folder}")
    better = os.path.join(os.path.dirname(path), near[0])
    return TargetError(f"no file {path!r} (did you mean {suggest.either(near)}?)", hint=f"try: yett {better}")
