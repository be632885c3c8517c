"""What a target is, and how medians of one run are judged by it; the targets themselves stand in
`asgi/targets.py` and `wsgi/targets.py`."""

from dataclasses import dataclass

from .sample import Sample

Medians = dict[str, dict[str, Sample]]  # workload → server → medians


@dataclass(frozen=True)
class Target:
    """`figure` of `server`, divided by the best of `peers`, is to be at most (or at least) `bound`.

    A peer may be Yett with other settings. With `ideal` it is divided by that number instead of a peer's figure.
    """

    workload: str
    figure: str
    server: str
    peers: tuple[str, ...]
    bound: float
    at_least: bool = False
    ideal: float | None = None


def _reference(target: Target, measured: dict[str, Sample]) -> tuple[str, float] | None:
    """The name and the figure to divide by; None if a peer is missing: the best of only some would flatter."""
    if target.ideal is not None:
        return f"{target.ideal:g}", target.ideal
    peers = {name: getattr(measured[name], target.figure) for name in target.peers if name in measured}
    if len(peers) < len(target.peers):
        return None
    best = (max if target.at_least else min)(peers, key=lambda name: peers[name])
    return best, peers[best]


def judge(targets: tuple[Target, ...], medians: Medians) -> list[list[str]]:
    """One table row for each target whose server was measured."""
    rows = []
    for target in targets:
        measured = medians.get(target.workload, {})
        if target.server not in measured:
            continue
        relation = f"{'≥' if target.at_least else '≤'} {target.bound:.2f}"
        what = f"{target.workload}: {target.figure}, {target.server} ÷ "
        reference = _reference(target, measured)
        if reference is None:
            missing = [name for name in target.peers if name not in measured]
            rows.append([f"{what}the best peer", relation, "–", f"unknown without {', '.join(missing)}"])
            continue
        name, figure = reference
        ratio = getattr(measured[target.server], target.figure) / figure
        reached = ratio >= target.bound if target.at_least else ratio <= target.bound
        rows.append([what + name, relation, f"{ratio:.2f}", "yes" if reached else "**no**"])
    return rows
