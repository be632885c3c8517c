"""What Yett must reach, as ratios of medians within one run."""

from dataclasses import dataclass

from .load import Sample

Medians = dict[str, dict[str, Sample]]  # workload → server → medians
PEERS = ("granian-uvloop", "granian-asyncio", "uvicorn", "fastpysgi", "hypercorn")
ON_UVLOOP = ("granian-uvloop", "uvicorn", "hypercorn")
ON_ASYNCIO = ("granian-asyncio", "fastpysgi")


@dataclass(frozen=True)
class Target:
    """`figure` of `server` divided by the best of `peers` is to be at most (or at least) `bound`."""

    workload: str
    figure: str
    server: str
    peers: tuple[str, ...]
    bound: float
    at_least: bool = False


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
    Target("fastapi-json", "cpu", "yett-asyncio", PEERS, 0.80),
    *_waiting("sleep"),
    *_waiting("executor"),
    *_waiting("fastapi-def"),
)


def judge(medians: Medians) -> list[list[str]]:
    """One table row for each target whose servers were all measured."""
    rows = []
    for target in TARGETS:
        measured = medians.get(target.workload, {})
        peers = {name: getattr(measured[name], target.figure) for name in target.peers if name in measured}
        # The best of only some of the peers would flatter.
        if target.server not in measured or len(peers) < len(target.peers):
            continue
        best = (max if target.at_least else min)(peers, key=lambda name: peers[name])
        ratio = getattr(measured[target.server], target.figure) / peers[best]
        reached = ratio >= target.bound if target.at_least else ratio <= target.bound
        relation = "≥" if target.at_least else "≤"
        what = f"{target.workload}: {target.figure}, {target.server} ÷ {best}"
        rows.append([what, f"{relation} {target.bound:.2f}", f"{ratio:.2f}", "yes" if reached else "**no**"])
    return rows
