"""Calling the functions that the settings name: ``when_ready = "module:function"`` (docs/hooks.md)."""

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from . import _core, importer
from .errors import TargetError
from .hooks import HookError, Hooks, may_fail
from .interface import accepts

_SUPERVISOR = ("when_ready", "on_reload")
_WORKER = ("worker_start", "worker_ready", "worker_stop", "worker_exit")


class Context(NamedTuple):
    """What a function is told."""

    #: The process that it is called in.
    pid: int
    #: Where the server listens: ``http://127.0.0.1:8000``, ``unix:/path``. Empty before that is known.
    addresses: list[str]
    #: Which worker this is, from 0 on; a replacement has the number of the one before it. None in the supervisor.
    worker: int | None
    #: Which loading of the application's code this is: 1, and one more with each reload. 0 in the supervisor.
    generation: int


def named(settings: _core.Settings, others: Hooks) -> Hooks:
    """``others``, and the functions that the settings name, if any."""
    return FunctionHooks(settings, others) if _targets(settings) else others


class FunctionHooks(Hooks):
    """The functions of the settings. Each is called behind what ``others`` call at the same turn."""

    def __init__(self, settings: _core.Settings, others: Hooks) -> None:
        self._others = others
        self.wants_interrupt = others.wants_interrupt
        self._targets = _targets(settings)
        self._functions: dict[str, Callable[..., object]] = {}
        self._context = Context(os.getpid(), [], None, 0)

    # ---- in the supervisor ----

    def starting(self) -> None:
        self._others.starting()
        self._load(_SUPERVISOR, keep=False)

    def taking_over(self, addresses: list[str], workers: int) -> None:
        self._others.taking_over(addresses, workers)
        self._context = self._context._replace(addresses=addresses)
        self._load(_SUPERVISOR, keep=False)

    def ready(self, addresses: list[str]) -> None:
        self._others.ready(addresses)
        self._context = self._context._replace(addresses=addresses)
        self._call("when_ready")

    def reloading(self) -> None:
        self._others.reloading()
        self._call("on_reload")

    def forking(self, worker: int) -> None:
        self._others.forking(worker)

    def worker_gone(self, pid: int) -> None:
        self._others.worker_gone(pid)

    def worker_count(self, new: int, old: int | None) -> None:
        self._others.worker_count(new, old)

    def succeeding(self) -> None:
        self._others.succeeding()

    def ended(self) -> None:
        self._others.ended()

    # ---- in a worker ----

    def worker_start(self, addresses: list[str], number: int = 0, generation: int = 1) -> None:
        self._others.worker_start(addresses, number, generation)
        self._context = Context(os.getpid(), addresses, number, generation)
        self._load(_WORKER, keep=True)
        self._call("worker_start")

    def worker_loaded(self, application: Any) -> None:
        self._others.worker_loaded(application)

    def worker_ready(self) -> None:
        self._others.worker_ready()
        self._call("worker_ready")

    def interrupted(self) -> None:
        self._others.interrupted()

    def worker_stopping(self) -> None:
        self._others.worker_stopping()
        self._call("worker_stop")

    def worker_end(self) -> None:
        self._others.worker_end()
        self._call("worker_exit")

    # ---- both ----

    def _load(self, names: tuple[str, ...], keep: bool) -> None:
        """``keep``: what is imported stays imported. The supervisor's does not: its workers, which are forked from it,
        import everything anew after a reload. Raises `HookError`."""
        before = set(sys.modules)
        for name in names:
            if target := self._targets.get(name):
                try:
                    self._functions[name] = importer.function(target)
                except TargetError as error:
                    raise HookError(
                        f"the hook {name} ({target}): {error.message}", error.traceback or ""
                    ) from None
        if not keep:
            packages = {target.partition(":")[0].partition(".")[0] for target in self._targets.values()}
            for module in set(sys.modules) - before:
                if module.partition(".")[0] in packages:
                    del sys.modules[module]

    def _call(self, name: str) -> None:
        if function := self._functions.get(name):
            arguments = [self._context] if accepts(function, 1) else []
            may_fail(name, function, *arguments)


def _targets(settings: _core.Settings) -> dict[str, str]:
    return {name: str(target) for name in (*_SUPERVISOR, *_WORKER) if (target := getattr(settings, name))}
