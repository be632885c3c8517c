"""The two suites: what is measured of an interface, with which servers, and judged by which targets."""

from dataclasses import dataclass

from .asgi.servers import SERVERS as ASGI_SERVERS
from .asgi.targets import TARGETS as ASGI_TARGETS
from .asgi.workloads import WORKLOADS as ASGI_WORKLOADS
from .servers import ServerKind
from .targets import Target
from .workloads import Workload
from .wsgi.servers import SERVERS as WSGI_SERVERS
from .wsgi.targets import TARGETS as WSGI_TARGETS
from .wsgi.workloads import WORKLOADS as WSGI_WORKLOADS


@dataclass(frozen=True)
class Suite:
    """`packages` are the frameworks and helpers whose versions belong to the conditions."""

    interface: str
    servers: dict[str, ServerKind]
    workloads: dict[str, Workload]
    targets: tuple[Target, ...]
    packages: tuple[str, ...]


SUITES = (
    Suite(
        "asgi", ASGI_SERVERS, ASGI_WORKLOADS, ASGI_TARGETS, ("uvloop", "httptools", "fastapi", "starlette")
    ),
    Suite(
        "wsgi", WSGI_SERVERS, WSGI_WORKLOADS, WSGI_TARGETS, ("gunicorn_h1c", "flask", "werkzeug", "django")
    ),
)


@dataclass(frozen=True)
class Selection:
    """What a run measures of a suite."""

    suite: Suite
    workloads: list[Workload]
    kinds: list[ServerKind]

    def taking_part(self, workload: Workload) -> list[ServerKind]:
        return [
            kind
            for kind in self.kinds
            if kind.name in workload.servers or not (workload.servers or kind.logs)
        ]


def _pick(names: str, suites: list[Suite], what: str) -> list[str]:
    """The names of a comma-separated list; `all` for every one. Raises SystemExit naming an unknown one."""
    # A name may occur in both.
    known = list(dict.fromkeys(name for suite in suites for name in getattr(suite, what)))
    if names == "all":
        return known
    for name in names.split(","):
        if name not in known:
            raise SystemExit(f"bench: no {what[:-1]} {name!r}; there are: {', '.join(known)}")
    return names.split(",")


def select(interface: str, workloads: str, servers: str) -> list[Selection]:
    """The part of each suite that the options of a run ask for; suites of which nothing is asked are left out."""
    suites = [suite for suite in SUITES if interface in ("all", suite.interface)]
    workload_names = _pick(workloads, suites, "workloads")
    server_names = _pick(servers, suites, "servers")
    selections = []
    for suite in suites:
        chosen = [suite.workloads[name] for name in workload_names if name in suite.workloads]
        kinds = [kind for name, kind in suite.servers.items() if name in server_names]
        selection = Selection(suite, chosen, kinds)
        if any(selection.taking_part(workload) for workload in chosen):
            selections.append(selection)
    if not selections:
        raise SystemExit("bench: none of these servers takes part in any of these workloads")
    return selections
