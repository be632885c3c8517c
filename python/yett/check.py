"""``yett check``: what can be known to be wrong before anything is served."""

from . import _core, output, process, server
from .threads import wait_for_threads

_SPOKEN = {"asgi": "an ASGI", "wsgi": "a WSGI"}


def check(target: str, settings: _core.Settings) -> int:
    """Load the application as for serving it, without listening and without its start-up, and say that it is well.

    The exit code. Raises what `server.serve` raises before it listens.
    """
    process.enter(settings)
    server.open_logs(settings)
    interface = server.load(target, settings).interface
    if interface == "asgi":
        from .loops import new_loop

        new_loop(settings.loop).close()
    code = output.tell(f"OK: {target} is {_SPOKEN[interface]} application; the settings are valid\n")
    # What the application has started while it was imported is not waited for.
    wait_for_threads(0)
    return code
