"""The WSGI servers: how each is started, with its fastest fair settings.

One worker, HTTP/1 only, no access log but for those whose names end with `-log`, connections kept alive where the
server can. The number in a name is that of the threads that run the application. Where a setting was chosen by trying,
that stands beside it.
"""

from collections.abc import Callable
from pathlib import Path

from ..servers import ACCESS_LOG, HOST, ServerKind

Command = Callable[[str, str, int], list[str]]


def _yett(threads: int, *more: str) -> Command:
    def command(python: str, app: str, port: int) -> list[str]:
        options = f"--bind {HOST}:{port} --threads {threads} --log-level warning"
        return [python, "-m", "yett", app, *options.split(), *more]

    return command


def _granian(threads: int, log: str = "--no-access-log") -> Command:
    def command(python: str, app: str, port: int) -> list[str]:
        options = (
            f"--interface wsgi --blocking-threads {threads} --host {HOST} --port {port} --http 1 --no-ws"
        )
        # Tried: the runtime modes are alike on one core, within what the machine's noise tells apart, and on two cores
        # `mt` needed less CPU. A second runtime thread brought nothing.
        options += f" --workers 1 --runtime-threads 1 --runtime-mode mt {log} --log-level warning"
        return [python, "-m", "granian", app, *options.split()]

    return command


def _gunicorn(worker: str, threads: int) -> Command:
    def command(python: str, app: str, port: int) -> list[str]:
        options = f"--worker-class {worker} --threads {threads} --workers 1 --bind {HOST}:{port}"
        # The parser in C. The heartbeat is a file; the control socket would litter the home directory.
        options += " --http-parser fast --keep-alive 75"
        options += " --worker-tmp-dir /dev/shm --no-control-socket --log-level warning"
        return [python, "-m", "gunicorn", app, *options.split()]

    return command


def _uwsgi(threads: int) -> Command:
    def command(python: str, app: str, port: int) -> list[str]:
        options = f"--http-socket {HOST}:{port} --threads {threads} --processes 1 --module {app}"
        options += " --disable-logging --die-on-term --need-app"
        # Without keep-alive: with it (--http11-socket) a connection holds a thread, and 60 of 64 are not served.
        # It closes connections without saying so, which the load would count as errors. Tried and no faster:
        # --master, and its HTTP router in front (--http).
        closing = ["--add-header", "Connection: close"]
        # The program embeds the interpreter and has to be told of its environment.
        program = Path(python).parent
        return [str(program / "uwsgi"), "--home", str(program.parent), *options.split(), *closing]

    return command


def _script(name: str, threads: int) -> Command:
    def command(python: str, app: str, port: int) -> list[str]:
        return [python, "run_wsgi.py", name, app, HOST, str(port), str(threads)]

    return command


def _fastpysgi(python: str, app: str, port: int) -> list[str]:
    return [python, "run_fastpysgi.py", app, HOST, str(port)]


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


_JSON_LOG = ("--access-log", ACCESS_LOG, "--access-log-format", "json")
_LOGGING = (
    ServerKind("yett-1-log", "Yett, 1 thread, JSON log", "yett", _yett(1, *_JSON_LOG), logs=True),
    ServerKind("granian-1-log", "Granian, 1 thread, log", "granian", _granian(1, "--access-log"), logs=True),
)

SERVERS = {
    kind.name: kind
    for kind in (
        *(ServerKind(f"yett-{n}", f"Yett, {_threads(n)}", "yett", _yett(n)) for n in (1, 4, 32)),
        *(ServerKind(f"granian-{n}", f"Granian, {_threads(n)}", "granian", _granian(n)) for n in (1, 4, 32)),
        ServerKind("bjoern", "bjoern", "bjoern", _script("bjoern", 1)),
        ServerKind("fastpysgi", "FastPySGI", "fastpysgi", _fastpysgi),
        ServerKind("gunicorn-sync", "Gunicorn, sync", "gunicorn", _gunicorn("sync", 1)),
        *(
            ServerKind(f"gthread-{n}", f"Gunicorn, {_threads(n)}", "gunicorn", _gunicorn("gthread", n))
            for n in (4, 32)
        ),
        *(ServerKind(f"uwsgi-{n}", f"uWSGI, {_threads(n)}", "uwsgi", _uwsgi(n)) for n in (4, 32)),
        *(
            ServerKind(f"waitress-{n}", f"Waitress, {_threads(n)}", "waitress", _script("waitress", n))
            for n in (4, 32)
        ),
        *(
            ServerKind(f"cheroot-{n}", f"Cheroot, {_threads(n)}", "cheroot", _script("cheroot", n))
            for n in (4, 32)
        ),
        *_LOGGING,
    )
}
