"""What a workload is: which application, which requests, how many connections; the workloads themselves stand in
`asgi/workloads.py` and `wsgi/workloads.py`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One kind of request in a mix: of every block of requests, `weight` are of this kind."""

    name: str
    path: str
    weight: int


@dataclass(frozen=True)
class Mix:
    """Requests of several kinds, sent at a fixed rate (in requests/s) whether earlier ones are answered or not."""

    rate: int
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Workload:
    """One table of the benchmark.

    `servers` are the names of those that take part, empty for all that write no access log. `size` is the length of the
    answer's body in bytes, None for 'not checked'. With `both_cores` neither server nor load is pinned:
    they share two cores. With a `mix`, requests are those of the mix and figures are kept for each of its parts;
    without one, every connection asks again as soon as it is answered. `stretch` lengthens the measurement.
    """

    name: str
    title: str
    app: str
    path: str = "/"
    connections: int = 64
    headers: tuple[str, ...] = ()
    post: int | None = None
    size: int | None = None
    servers: tuple[str, ...] = ()
    both_cores: bool = False
    mix: Mix | None = None
    stretch: float = 1.0
