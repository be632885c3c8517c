"""Answers that are whole at once, and larger than anybody takes at once: they wait in files, not in memory."""

import hashlib
from contextlib import ExitStack

import pytest

from support import Client
from support.peers import only_yett
from support.usage import resident_kib, temporary_files
from support.wait import wait_until

pytestmark = only_yett

KIB = 1024
MIB = 1024 * KIB
SIZE = 32 * MIB
APP = """
    import os

    def app(environ, start_response):
        path, number = environ["PATH_INFO"], environ["QUERY_STRING"].encode()
        start_response("200 OK", [])
        if path == "/list":
            return [number * (SIZE // len(number))]
        if path == "/tuple":
            return (number * (SIZE // len(number)),)
        if path == "/pieces":
            return [number * (SIZE // 32 // len(number)) for _ in range(32)]
        return [b"hello"]
""".replace("SIZE", str(SIZE))
COUNT = 10
# What the server keeps in memory of finished answers, in answers of this size (64 MiB).
IN_MEMORY = 2


def body(number: int) -> bytes:
    return b"%02d" % number * (SIZE // 2)


@pytest.fixture
def server(serve, tmp_path):
    (tmp_path / "temporary").mkdir()
    # Over a unix socket, for which the kernel holds 200 KiB; for TCP it may hold megabytes.
    return serve(
        APP, "--threads", "2", "--bind", "127.0.0.1:0", "--bind", "unix:socket",
        env={"TMPDIR": str(tmp_path / "temporary")},
    )  # fmt: skip


def files(server) -> list[int]:
    return temporary_files(server.pid, server.folder / "temporary")


def large(server) -> list[int]:
    return [size for size in files(server) if size > SIZE - 2 * MIB]


@pytest.fixture
def slow(server):
    """Clients that ask for an answer each, and read its head."""
    with ExitStack() as stack:

        def ask(kind: str) -> list[Client]:
            clients = [stack.enter_context(Client(str(server.folder / "socket"))) for _ in range(COUNT)]
            for number, client in enumerate(clients):
                client.begin("GET", f"/{kind}?{number:02d}")
                assert f"content-length: {SIZE}" in client.head().lower()
            return clients

        yield ask


@pytest.mark.parametrize("kind", ["list", "tuple", "pieces"])
def test_they_take_no_memory(server, slow, kind):
    with Client(server.port) as other:
        assert other.get("/").body == b"hello"
        before = resident_kib(server.pid)
        clients = slow(kind)
        wait_until(lambda: len(large(server)) >= COUNT - IN_MEMORY, "the answers are in files")
        # One more for each thread: what is made of small pieces and let go of may stay with the allocator.
        most = (IN_MEMORY + 2) * SIZE / KIB + 8 * KIB
        wait_until(lambda: resident_kib(server.pid) - before < most, "they are no longer in memory")
        assert other.get("/").body == b"hello"
        count = len(files(server))
        # They are whole. The first one's is in memory, the last one's in a file.
        for number in (0, COUNT - 1):
            expected = hashlib.sha256(body(number)).hexdigest()
            assert hashlib.sha256(clients[number].read(SIZE)).hexdigest() == expected
            assert clients[number].get("/").body == b"hello"
        wait_until(lambda: len(files(server)) < count, "the file of the one that has read is gone")
        for client in clients:
            client.reset()
        wait_until(lambda: not files(server), "the files are gone with the clients")
        if kind != "pieces":
            wait_until(
                lambda: resident_kib(server.pid) - before < SIZE / KIB, "so is what was kept in memory"
            )
        assert other.get("/").body == b"hello"


def test_a_folder_for_files_that_is_missing_is_no_reason_to_lose_answers(serve, tmp_path):
    server = serve(
        APP, "--threads", "2", "--bind", "unix:socket", env={"TMPDIR": str(tmp_path / "missing")}
    )  # fmt: skip
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(str(tmp_path / "socket"))) for _ in range(IN_MEMORY + 2)]
        for number, client in enumerate(clients):
            client.begin("GET", f"/list?{number:02d}")
            client.head()
        assert (
            "No such file or directory"
            in server.wait_for("a response cannot be kept in a temporary file: .*")[0]
        )
        for number, client in enumerate(clients):
            assert client.read(SIZE) == body(number)
            assert client.get("/").body == b"hello"
