"""One measurement: a load against a server, with the server's CPU time around it."""

from . import mixed, wrk
from .process import Server, session_members
from .sample import Load, Sample
from .workloads import Workload

# A line says at least when, which request and which status.
SHORTEST_LINE = 40


def check_answer(server: Server, workload: Workload) -> None:
    """Before any load the server must answer the workload's requests as the application meant it."""
    paths = [part.path for part in workload.mix.parts] if workload.mix else [workload.path]
    post = None if workload.post is None else b"x" * workload.post
    for path in paths:
        body = server.wait_until_answering(path, post)
        if workload.size is not None and len(body) != workload.size:
            raise server.fail(f"wrong answer to {path}: {len(body)} bytes instead of {workload.size}")


def _load(server: Server, workload: Workload, core: int | None, seconds: float, seed: int) -> Load:
    if workload.mix is None:
        return wrk.run(server, workload, core, seconds)
    return mixed.run(server.port, workload.mix, core, seconds, workload.connections, seed)


def measure(
    server: Server, workload: Workload, core: int | None, seconds: float, warm_up: float, seed: int
) -> Sample:
    """Warm up, then measure.

    `core` is the load's; the server has been pinned to another one at its start (None: neither is pinned). Runs of
    a mix with the same `seed` send the same requests in the same order.
    """
    check_answer(server, workload)
    _load(server, workload, core, warm_up, seed)
    processes = session_members(server.pid)
    before, logged_before = server.cpu_seconds(), server.logged()
    load = _load(server, workload, core, seconds * workload.stretch, seed)
    used = server.cpu_seconds() - before
    logged = server.logged() - logged_before
    memory = server.memory()
    if session_members(server.pid) != processes:
        raise server.fail("a process ended or started during the measurement: its CPU time is not known")
    if load.requests == 0:
        raise server.fail(f"answered nothing: {load.errors} errors, {load.detail}")
    # Half of them: what a server still has in its memory is not yet counted.
    if server.kind.logs and logged < load.requests * SHORTEST_LINE / 2:
        raise server.fail(f"logged only {logged} bytes for {load.requests} requests")
    return Sample(
        rate=load.requests / load.seconds,
        cpu=used * 1e6 / load.requests,
        p50=load.p50,
        p99=load.p99,
        memory=memory,
        errors=load.errors,
        parts=load.parts,
    )
