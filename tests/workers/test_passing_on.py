"""The kernel tells one worker of a connection. If that one cannot take it, the others hear of it."""

import resource
from itertools import count
from pathlib import Path

from support import Client, ServerProcess
from support.usage import open_connections
from support.wait import wait_until

WSGI = """
    import os

    def app(environ, start_response):
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
"""
# Whoever is told takes it.
TWO = ["--workers", "2", "--threads", "1", "--no-balance"]


def served_by(port: int) -> int:
    with Client(port) as client:
        return int(client.get().body)


def told_first(server: ServerProcess) -> tuple[int, int]:
    """The worker that the kernel wakes when both are idle, and the other."""
    while True:
        last = {served_by(server.port) for _ in range(3)}
        if len(last) == 1:
            (first,) = last
            return first, next(pid for pid in server.workers if pid != first)


def let_open_no_more(pid: int) -> None:
    """The process gets no further descriptor."""
    used = {int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    _, most = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    first_free = next(number for number in count() if number not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free, most))


def test_a_worker_without_descriptors(serve):
    server = serve(WSGI, *TWO)
    exhausted, other = told_first(server)
    wait_until(lambda: open_connections(exhausted, server.port) == 0, "its connections are closed")
    let_open_no_more(exhausted)
    # Each is answered: not only when the next one comes, and when the pause is over there are no descriptors either.
    for _ in range(5):
        assert served_by(server.port) in (exhausted, other)
