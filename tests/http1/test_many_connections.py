"""Ten thousand idle connections, and no descriptors left."""

import gc
import resource
import socket
import time
from pathlib import Path

import pytest

from support import Client
from support.usage import cpu_seconds, open_connections, open_files, resident_kib

HELLO = """
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})
"""
MANY = 10_000
# The limits of both processes: their other files, and room to spare.
NEEDED = MANY + 500


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < NEEDED:
        pytest.skip(f"the hard limit on open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, NEEDED), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limited_to(files: int):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def answer_time(port: int) -> float:
    began = time.monotonic()
    with Client(port) as client:
        assert client.get().body == b"hello"
    return time.monotonic() - began


def test_ten_thousand_idle_connections(serve, many_files):
    server = serve(HELLO, "--lifespan", "off", preexec_fn=limited_to(NEEDED))
    for _ in range(100):
        answer_time(server.port)
    before = resident_kib(server.pid)
    request = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
    idle: list[socket.socket] = []
    gc.disable()  # ten thousand new objects would have it look at all of them again and again
    try:
        for _ in range(MANY):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            client.sendall(request)
            idle.append(client)
        for client in idle:
            assert client.recv(4096).endswith(b"hello")
        assert open_files(server.pid) >= MANY
        per_connection = (resident_kib(server.pid) - before) / MANY
        assert per_connection <= 4, f"{per_connection:.1f} KiB of resident memory for each idle connection"
        # At once: the median, as the machine may be busy with something else at one moment.
        assert sorted(answer_time(server.port) for _ in range(11))[5] < 0.1
        used = cpu_seconds(server.pid)
        with pytest.raises(TimeoutError):
            idle[0].settimeout(0.5)
            idle[0].recv(1)
        assert cpu_seconds(server.pid) - used < 0.1, "idle connections cost nothing"
        for client in idle[::100]:
            client.settimeout(30)
            client.sendall(request)
            assert client.recv(4096).endswith(b"hello")
    finally:
        for client in idle:
            # By reset: ten thousand ports in TIME_WAIT would be in the way of whoever comes next.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            client.close()
        gc.enable()
    assert answer_time(server.port) < 5


def test_ten_thousand_idle_connections_do_not_hold_up_the_end(serve, many_files):
    server = serve(HELLO, "--lifespan", "off", preexec_fn=limited_to(NEEDED))
    idle = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(MANY)]
    answer_time(server.port)  # all before it have been accepted
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5
    for client in idle:
        client.close()


def test_without_descriptors_accepting_pauses_and_goes_on(serve):
    server = serve(HELLO, "--lifespan", "off", preexec_fn=limited_to(96))
    clients = [Client(server.port) for _ in range(80)]
    for client in clients:
        client.begin("GET", "/")
    server.wait_for("ERROR: cannot accept connections: .*accepting pauses.*ulimit -n")
    used = cpu_seconds(server.pid)
    # Half of them, those who came first, are answered; the others wait in the queue of the kernel and cost nothing.
    count = open_connections(server.pid, server.port)
    served, waiting = clients[:count], clients[count:]
    assert len(served) > 30
    assert len(waiting) > 16
    for client in served:
        assert client.response().body == b"hello"
    for client in waiting:
        client.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.response()
    waiting[0].socket.settimeout(1.5)  # longer than the pause that the server makes
    with pytest.raises(TimeoutError):
        waiting[0].response()
    assert cpu_seconds(server.pid) - used < 0.3, "it spins while it cannot accept"
    assert server.log.count("cannot accept") == 1, "logged once"
    # Those who are connected are served meanwhile.
    for client in served:
        assert client.get().body == b"hello"
        client.close()
    for client in waiting:
        client.socket.settimeout(30)
        assert client.response().body == b"hello"
    with Client(server.port) as client:
        assert client.get().body == b"hello"
    assert server.log.count("cannot accept") <= 2
    for client in waiting:
        client.close()
    assert server.stop() == 0


def test_a_descriptor_that_the_application_frees_is_noticed(serve):
    server = serve(
        """
        import resource

        held = []

        async def app(scope, receive, send):
            if scope["path"] == "/hold":
                limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
                while True:
                    try:
                        held.append(open("/dev/null"))
                    except OSError:
                        break
            elif scope["path"] == "/free":
                while held:
                    held.pop().close()
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"hello"})
        """,
        "--lifespan", "off", preexec_fn=limited_to(64),
    )  # fmt: skip
    with Client(server.port) as early:
        assert early.get("/hold").body == b"hello"
        with Client(server.port) as late:
            late.begin("GET", "/")
            server.wait_for("cannot accept")
            assert early.get("/free").body == b"hello"
            assert late.response().body == b"hello"


@pytest.mark.parametrize("options", [[], ["--preload"], ["--no-supervisor"]])
def test_room_for_descriptors_is_there_before_they_come(serve, options):
    """The kernel holds up whoever accepts for 20 ms each time that it has to make room while there are threads."""
    server = serve(HELLO, *options)
    status = Path(f"/proc/{server.pid}/status").read_text()
    places = int(status.partition("FDSize:")[2].split()[0])
    assert places >= min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
