"""What a server under test is; the servers themselves stand in `asgi/servers.py` and `wsgi/servers.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).resolve().parent.parent / "apps"
HOST = "127.0.0.1"
# Where an argument says this, the path of an empty file stands at the start; the file is gone when the server is.
ACCESS_LOG = "ACCESS-LOG"


@dataclass(frozen=True)
class ServerKind:
    """A server under test. `command(python, app, port)` is its argument list, run with `apps/` as directory.

    One that `logs` writes a line for each request, to `ACCESS_LOG` or to standard output (a file too). It takes part
    only in workloads that name it.
    """

    name: str
    title: str
    package: str
    command: Callable[[str, str, int], list[str]]
    logs: bool = False


def chosen(names: str, servers: dict[str, ServerKind]) -> list[ServerKind]:
    """The servers of a comma-separated list; `all` for every one that does not log. Raises SystemExit naming an
    unknown one."""
    if names == "all":
        return [kind for kind in servers.values() if not kind.logs]
    unknown = [name for name in names.split(",") if name not in servers]
    if unknown:
        raise SystemExit(f"bench: no server {unknown[0]!r}; there are: {', '.join(servers)}")
    return [servers[name] for name in names.split(",")]
