"""What Yett must reach with WSGI, as ratios of medians within one run."""

from ..targets import Target
from .workloads import FOUR_THREADS, FRAMEWORKS, ONE_THREAD

# 32 threads that each answer once in 10 ms, in requests/s.
SLEEPING_AT_BEST = 32 / 0.010


def _peers(servers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in servers if not name.startswith("yett"))


def _threads_do_no_harm(workload: str, rate: float) -> tuple[Target, ...]:
    """32 threads against one, where more threads can only get into each other's way."""
    return (
        Target(workload, "rate", "yett-32", ("yett-1",), rate, at_least=True),
        Target(workload, "p99", "yett-32", ("yett-1",), 2.0),
    )


TARGETS = (
    Target("hello-1", "cpu", "yett-1", _peers(ONE_THREAD), 0.80),
    Target("hello-1", "cpu", "yett-1", ("granian-1",), 0.45),
    Target("access-log", "cpu", "yett-1-log", ("yett-1",), 1.12),
    Target("hello-4", "rate", "yett-4", ("granian-4",), 1.8, at_least=True),
    Target("hello-4", "cpu", "yett-4", ("granian-4",), 0.55),
    *_threads_do_no_harm("hello-cores", 0.95),
    *_threads_do_no_harm("compute-cores", 0.92),
    Target("sleep-32", "rate", "yett-32", (), 0.98, at_least=True, ideal=SLEEPING_AT_BEST),
    # Of a mix, these are the figures of its fast requests.
    Target("mix-computing", "p99", "yett-4", _peers(FOUR_THREADS), 1.0),
    Target("mix-computing", "p99", "yett-32", ("granian-32", "gthread-32", "waitress-32"), 1.0),
    Target("flask", "cpu", "yett-1", _peers(FRAMEWORKS), 0.85),
    Target("flask", "cpu", "yett-4", _peers(FRAMEWORKS), 0.85),
    Target("django", "cpu", "yett-1", _peers(FRAMEWORKS), 0.85),
    Target("django", "cpu", "yett-4", _peers(FRAMEWORKS), 0.85),
)
