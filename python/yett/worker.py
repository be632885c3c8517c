"""A process that serves, as one of several: from the fork to its end."""

import signal
from typing import Any, NamedTuple

from . import _core, interface, process
from .forking import heed
from .hooks import Hooks
from .orders import Order
from .server import check_access_log, load, open_logs, serve_application
from .threads import wait_for_threads


class Assignment(NamedTuple):
    """What a worker is to do."""

    seat: _core.Seat
    listeners: list[_core.Listener]
    settings: _core.Settings
    hooks: Hooks
    app: Any
    #: The application, if it has been loaded before the fork.
    application: interface.Application | None


class _Orders:
    """Those of the supervisor; the hooks hear of some of them."""

    def __init__(self, seat: _core.Seat, hooks: Hooks) -> None:
        self._seat = seat
        self._hooks = hooks
        self._stopping = False

    def fileno(self) -> int:
        return self._seat.fileno()

    def read(self) -> Order | None:
        order = self._seat.read()
        if order is not None and not self._stopping:
            self._stopping = True
            self._seat.draining()
            self._hooks.worker_stopping()
        if order == "quick":
            self._hooks.interrupted()
        return order


def work(assignment: Assignment) -> int:
    """Serve until the supervisor says otherwise; the exit code.

    Raises what keeps it from starting (`command.FAILURES`), but only in one of several workers that fail together.
    """
    seat, listeners, settings, hooks, app, application = assignment
    # Until it serves there is nothing to be finished: SIGTERM ends it at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _core.make_room_for_descriptors()
    if not seat.arrive():
        return 0
    heed()
    _core.name_process(f"yett-worker-{seat.number}")
    from .command import FAILURES, exit_code, tell_in_log

    try:
        if settings.error_log == "logging":
            # The supervisor, which has no application, writes to standard error instead.
            open_logs(settings)
        _work(seat, listeners, settings, hooks, app, application)
    except FAILURES as error:
        if not seat.tells_failure():
            return exit_code(error)
        if seat.server_has_started():
            return tell_in_log(error)
        raise
    finally:
        for listener in listeners:
            listener.close()
    return 0


def _work(
    seat: _core.Seat,
    listeners: list[_core.Listener],
    settings: _core.Settings,
    hooks: Hooks,
    app: Any,
    application: interface.Application | None,
) -> None:
    def ready() -> None:
        hooks.worker_ready()
        seat.ready()

    process.drop_privileges(settings)
    if application is None:
        _core.end_with_parent()
    with hooks.worker([listener.address for listener in listeners], seat.number, seat.generation):
        application = application or load(app, settings)
        hooks.worker_loaded(application.call)
        # They may have gone since the supervisor has looked.
        check_access_log(settings)
        with seat:
            patience = serve_application(
                application, listeners, settings, _Orders(seat, hooks), ready, seat.slot(listeners, settings)
            )
    wait_for_threads(patience)
