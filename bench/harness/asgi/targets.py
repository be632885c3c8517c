"""What Yett must reach with ASGI, as ratios of medians within one run."""

from ..targets import Target

PEERS = ("granian-uvloop", "granian-asyncio", "uvicorn", "fastpysgi", "hypercorn")
ON_UVLOOP = ("granian-uvloop", "uvicorn", "hypercorn")
ON_ASYNCIO = ("granian-asyncio", "fastpysgi")


def _waiting(workload: str) -> tuple[Target, ...]:
    """Applications that wait may gain little but must not lose, on either loop."""
    return tuple(
        Target(workload, figure, server, peers, 1.0)
        for figure in ("cpu", "p99")
        for server, peers in (("yett-uvloop", ON_UVLOOP), ("yett-asyncio", ON_ASYNCIO))
    )


TARGETS = (
    Target("hello", "cpu", "yett-asyncio", ("granian-uvloop",), 0.55),
    Target("hello", "rate", "yett-asyncio", ("granian-uvloop",), 1.8, at_least=True),
    Target("hello", "cpu", "yett-asyncio", ("uvicorn",), 0.28),
    Target("headers", "cpu", "yett-asyncio", ("granian-uvloop",), 0.50),
    Target("access-log", "cpu", "yett-asyncio-log", ("yett-asyncio",), 1.12),
    Target("access-log", "cpu", "yett-uvloop-log", ("yett-uvloop",), 1.12),
    Target("fastapi-json", "cpu", "yett-asyncio", PEERS, 0.80),
    *_waiting("sleep"),
    *_waiting("executor"),
    *_waiting("fastapi-def"),
)
