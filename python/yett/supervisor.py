"""The process that looks after the workers. It runs no application code and never holds a request.

What is to be done when is decided in Rust (`crates/supervisor`); here it is carried out as far as it takes Python:
forking, reading settings, calling hooks.
"""

import os
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _core, function_hooks, process, systemd, worker, zygote
from .errors import summary
from .forking import fork, leaving
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
        # What a reload has read, until it has proven itself.
        self._tried: _Tried | None = None
        # systemd has been told that one has begun.
        self._reload_told = False
        # The one that has proven itself.
        self._generation = 1
        self._reread = reread
        self._succession = Succession.inherited()
        inherited = self._succession.listeners if self._succession is not None else []
        if self._succession is not None and self._succession.passed:
            inherited, passed = [], [descriptor for descriptor, _ in inherited]
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
        leaving.append(self._core.leave)
        # Somebody else has them, too, and is not to find that nothing listens there any more.
        self._given_sockets = bool(passed) or self._succession is not None or "fd://" in str(settings.bind)
        self._core.share_sockets(self._given_sockets)
        if (notifier := systemd.notifier()) is not None:
            self._core.keep_awake(notifier)
        # Under which number the one before us is watched, until we serve or it has ended.
        self._predecessor_watched: int | None = None
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
        if self._succession is not None and not self._succession.is_abandoned():
            self._core.predecessor(True)
            self._predecessor_watched = self._core.watch(self._succession.fileno())
        self._core.start()
        while True:
            task, first, second = self._core.next()
            match task:
                case "fork":
                    if assignment := self._fork(first, second):
                        return assignment
                case "start-zygote":
                    if (outcome := self._start_zygote(first)) is not None:
                        return outcome
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
                case "readable" if first == self._predecessor_watched:
                    self._lose_predecessor()
                case "readable":
                    self._hear_successor()
                case "other-ended":
                    self._other_ended(first, second)
                case "removed":
                    self._core.forget(first, self._settings)
                    if second:
                        self.hooks.worker_gone(second)
                case "worker-count":
                    self._count(first)
                case "started":
                    self._started()
                case "reloading":
                    self._core.forget_failure()
                    self._reload_told = True
                    systemd.reloading()
                    self.hooks.reloading()
                case "proven":
                    self._take_over(first)
                case "reloaded":
                    self._forget_tried()
                    if self._reload_told:
                        self._reload_told = False
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
        leaving.remove(self._core.leave)

    # ---- children ----

    def _fork(self, number: int, slot: int) -> "worker.Assignment | None":
        settings, hooks = self._of_generation(self._core.generation_of(slot))
        hooks.forking(number)
        try:
            pid = fork(self._core.leave)
        except OSError as error:
            self._core.fork_failed(number, error.strerror or str(error))
            return None
        if pid:
            self._core.forked(number, pid)
            return None
        return self._assignment(slot, number, settings, hooks, None)

    def _start_zygote(self, generation: int) -> "worker.Assignment | int | None":
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
            settings, hooks = self._of_generation(generation)
            from . import command

            try:
                slot, worker, application = zygote.run(theirs, self._app, settings, self._core, hooks)
            except command.FAILURES as error:
                if self._core.has_started():
                    return command.tell_in_log(error)
                raise
            return self._assignment(slot, worker, settings, hooks, application)

    def _of_generation(self, generation: int) -> tuple[_core.Settings, Hooks]:
        """What a worker of it is to have."""
        if self._tried is not None and generation > self._generation:
            return self._tried.settings, self._tried.hooks
        return self._settings, self.hooks

    def _assignment(
        self, slot: int, number: int, settings: _core.Settings, hooks: Hooks, application: Any
    ) -> "worker.Assignment":
        for listener in self._listeners:
            listener.disown()
        if self._successor is not None:
            self._successor.close()
        seat = self._core.seat(slot, number)
        return worker.Assignment(seat, self._listeners, settings, hooks, self._app, application)

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
        if self._succession is not None:
            # Who reads that this one serves may look for it in the file.
            try:
                self._pid_file.write(self._succession.parent)
            except process.ProcessError as error:
                _core.write_log("error", error.message)
            for listener in self._listeners:
                listener.own()
        if self._files is not None:
            self._files.greet(self._addresses)
        else:
            announce(self._addresses)
        systemd.ready()
        if self._succession is not None:
            self._forget_predecessor()
            self._succession.complete()

    def _reload_if_changed(self) -> None:
        if self._files is not None and self._files.have_changed():
            self._core.reload()

    def _read_settings(self) -> None:
        try:
            with process.at_the_start():
                found = self._reread() if self._reread is not None else (self._settings, None)
        except BaseException as error:  # noqa: BLE001 - a file of settings may be Python
            found = f"they cannot be read: {summary(error)}"
        if isinstance(found, str):
            self._core.configuration_failed(found)
            return
        settings, unchangeable = self._settings.reloaded(found[0])
        hooks = function_hooks.named(settings, found[1] or Hooks())
        try:
            hooks.taking_over(self._addresses, self._workers)
            self._move_logs(settings)
        except (HookError, LogError, process.ProcessError) as error:
            self._core.configuration_failed(getattr(error, "message", None) or str(error.args[-1]))
            return
        for name in unchangeable:
            _core.write_log("warning", f"{name} cannot be changed by a reload: restart the server")
        workers, surge = _counts(settings)
        self._tried = _Tried(settings, hooks, workers)
        self._core.configured(settings, workers, surge)

    def _take_over(self, generation: int) -> None:
        self._generation = generation
        if self._tried is None:
            return
        (self._settings, self.hooks, workers), self._tried = self._tried, None
        self._count(workers)

    def _count(self, workers: int) -> None:
        before, self._workers = self._workers, workers
        if workers != before:
            self.hooks.worker_count(workers, before)

    def _forget_tried(self) -> None:
        if self._tried is None:
            return
        self._tried = None
        try:
            self._move_logs(self._settings)
        except (LogError, process.ProcessError) as error:
            _core.write_log("error", getattr(error, "message", None) or str(error.args[-1]))

    def _move_logs(self, settings: _core.Settings) -> None:
        """Write where ``settings`` say from now on. Raises `LogError` and `ProcessError`; then where it was."""
        try:
            open_logs(settings, with_logging=False)
            process.give_files(settings)
        except (LogError, process.ProcessError):
            open_logs(self._settings, with_logging=False)
            raise

    def _close_listeners(self, remove: bool) -> None:
        # Before we serve, the files of sockets are the old one's: it goes on with them, if it is still there.
        takes_over = self._succession is not None and self._succession.is_abandoned()
        for listener in self._listeners:
            if not remove:
                listener.disown()
            elif takes_over:
                listener.own()
            listener.close()

    # ---- the supervisor before this one ----

    def _lose_predecessor(self) -> None:
        self._forget_predecessor()
        self._core.predecessor(False)

    def _forget_predecessor(self) -> None:
        if self._predecessor_watched is not None:
            self._core.unwatch(self._predecessor_watched)
            self._predecessor_watched = None

    # ---- the successor (SIGUSR2) ----

    def _spawn_successor(self) -> None:
        self.hooks.succeeding()
        self._core.share_sockets(True)
        try:
            self._successor = Successor(self._listeners, self._passed)
        except OSError as error:
            self._forget_successor(f"it cannot be started: {error.strerror or error}")
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
        self._core.share_sockets(self._given_sockets)
        self._core.successor_ended(why)


class _Tried(NamedTuple):
    """What a reload has read."""

    settings: _core.Settings
    hooks: Hooks
    workers: int


def _counts(settings: _core.Settings) -> tuple[int, int]:
    """How many workers, and how many of them start at a time in a reload."""
    processors = _core.usable_cpus()
    workers = settings.workers
    return (workers if isinstance(workers, int) else processors), processors
