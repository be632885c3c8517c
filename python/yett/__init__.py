"""Yett, an application server for Python.

On the command line: ``yett app:app``. From Python: ``yett.run("app:app", bind="127.0.0.1:8000")``. In tests:
``with yett.testing.serve(app) as server: ...``.
"""

from typing import TYPE_CHECKING, Any

from ._core import ClientDisconnected, RequestTimeout, __version__

if TYPE_CHECKING:
    from typing import Unpack

    from ._arguments import Arguments

__all__ = ["ClientDisconnected", "RequestTimeout", "__version__", "run"]


def run(app: Any, **settings: "Unpack[Arguments]") -> None:
    """Serve ``app`` (an ASGI or WSGI application, or its target such as ``"app:app"``) until SIGINT or SIGTERM.

    ``settings`` are the options of the command line by name: ``bind=["127.0.0.1:8000"]``, ``log_level="debug"``.
    Returns after an orderly end. With ``workers`` (more than 1, or "auto") or ``preload`` this process forks workers
    and looks after them; what keeps all of them from starting is printed, and raises ``SystemExit``. Otherwise it
    serves itself, and raises ``TypeError`` for an unknown setting, ``ValueError`` for a wrong value,
    ``yett.errors.TargetError`` if the application cannot be loaded, ``yett.errors.LifespanError`` if its start-up
    fails, ``OSError`` if an address cannot be opened, and ``RuntimeError`` if the system refuses one of the threads.
    To be called in the main thread, as it watches signals.
    """
    from . import server
    from ._core import Settings

    if code := server.serve(app, Settings(**settings)):
        raise SystemExit(code)
