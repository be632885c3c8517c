"""Where the server listens: TCP, unix sockets and inherited ones, and what is said when it cannot."""

import os
import re
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import Client
from support.command import run_python, run_yett

SCOPE = """
    import json

    async def app(scope, receive, send):
        body = json.dumps([scope["server"], scope["client"], scope["scheme"]]).encode()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
"""
CANNOT_LISTEN = 5


def fails_to_listen(cwd: Path, *options: str, **more) -> str:
    """What is said instead of serving."""
    # There is no application: who made a mistake in an address learns of it before anything is imported.
    result = run_yett("nothing:app", *options, cwd=cwd, **more)
    assert result.returncode == CANNOT_LISTEN, result.stderr
    assert result.stderr.startswith("yett: error: cannot listen on ")
    assert len(result.stderr.splitlines()) <= 2, "no traceback"
    return result.stderr


@pytest.fixture
def free_port() -> Iterator[int]:
    """One that nobody gets who asks for any. A server that asks for this one does, as often as it likes."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def test_several_addresses(serve):
    server = serve(SCOPE, "-b", "127.0.0.1:0", "--bind=127.0.0.1:0", "-b", "unix:socket")
    server.wait_for("serving on unix:")
    log = server.log
    ports = [int(line.rsplit(":", 1)[1].split()[0]) for line in log.splitlines() if "http://127" in line]
    assert len(set(ports)) == 2
    for port in ports:
        with Client(port) as client:
            assert client.get().json()[0] == ["127.0.0.1", port]
    with Client(str(server.folder / "socket")) as client:
        where, who, scheme = client.get().json()
        assert where[0].endswith("socket")
        assert (where[1], who, scheme) == (None, None, "http")


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_ipv6(serve):
    server = serve(SCOPE, "--bind", "[::1]:0")
    port = int(server.wait_for(r"serving on http://\[::1\]:(\d+)").group(1))
    with Client(("::1", port)) as client:
        where, who, _ = client.get().json()
        assert where == ["::1", port]
        assert who == ["::1", client.socket.getsockname()[1]]


def test_all_interfaces_tell_the_address_that_was_used(serve, free_port):
    server = serve(SCOPE, "--bind", f":{free_port}")
    assert server.url == f"http://0.0.0.0:{free_port}"
    for address in ("127.0.0.1", "127.0.0.2"):
        with Client((address, free_port)) as client:
            assert client.get().json()[0] == [address, free_port]


def test_an_address_in_use_names_who_holds_it(serve, tmp_path):
    server = serve(SCOPE)
    message = fails_to_listen(tmp_path, "--bind", f"127.0.0.1:{server.port}")
    assert "the address is in use" in message
    assert re.search(rf"it is held by process ({server.process.pid}|{server.pid}) \(", message)
    assert f"--bind :{server.port + 1}" in message


def test_one_bad_address_of_several_leaves_nothing_behind(serve, tmp_path):
    server = serve(SCOPE)
    fails_to_listen(tmp_path, "--bind", "unix:left", "--bind", f"127.0.0.1:{server.port}")
    assert not (tmp_path / "left").exists()


def test_an_address_that_is_not_ours(tmp_path):
    assert "this machine does not have that address" in fails_to_listen(tmp_path, "--bind", "192.0.2.1:0")


def test_a_low_port_without_the_privilege(tmp_path):
    first_free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first_free <= 81:
        pytest.skip("every user may take low ports here")
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("no setpriv to give up the privilege with")
        before = ("setpriv", "--bounding-set=-net_bind_service")
    result = run_python("-m", "yett", "nothing:app", "--bind", "127.0.0.1:81", cwd=tmp_path, before=before)
    assert result.returncode == CANNOT_LISTEN
    message = result.stderr
    assert "permission denied" in message
    assert "CAP_NET_BIND_SERVICE" in message
    assert "--bind :8081" in message


def test_a_stale_socket_file_is_replaced_and_removed_at_the_end(serve, tmp_path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "socket"))
    server = serve(SCOPE, "--bind", "unix:socket")
    with Client(str(tmp_path / "socket")) as client:
        assert client.get().status == 200
    assert server.stop() == 0
    assert not (tmp_path / "socket").exists()


def test_a_socket_file_survives_a_kill_and_is_replaced(serve, tmp_path):
    server = serve(SCOPE, "--bind", "unix:socket")
    server.process.kill()
    server.wait()
    assert (tmp_path / "socket").exists()
    serve(SCOPE, "--bind", "unix:socket")
    with Client(str(tmp_path / "socket")) as client:
        assert client.get().status == 200


def test_a_live_socket_file_is_refused(serve, tmp_path):
    serve(SCOPE, "--bind", "unix:socket")
    assert "the address is in use" in fails_to_listen(tmp_path, "--bind", "unix:socket")
    with Client(str(tmp_path / "socket")) as client:
        assert client.get().status == 200, "and left alone"


def test_another_file_in_the_way_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("data")
    assert "a file that is not a socket is in the way" in fails_to_listen(tmp_path, "--bind", "unix:precious")
    assert (tmp_path / "precious").read_text() == "data"


def test_a_folder_that_does_not_exist(tmp_path):
    fails_to_listen(tmp_path, "--bind", "unix:missing/socket")


@pytest.mark.parametrize("mode", ["600", "666"])
def test_the_mode_of_a_socket_file(serve, tmp_path, mode):
    serve(SCOPE, "--bind", "unix:socket", "--unix-mode", mode)
    assert f"{stat.S_IMODE((tmp_path / 'socket').stat().st_mode):o}" == mode


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_an_inherited_listener(serve, tmp_path, family):
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(tmp_path / "inherited"))
        listener.listen()
        number = listener.fileno()
        server = serve(SCOPE, "--bind", f"fd://{number}", pass_fds=[number])
        address = listener.getsockname()
        with Client(address) as client:
            assert client.get().status == 200
        assert server.stop() == 0
        # It belongs to who opened it: the queue lives on for the next server.
        with Client(address) as client:
            client.begin("GET", "/")
            again = serve(SCOPE, "--bind", f"fd://{number}", pass_fds=[number])
            assert client.response().status == 200
            assert again.stop() == 0
        if family == socket.AF_UNIX:
            assert (tmp_path / "inherited").exists()


def test_a_number_that_is_no_listener(tmp_path):
    assert "the parent process must open a listening socket" in fails_to_listen(tmp_path, "--bind", "fd://99")
    with open(os.devnull) as file:
        message = fails_to_listen(tmp_path, "--bind", f"fd://{file.fileno()}", pass_fds=[file.fileno()])
    assert "it is not a listening stream socket" in message


def test_restart_on_the_same_port_at_once(serve, free_port):
    """Also after a kill, with connections of the last server that are not forgotten yet."""
    for end in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        server = serve(SCOPE, "--bind", f"127.0.0.1:{free_port}")
        clients = [Client(free_port) for _ in range(5)]
        for client in clients:
            assert client.get().status == 200
        server.signal(end)
        server.wait()
        for client in clients:
            client.close()
    serve(SCOPE, "--bind", f"127.0.0.1:{free_port}")
    with Client(free_port) as client:
        assert client.get().status == 200


def test_the_descriptors_are_not_inherited_by_children(serve):
    """A child that outlives the server must not hold its port."""
    server = serve(
        """
        import subprocess

        child = None

        async def app(scope, receive, send):
            global child
            child = subprocess.Popen(["sleep", "1000"], close_fds=False)
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": str(child.pid).encode()})
        """,
        "--lifespan", "off", "--no-supervisor",
    )  # fmt: skip
    port = server.port
    with Client(port) as client:
        child = int(client.get().body)
    try:
        server.process.kill()
        server.process.wait()
        with pytest.raises(ConnectionRefusedError):
            Client(port)
    finally:
        os.kill(child, signal.SIGKILL)
