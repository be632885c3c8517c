"""Logs to syslog: one datagram a line, in the form that the receiver expects."""

import json
import re
import socket
import textwrap

import pytest

from support import Client, ServerProcess
from support.logs import BOTH
from support.server import PATIENCE_SECONDS

LOCAL = re.compile(
    rb"<(?P<priority>\d+)>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d yett\[(?P<pid>\d+)\]: (?P<text>.*)"
)
REMOTE = re.compile(
    rb"<(?P<priority>\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ yett (?P<pid>\d+) - - (?P<text>.*)"
)


@pytest.fixture(params=["unix", "udp"])
def receiver(request, tmp_path):
    """A fake syslog: its socket, how the server is told of it, and how its datagrams look."""
    if request.param == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.bind(str(tmp_path / "syslog"))
            listening.settimeout(PATIENCE_SECONDS)
            yield listening, f"syslog:{tmp_path}/syslog", LOCAL
    else:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
            listening.bind(("127.0.0.1", 0))
            listening.settimeout(PATIENCE_SECONDS)
            yield listening, f"syslog:127.0.0.1:{listening.getsockname()[1]}", REMOTE


def test_the_access_log(serve, get, interface, receiver):
    listening, target, form = receiver
    server = serve(
        BOTH[interface], "--interface", interface, "--access-log", target, "--access-log-format", "json",
        "--syslog-facility", "local3",
    )  # fmt: skip
    for number in range(5):
        get(server, f"/{number}")
    for number in range(5):
        datagram = form.fullmatch(listening.recv(65536))
        assert datagram
        assert (int(datagram["priority"]), int(datagram["pid"])) == (19 * 8 + 6, server.pid)
        assert json.loads(datagram["text"])["path"] == f"/{number}"


def test_the_error_log(tmp_path, receiver):
    listening, target, form = receiver
    (tmp_path / "app.py").write_text(textwrap.dedent(BOTH["wsgi"]))
    with ServerProcess(["app:app", "--bind", "127.0.0.1:0", "--error-log", target], tmp_path) as server:
        look_at_the_error_log(server, listening, form)


def look_at_the_error_log(server, listening, form):
    serving = form.fullmatch(listening.recv(65536))
    assert int(serving["priority"]) == 3 * 8 + 6
    port = int(re.search(rb"serving on http://127.0.0.1:(\d+)", serving["text"])[1])
    with Client(port) as client:
        client.get("/fail")
    first, second = (form.fullmatch(listening.recv(65536)) for _ in range(2))
    assert int(first["priority"]) == int(second["priority"]) == 3 * 8 + 3
    assert first["text"].startswith(b"GET /fail: the application failed request_id=")
    assert second["text"] == b"Traceback (most recent call last):"
    assert server.stop() == 0


def test_a_daemon_that_is_restarted(serve, get, tmp_path):
    """Lines in between are lost and counted; those after it arrive."""
    path = str(tmp_path / "syslog")

    def listen():
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(path)
        listening.settimeout(PATIENCE_SECONDS)
        return listening

    listening = listen()
    server = serve(BOTH["wsgi"], "--access-log", f"syslog:{path}", "--access-log-format", "%(U)s")
    get(server, "/one")
    assert listening.recv(65536).endswith(b": /one")
    listening.close()
    (tmp_path / "syslog").unlink()
    get(server, "/two")
    server.wait_for("the access log cannot be written, its lines are lost until it can")
    with listen() as again:
        get(server, "/three")
        assert again.recv(65536).endswith(b": /three")
    server.wait_for("the access log is written again; 1 lines were lost")
