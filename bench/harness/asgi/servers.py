"""The ASGI servers: how each is started, with its best sensible settings.

One worker, one runtime thread, HTTP/1 only, and no access log but for those whose names end with `-log`, everywhere.
Idle connections are kept for at least 75 seconds, so that the measurements of idle connections compare the same thing.
"""

from collections.abc import Callable

from ..servers import ACCESS_LOG, HOST, ServerKind


def _yett(loop: str, *more: str) -> Callable[[str, str, int], list[str]]:
    def command(python: str, app: str, port: int) -> list[str]:
        return [
            python,
            "-m",
            "yett",
            app,
            "--bind",
            f"{HOST}:{port}",
            "--loop",
            loop,
            "--log-level",
            "warning",
            *more,
        ]

    return command


def _granian(loop: str, log: str = "--no-access-log") -> Callable[[str, str, int], list[str]]:
    def command(python: str, app: str, port: int) -> list[str]:
        options = "--interface asgi --http 1 --no-ws --workers 1 --runtime-threads 1 --runtime-mode st"
        # Its back-pressure counts connections; the default would refuse most of 10,000 idle ones.
        options += f" --backlog 16384 --backpressure 16384 {log} --log-level warning --loop {loop}"
        return [python, "-m", "granian", app, "--host", HOST, "--port", str(port), *options.split()]

    return command


def _uvicorn(log: str) -> Callable[[str, str, int], list[str]]:
    def command(python: str, app: str, port: int) -> list[str]:
        options = f"--loop uvloop --http httptools --ws none {log} --timeout-keep-alive 75"
        return [python, "-m", "uvicorn", app, "--host", HOST, "--port", str(port), *options.split()]

    return command


def _fastpysgi(python: str, app: str, port: int) -> list[str]:
    return [python, "run_fastpysgi.py", app, HOST, str(port)]


def _hypercorn(python: str, app: str, port: int) -> list[str]:
    options = "--worker-class uvloop --workers 1 --keep-alive 75 --backlog 2048 --log-level WARNING"
    return [python, "-m", "hypercorn", app, "--bind", f"{HOST}:{port}", *options.split()]


# The peers write the lines that are their default.
_JSON_LOG = ("--access-log", ACCESS_LOG, "--access-log-format", "json")
_LOGGING = (
    ServerKind(
        "yett-asyncio-log", "Yett, asyncio, JSON log", "yett", _yett("asyncio", *_JSON_LOG), logs=True
    ),
    ServerKind("yett-uvloop-log", "Yett, uvloop, JSON log", "yett", _yett("uvloop", *_JSON_LOG), logs=True),
    ServerKind(
        "granian-uvloop-log", "Granian, uvloop, log", "granian", _granian("uvloop", "--access-log"), logs=True
    ),
    # Its access log is at the level info.
    ServerKind(
        "uvicorn-log", "Uvicorn, log", "uvicorn", _uvicorn("--access-log --log-level info"), logs=True
    ),
)

SERVERS = {
    kind.name: kind
    for kind in (
        ServerKind("yett-asyncio", "Yett, asyncio", "yett", _yett("asyncio")),
        ServerKind("yett-uvloop", "Yett, uvloop", "yett", _yett("uvloop")),
        ServerKind("granian-uvloop", "Granian, uvloop", "granian", _granian("uvloop")),
        ServerKind("granian-asyncio", "Granian, asyncio", "granian", _granian("asyncio")),
        ServerKind(
            "uvicorn",
            "Uvicorn, uvloop + httptools",
            "uvicorn",
            _uvicorn("--no-access-log --log-level warning"),
        ),
        ServerKind("fastpysgi", "FastPySGI, its own loop", "fastpysgi", _fastpysgi),
        ServerKind("hypercorn", "Hypercorn, uvloop", "hypercorn", _hypercorn),
        *_LOGGING,
    )
}
