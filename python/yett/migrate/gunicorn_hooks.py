"""Calling the server hooks of a ``gunicorn.conf.py``, with stand-ins for Gunicorn's arbiter and worker."""

import importlib
import os
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .. import _core
from ..hooks import Hooks, may_fail, must_succeed
from .report import Given, MigrateError

# Those that are called.
CALLED = (
    "on_starting",
    "nworkers_changed",
    "pre_fork",
    "post_fork",
    "post_worker_init",
    "when_ready",
    "on_reload",
    "pre_exec",
    "worker_int",
    "worker_exit",
    "child_exit",
    "on_exit",
)
# What hooks usually look up, where the file does not set it.
_DEFAULTS: dict[str, Any] = {
    "bind": ["127.0.0.1:8000"],
    "backlog": 2048,
    "workers": 1,
    "worker_class": "sync",
    "threads": 1,
    "worker_connections": 1000,
    "max_requests": 0,
    "max_requests_jitter": 0,
    "timeout": 30,
    "graceful_timeout": 30,
    "keepalive": 2,
    "reload": False,
    "preload_app": False,
    "chdir": None,
    "daemon": False,
    "raw_env": [],
    "pidfile": None,
    "umask": 0,
    "forwarded_allow_ips": ["127.0.0.1", "::1"],
    "proxy_protocol": "off",
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "info",
    "proc_name": "gunicorn",
    "wsgi_app": None,
    "is_ssl": False,
}


class Config:
    """``server.cfg``: what the file sets, and Gunicorn's defaults."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {**_DEFAULTS, **values}
        self._values["env"] = dict(entry.partition("=")[::2] for entry in _strings(self._values["raw_env"]))
        self._values["address"] = [_address(bind) for bind in _strings(self._values["bind"])]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(f"No configuration setting for: {name}") from None


class Log:
    """``server.log``: Yett's error log, with the methods of Gunicorn's."""

    def critical(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("error", message, arguments, more)

    def error(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("error", message, arguments, more)

    def warning(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("warning", message, arguments, more)

    def info(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("info", message, arguments, more)

    def debug(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("debug", message, arguments, more)

    def exception(self, message: Any, *arguments: Any, **more: Any) -> None:
        _write("error", message, arguments, {"exc_info": True, **more})

    def log(self, level: int, message: Any, *arguments: Any, **more: Any) -> None:
        """``level`` is one of `logging`'s numbers."""
        _write(_level(level), message, arguments, more)


class _StandIn:
    """What an arbiter and a worker have in common."""

    def __init__(self, cfg: Config, log: Log) -> None:
        self.cfg = cfg
        self.log = log
        self.pid = os.getpid()
        self.address = cfg.address

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"Yett's stand-in for Gunicorn's {type(self).__name__} has no attribute {name!r}"
        )


class Arbiter(_StandIn):
    """``server`` of a hook: what hooks usually look at."""

    def __init__(self, cfg: Config, log: Log) -> None:
        super().__init__(cfg, log)
        self.num_workers = 1
        self.WORKERS: dict[int, Worker] = {}


class Worker(_StandIn):
    """``worker`` of a hook: what hooks usually look at."""

    def __init__(self, cfg: Config, log: Log, age: int = 1) -> None:
        super().__init__(cfg, log)
        self.age = age
        self.ppid = os.getppid()
        self.app: Any = None
        self.wsgi: Any = None
        self.alive = True
        self.booted = False


class GunicornHooks(Hooks):
    """The hooks of one file. Hooks may be named as ``module.function``. Raises `MigrateError`."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        cfg, log = Config({name: option.value for name, option in given.items()}), Log()
        self._hooks = {name: _callable(given[name]) for name in CALLED if name in given and given[name].value}
        self._server = Arbiter(cfg, log)
        self._worker = Worker(cfg, log)
        self.wants_interrupt = "worker_int" in self._hooks

    def _up(self, name: str, *arguments: Any) -> None:
        if name in self._hooks:
            must_succeed(name, self._hooks[name], *arguments)

    def _down(self, name: str, *arguments: Any) -> None:
        if name in self._hooks:
            may_fail(name, self._hooks[name], *arguments)

    def starting(self) -> None:
        self._up("on_starting", self._server)

    def taking_over(self, addresses: list[str], workers: int) -> None:
        self._server.address = [_address(address) for address in addresses]
        self._server.num_workers = workers

    def worker_count(self, new: int, old: int | None) -> None:
        self._server.num_workers = new
        self._down("nworkers_changed", self._server, new, old)

    def forking(self, worker: int) -> None:
        # The child inherits it.
        self._worker = Worker(self._server.cfg, self._server.log, worker)
        self._down("pre_fork", self._server, self._worker)

    def worker_gone(self, pid: int) -> None:
        worker = Worker(self._server.cfg, self._server.log)
        worker.pid, worker.ppid, worker.alive = pid, os.getpid(), False
        self._down("child_exit", self._server, worker)

    def reloading(self) -> None:
        self._down("on_reload", self._server)

    def succeeding(self) -> None:
        self._down("pre_exec", self._server)

    def worker_start(self, addresses: list[str], number: int = 0, generation: int = 1) -> None:
        self._server.address = self._worker.address = [_address(address) for address in addresses]
        self._worker.pid, self._worker.ppid = os.getpid(), os.getppid()
        self._server.WORKERS = {self._worker.pid: self._worker}
        self._up("post_fork", self._server, self._worker)

    def worker_loaded(self, application: Any) -> None:
        self._worker.app = self._worker.wsgi = application
        self._worker.booted = True
        self._up("post_worker_init", self._worker)

    def ready(self, addresses: list[str]) -> None:
        self._server.address = [_address(address) for address in addresses]
        self._up("when_ready", self._server)

    def interrupted(self) -> None:
        self._worker.alive = False
        self._down("worker_int", self._worker)

    def worker_end(self) -> None:
        self._worker.alive = False
        self._down("worker_exit", self._server, self._worker)
        self._server.WORKERS = {}

    def ended(self) -> None:
        self._down("on_exit", self._server)


def _callable(option: Given) -> Callable[..., object]:
    hook = option.value
    if isinstance(hook, str):
        module, _, name = hook.rpartition(".")
        try:
            hook = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise MigrateError(f"{option.text}: {error}") from None
    if not callable(hook):
        raise MigrateError(f"{option.text}: not a function")
    return hook


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(item) for item in value or ()]


def _address(text: str) -> tuple[str, int] | str:
    """An address as Gunicorn has it: host and port, or a path."""
    if text.startswith("unix:"):
        return re.sub("^unix:(//)?", "", text)
    host, _, port = re.sub("^[a-z]+://", "", text).rstrip("/").rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() and host else text


def _level(number: int) -> Literal["error", "warning", "info", "debug"]:
    if number >= 40:
        return "error"
    if number >= 30:
        return "warning"
    return "info" if number >= 20 else "debug"


def _write(
    level: Literal["error", "warning", "info", "debug"],
    message: Any,
    arguments: tuple[Any, ...],
    more: dict[str, Any],
) -> None:
    text = str(message)
    if arguments:
        # As `logging` does: one dictionary is for names in the message.
        values = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], dict) else arguments
        try:
            text %= values
        except (TypeError, ValueError, KeyError):
            text = f"{text} {arguments!r}"
    if more.get("exc_info"):
        text += "\n" + traceback.format_exc().rstrip()
    _core.write_log(level, text)
