"""The process that looks after the workers. It runs no application code and never holds a request.

What is to be done when is decided in Rust (`crates/supervisor`); here it is carried out as far as it takes Python:
forking, reading settings, calling hooks.
"""

import os
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _core, function_hooks, process, systemd, worker, zygote
from .forking import fork
from .hooks import HookError, Hooks
from .server import LogError, announce, open_listeners, open_logs
from .successor import Succession, Successor

if TYPE_CHECKING:
    from .dev.watching import Watching

# What `read-settings` is answered with: the settings and the hooks that stand beside them, or what is wrong.
Reread = Callable[[], tuple[_core.Settings, Hooks | None] | str]


def supervise(
    app: Any,
    settings: _core.Settings,
    hooks: Hooks,
    reread: Reread | None,
    asked_early: set[int],
    passed: list[int],
    files: "Watching | None" = None,
) -> int:
    """Serve ``app`` with workers until a signal ends that; the exit code. Returns in every forked worker, too.

    ``asked_early``: signals that have come before anybody listened; ``passed``: sockets of systemd; ``files``: reload
    when they change.

    Raises `ListenError`, `ProcessError` and `HookError`; in workers also what `worker.work` raises.
    """
    supervisor = os.getpid()
    hooks.starting()
    supervision = None
    try:
        supervision = Supervision(app, settings, hooks, reread, passed, files)
        if asked_early:
            signal.raise_signal(signal.SIGUSR1)
        outcome = supervision.run()
    finally:
        if os.getpid() == supervisor:
            if supervision is not None:
                supervision.close()
                hooks = supervision.hooks
            hooks.ended()
    return outcome if isinstance(outcome, int) else worker.work(outcome)


