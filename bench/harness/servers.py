"""What a server under test is; the servers themselves stand in `asgi/servers.py` and `wsgi/servers.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).resolve().parent.parent / "apps"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class ServerKind:
    """A server under test. `command(python, app, port)` is its argument list, run with `apps/` as directory."""

    name: str
    title: str
    package: str
    command: Callable[[str, str, int], list[str]]


def chosen(names: str, servers: dict[str, ServerKind]) -> list[ServerKind]:
    """The servers of a comma-separated list; `all` for every one. Raises SystemExit naming an unknown one."""
    if names == "all":
        return list(servers.values())
    unknown = [name for name in names.split(",") if name not in servers]
    if unknown:
        raise SystemExit(f"bench: no server {unknown[0]!r}; there are: {', '.join(servers)}")
    return [servers[name] for name in names.split(",")]
