"""Figures: what a load saw from outside, and a whole measurement."""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Load:
    """What the load generator saw: requests answered, seconds it took, latencies in microseconds, failed requests.

    Of a mix, `parts` has p50 and p99 of each part by name, and `p50` and `p99` are those of the first one.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int
    detail: str = ""  # what went wrong, for a person
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """One measurement, or the medians of several. Rate in requests/s, CPU and latencies in microseconds, memory in
    bytes; `parts` as in `Load`."""

    rate: float
    cpu: float
    p50: float
    p99: float
    memory: float
    errors: int
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)


def median(samples: list[Sample]) -> Sample:
    """The median of each figure; errors are added up."""
    middle = lambda name: statistics.median(getattr(sample, name) for sample in samples)  # noqa: E731
    figures = {name: middle(name) for name in ("rate", "cpu", "p50", "p99", "memory")}
    parts = {
        name: (
            statistics.median(sample.parts[name][0] for sample in samples),
            statistics.median(sample.parts[name][1] for sample in samples),
        )
        for name in samples[0].parts
    }
    return Sample(**figures, errors=sum(sample.errors for sample in samples), parts=parts)
