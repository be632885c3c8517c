"""One process that serves: addresses, application, signals, and an orderly end."""

import abc
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from . import _core, forking, function_hooks, importer, interface, process, systemd
from .hooks import Hooks
from .orders import Order, Overheard, Source
from .threads import wait_for_threads

if TYPE_CHECKING:
    from .dev.watching import Watching
    from .supervisor import Reread


class Loader(abc.ABC):
    """What stands for an application that is loaded in a way of its own."""

    @abc.abstractmethod
    def load(self, settings: _core.Settings) -> interface.Application:
        """As the function `load`."""


class ListenError(OSError):
    """An address cannot be opened (exit code 5). The message is one line; the hint says what to do."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.message, _, hint = (error.strerror or str(error)).partition("\n")
        self.hint: str | None = hint or None


class LogError(OSError):
    """One of the logs cannot be opened (exit code 2)."""


def serve(
    app: Any,
    settings: _core.Settings,
    *,
    own_process: bool = False,
    hooks: Hooks | None = None,
    reread: "Reread | None" = None,
    files: "Watching | None" = None,
) -> int:
    """Serve ``app`` (an application or its target) in this thread until SIGINT or SIGTERM; the exit code.

    ``own_process``: the process exists for serving. Unless the settings say otherwise, it looks after workers, and then
    this function returns in each of them, too. It says where it serves, and does not wait without a limit for threads
    that the application has left at work. ``hooks`` are called at the turns of its life; ``reread`` reads the settings
    again for a reload, and ``files`` says when that is to be. Raises `HookError` and `ProcessError`.
    """
    forking.keep_children_apart()
    # Before the import of the application: who made a mistake in an option need not wait for it.
    process.enter(settings)
    process.check(settings)
    open_logs(settings)
    try:
        passed = systemd.begin() if own_process else []
        hooks = function_hooks.named(settings, hooks or Hooks())
        with _early_rotation() as asked:
            if settings.supervisor and (own_process or settings.workers != 1 or settings.preload):
                from .supervisor import supervise

                with _children_end_here(own_process) as ended, _signals_given_back(own_process):
                    ended.code = supervise(app, settings, hooks, reread, asked, passed, files)
                    return ended.code
            if settings.workers != 1:
                _core.write_log("warning", "--workers has no effect: with --no-supervisor one process serves")
            if settings.preload:
                _core.write_log("warning", "--preload has no effect: with --no-supervisor one process serves")
            tell = files.greet if files is not None else announce
            _serve(app, settings, own_process, hooks, asked, passed, tell)
        return 0
    finally:
        # What the caller says of an error comes behind what the log says.
        _core.flush_logs()


def _serve(
    app: Any,
    settings: _core.Settings,
    own_process: bool,
    hooks: Hooks,
    asked_early: set[int],
    passed: list[int],
    tell: Callable[[list[str]], None],
) -> None:
    _core.make_room_for_descriptors()
    with contextlib.ExitStack() as life:
        life.enter_context(hooks.process())
        listeners = open_listeners(settings, passed=passed)
        addresses = [listener.address for listener in listeners]

        def started() -> None:
            hooks.worker_ready()
            hooks.ready(addresses)
            if own_process:
                tell(addresses)
                systemd.ready()

        told: list[Order] = []

        def stopping(order: Order) -> None:
            told.append(order)
            if len(told) == 1:
                if own_process:
                    systemd.stopping()
                hooks.worker_stopping()

        try:
            life.enter_context(process.PidFile(str(settings.pid)).held())
            process.give_files(settings)
            process.drop_privileges(settings)
            if own_process:
                life.enter_context(systemd.kept_awake())
            life.enter_context(hooks.worker(addresses))
            application = load(app, settings)
            hooks.worker_loaded(application.call)
            with _stop_signals(hooks) as signals:
                if asked_early:
                    signal.raise_signal(signal.SIGUSR1)
                patience = serve_application(
                    application, listeners, settings, Overheard(signals, stopping), started
                )
                life.close()  # before the next wait, which may end the process
                if own_process:
                    # After the event loop, which tells the idle threads of `run_in_executor` to end, so that only those
                    # at work are waited for. In here: a second signal still ends the process at once.
                    wait_for_threads(patience)
        finally:
            for listener in listeners:
                listener.close()


def serve_application(
    application: interface.Application,
    listeners: list[_core.Listener],
    settings: _core.Settings,
    source: Source,
    started: Callable[[], None],
    slot: _core.Slot | None = None,
) -> float:
    """Serve until ``source`` has an order, and finish. ``started`` is called when requests are answered.

    How many seconds threads of the application may still take.

    ``slot``: where other processes see what runs.
    """
    if application.interface == "wsgi":
        from . import wsgi as gateway
    else:
        from . import asgi as gateway  # type: ignore[no-redef]  # and with it asyncio, which WSGI does without
    if observer := application.observer:
        source = Overheard(source, observer.stopping)
        tell_started = started

        def started() -> None:
            observer.started()
            tell_started()

    order = gateway.serve(application.call, listeners, settings, source, started, slot)
    return 0 if order == "quick" else settings.graceful_timeout


def import_gateway(application: interface.Application, settings: _core.Settings) -> None:
    """Import what serving takes, so that processes that are forked from here share it."""
    if application.interface == "wsgi":
        from . import wsgi  # noqa: F401
    else:
        from . import asgi, loops  # noqa: F401

        loops.import_loop(settings.loop)


def announce(addresses: list[str]) -> None:
    """Tell people where the server is."""
    for address in addresses:
        _core.write_log("info", f"serving on {address} (stop with Ctrl-C)")


@contextlib.contextmanager
def _children_end_here(own_process: bool) -> Iterator[SimpleNamespace]:
    """Unless the process is there for serving, a worker must not come back into what its parent does besides.

    It ends with ``code`` of what is yielded.
    """
    parent = os.getpid()
    ended = SimpleNamespace(code=1)
    try:
        yield ended
    except BaseException as error:
        if own_process or os.getpid() == parent:
            raise
        from .command import FAILURES, explain, fail

        if isinstance(error, FAILURES):
            ended.code = fail(*explain(error))
        else:
            traceback.print_exc()
    finally:
        if not own_process and os.getpid() != parent:
            _core.flush_logs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code)


@contextlib.contextmanager
def _signals_given_back(own_process: bool) -> Iterator[None]:
    """Unless the process is there for serving, what it does besides answers signals as before."""
    parent = os.getpid()
    before = {number: signal.getsignal(number) for number in forking.SIGNALS}
    try:
        yield
    finally:
        if not own_process and os.getpid() == parent:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _early_rotation() -> Iterator[set[int]]:
    """Whoever rotates logs does not know that the application is being imported, or ends: SIGUSR1 must not kill it.

    Puts it into the set, so that the logs can be reopened when signals are watched. A handler of the application's
    replaces this one.
    """
    asked: set[int] = set()

    def note(number: int, *_: object) -> None:
        # No lock: the next signal may interrupt this one.
        asked.add(number)

    if signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL:
        yield asked
        return
    signal.signal(signal.SIGUSR1, note)
    try:
        yield asked
    finally:
        if signal.getsignal(signal.SIGUSR1) is note:
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@contextlib.contextmanager
def _stop_signals(hooks: Hooks) -> Iterator[_core.StopSignals]:
    # The handlers of `StopSignals` also call those before them, and Python's own would raise KeyboardInterrupt in
    # whichever request happens to run. They stay in place when nobody listens any more: both are put back.
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in watched}
    interrupted = (lambda *_: hooks.interrupted()) if hooks.wants_interrupt else signal.SIG_IGN
    signal.signal(signal.SIGINT, interrupted)
    try:
        with _core.StopSignals() as signals:
            yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def open_logs(settings: _core.Settings, with_logging: bool = True) -> None:
    """Have messages go where the settings say, and make sure that both logs can be written. Raises `LogError`.

    ``with_logging``: that may be Python's `logging`; otherwise it is standard error then.
    """
    with _log_errors():
        _core.open_logs(settings, with_logging)


def check_access_log(settings: _core.Settings) -> None:
    """Make sure that the access log can be written. Raises `LogError`."""
    with _log_errors():
        _core.check_access_log(settings)


@contextlib.contextmanager
def _log_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LogError(error.errno, error.strerror) from None


def open_listeners(
    settings: _core.Settings,
    inherited: Sequence[tuple[int, int | None]] = (),
    passed: Sequence[int] = (),
) -> list[_core.Listener]:
    """Open all addresses of the settings, or use what listens there and was ``inherited``: descriptors, each with N if
    it is what ``fd://N`` stands for. Raises `ListenError`.

    ``passed``: sockets of systemd, which are served if the settings name no address.
    """
    if passed and _core.names_addresses(settings):
        named = {str(bind).removeprefix("proxy+") for bind in settings.bind}  # type: ignore[union-attr]
        if not any(f"fd://{number}" in named for number in passed):
            _core.write_log(
                "warning", "the sockets that systemd passes on are not used: --bind names other addresses"
            )
    for number in passed:
        os.set_inheritable(number, False)
    try:
        return _core.open_listeners(settings, list(inherited), list(passed))
    except OSError as error:
        raise ListenError(error) from None


def load(app: Any, settings: _core.Settings) -> interface.Application:
    """The application, ready to be called, and its interface. Raises `TargetError`.

    ``app``: the application, its target, or a `Loader`.
    """
    if isinstance(app, Loader):
        return app.load(settings)
    found = importer.load(app, paste_name=settings.paste_name) if isinstance(app, str) else app
    application = interface.adapt(found, settings.interface)
    if application.interface == "asgi" and not application.returns_coroutine:
        from . import asgi

        return application._replace(call=asgi.as_coroutine_function(application.call), returns_coroutine=True)
    return application