class Supervision:
    """One supervisor at work."""

    def __init__(
        self,
        app: Any,
        settings: _core.Settings,
        hooks: Hooks,
        reread: Reread | None,
        passed: list[int],
        files: "Watching | None" = None,
    ) -> None:
        self._app = app
        self._settings = settings
        #: Those of now: a reload may bring others.
        self.hooks = hooks
        self._reread = reread
        self._succession = Succession.inherited()
        inherited = self._succession.descriptors if self._succession is not None else []
        if self._succession is not None and self._succession.passed:
            inherited, passed = [], inherited
        self._passed = bool(passed) and not _core.names_addresses(settings)
        self._listeners = open_listeners(settings, inherited, passed)
        if self._succession is not None:
            self._succession.close_descriptors()
        self._addresses = [listener.address for listener in self._listeners]
        # Where `logging` leads is for the application to say, which is not here.
        _core.open_logs(settings, False)
        self._pid_file = process.PidFile(str(settings.pid))
        try:
            process.give_files(settings)
            if self._succession is None:
                self._pid_file.write()
        except process.ProcessError:
            self._close_listeners(remove=True)
            raise
        # Python's own handler would raise KeyboardInterrupt beside ours.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._workers, surge = _counts(settings)
        self._core = _core.Supervisor(settings, self._workers, surge)
        if (notifier := systemd.notifier()) is not None:
            self._core.keep_awake(notifier)
        self._zygote_channels: dict[int, socket.socket] = {}
        self._successor: Successor | None = None
        # It serves: the service goes on without us.
        self._succeeded = False
        self._files = files
        self._files_watched = self._core.watch(files.fileno()) if files is not None else None
        # Of a hook; told when all workers have ended.
        self._failure: HookError | None = None

    def run(self) -> "int | worker.Assignment":
        """Look after workers until none is left: the exit code. In a child: what it is to do."""
        self.hooks.worker_count(self._workers, None)
        self._core.start()
        while True:
            task, first, second = self._core.next()
            match task:
                case "fork":
                    if assignment := self._fork(first, second):
                        return assignment
                case "start-zygote":
                    if assignment := self._start_zygote(first):
                        return assignment
                case "exit":
                    if self._failure is not None:
                        raise self._failure
                    return first
                case "read-settings":
                    self._read_settings()
                case "reopen-logs":
                    process.make_logs(self._settings)
                    self._core.reopen_logs()
                case "spawn-successor":
                    self._spawn_successor()
                case "readable" if first == self._files_watched:
                    self._reload_if_changed()
                case "readable":
                    self._hear_successor()
                case "other-ended":
                    self._other_ended(first, second)
                case "removed":
                    self._core.forget(first, self._settings)
                    if second:
                        self.hooks.worker_gone(second)
                case "started":
                    self._started()
                case "reloading":
                    self._core.forget_failure()
                    systemd.reloading()
                    self.hooks.reloading()
                case "reloaded":
                    systemd.ready()
                    if first and self._files is not None:
                        self._files.reloaded()
                case "stopping":
                    if not self._succeeded:
                        systemd.stopping()
                case "close-listeners":
                    self._close_listeners(remove=bool(first))

    def close(self) -> None:
        """Close what is open, at the end."""
        self._close_listeners(remove=not self._succeeded)
        self._pid_file.remove()

    # ---- children ----

    def _fork(self, number: int, slot: int) -> "worker.Assignment | None":
        self.hooks.forking(number)
        try:
            pid = fork(self._core.leave, serves=True)
        except OSError as error:
            self._core.fork_failed(number, error.strerror or str(error))
            return None
        if pid:
            self._core.forked(number, pid)
            return None
        return self._assignment(slot, None)

    def _start_zygote(self, generation: int) -> "worker.Assignment | None":
        ours, theirs = socket.socketpair()
        with ours, theirs:
            try:
                pid = fork(self._core.leave)
            except OSError as error:
                self._core.zygote_failed(generation, error.strerror or str(error))
                return None
            if pid:
                self._core.zygote_forked(generation, pid, ours.fileno())
                return None
            ours.close()
            slot, application = zygote.run(theirs, self._app, self._settings, self._core, self.hooks)
            return self._assignment(slot, application)

    def _assignment(self, slot: int, application: Any) -> "worker.Assignment":
        for listener in self._listeners:
            listener.disown()
        if self._successor is not None:
            self._successor.close()
        seat = self._core.seat(slot)
        return worker.Assignment(seat, self._listeners, self._settings, self.hooks, self._app, application)

    def _other_ended(self, pid: int, how: int) -> None:
        if self._successor is not None and pid == self._successor.pid:
            self._forget_successor(f"it ended with {'exit code' if how >= 0 else 'signal'} {abs(how)}")

    # ---- turns of life ----

    def _started(self) -> None:
        try:
            self.hooks.ready(self._addresses)
        except HookError as error:
            # What runs is finished first.
            self._failure = error
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if self._files is not None:
            self._files.greet(self._addresses)
        else:
            announce(self._addresses)
        systemd.ready()
        if self._succession is not None:
            try:
                self._pid_file.write(self._succession.parent)
            except process.ProcessError as error:
                _core.write_log("error", error.message)
            self._succession.complete()

    def _reload_if_changed(self) -> None:
        if self._files is not None and self._files.have_changed():
            self._core.reload()

    def _read_settings(self) -> None:
        with process.at_the_start():
            found = self._reread() if self._reread is not None else (self._settings, None)
        if isinstance(found, str):
            self._core.configuration_failed(found)
            return
        settings, unchangeable = self._settings.reloaded(found[0])
        hooks = function_hooks.named(settings, found[1] or Hooks())
        try:
            hooks.taking_over(self._addresses, self._workers)
            self._move_logs(settings)
        except (HookError, LogError) as error:
            self._core.configuration_failed(getattr(error, "message", None) or str(error.args[-1]))
            return
        self._settings, self.hooks = settings, hooks
        for name in unchangeable:
            _core.write_log("warning", f"{name} cannot be changed by a reload: restart the server")
        before, (self._workers, surge) = self._workers, _counts(self._settings)
        if self._workers != before:
            self.hooks.worker_count(self._workers, before)
        self._core.configured(self._settings, self._workers, surge)

    def _move_logs(self, settings: _core.Settings) -> None:
        """Write where ``settings`` say from now on. Raises `LogError`; then where it was."""
        try:
            open_logs(settings)
        except LogError:
            open_logs(self._settings)
            raise
        process.give_files(settings)

    def _close_listeners(self, remove: bool) -> None:
        for listener in self._listeners:
            if not remove:
                listener.disown()
            listener.close()

    # ---- the successor (SIGUSR2) ----

    def _spawn_successor(self) -> None:
        self.hooks.succeeding()
        try:
            self._successor = Successor(self._listeners, self._passed)
        except OSError as error:
            self._core.successor_ended(f"it cannot be started: {error.strerror or error}")
            return
        self._successor.watched = self._core.watch(self._successor.fileno())

    def _hear_successor(self) -> None:
        successor = self._successor
        if successor is None:
            return
        if successor.is_ready():
            self._stop_watching()
            self._succeeded = True
            systemd.main_process(successor.pid)
            self._core.successor_ready()
        elif successor.is_silent():
            # It has ended, or will: it is reaped, which says how.
            self._stop_watching()

    def _stop_watching(self) -> None:
        if self._successor is not None and self._successor.watched is not None:
            self._core.unwatch(self._successor.watched)
            self._successor.watched = None

    def _forget_successor(self, why: str) -> None:
        self._stop_watching()
        if self._successor is not None:
            self._successor.close()
            self._successor = None
        self._core.successor_ended(why)


def _counts(settings: _core.Settings) -> tuple[int, int]:
    """How many workers, and how many of them start at a time in a reload."""
    processors = _core.usable_cpus()
    workers = settings.workers
    return (workers if isinstance(workers, int) else processors), processors
