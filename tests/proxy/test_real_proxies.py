"""HAProxy and nginx in front, if they are installed, configured as docs/proxies.md shows it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import Client, ServerProcess
from support.wait import wait_until

Reporter = Callable[..., ServerProcess]

# An address of its own, so that clients on this machine are not the proxy. Linux has it without being told.
PROXY = "127.0.0.3"
FROM_PROXY = ("--trusted-proxies", PROXY)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has no 127.0.0.3")


def program(name: str) -> str:
    # Where distributions put what is for administrators.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def running(arguments: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, f"{arguments[0]} answers")
        assert process.poll() is None, "it has ended"
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def haproxy(folder: Path, server: ServerProcess, send: str, frontend: str = "") -> Iterator[int]:
    port = free_port()
    (folder / "haproxy.cfg").write_text(
        f"""
        defaults
            mode http
            timeout connect 5s
            timeout client 30s
            timeout server 30s
        frontend web
            bind 127.0.0.1:{port}
            {frontend}
            default_backend app
        backend app
            server yett 127.0.0.1:{server.port} {send}
        \n"""
    )
    with running([program("haproxy"), "-f", str(folder / "haproxy.cfg"), "-db"], port):
        yield port


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2"])
def test_haproxy_speaks_the_proxy_protocol(reporter: Reporter, tmp_path: Path, send: str) -> None:
    program("haproxy")
    server = reporter("--bind", "proxy+127.0.0.1:0")
    with haproxy(tmp_path, server, send) as port, Client(port) as client:
        report = client.get("/").json()
        assert report["client"] == list(client.socket.getsockname())
        assert report["server"] == ["127.0.0.1", port]


def test_haproxy_adds_headers(reporter: Reporter, tmp_path: Path) -> None:
    program("haproxy")
    server = reporter(*FROM_PROXY, "--forwarded-headers", "x-forwarded-for,x-forwarded-proto")
    frontend = "option forwardfor\n            http-request set-header X-Forwarded-Proto https"
    with haproxy(tmp_path, server, f"source {PROXY}", frontend) as port, Client(port) as client:
        report = client.get("/", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: http").json()
        assert (report["client"], report["scheme"]) == (["127.0.0.1", None], "https")


def test_nginx_adds_headers(reporter: Reporter, tmp_path: Path) -> None:
    nginx = program("nginx")
    port, server = free_port(), reporter(*FROM_PROXY)
    paths = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;
        events {{}}
        http {{
            access_log off; {paths}
            server {{
                listen 127.0.0.1:{port};
                location /app/ {{
                    proxy_pass http://127.0.0.1:{server.port}/;
                    proxy_bind {PROXY};
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto https;
                    proxy_set_header X-Forwarded-Host $http_host;
                    proxy_set_header X-Forwarded-Port "";
                    proxy_set_header X-Forwarded-Prefix /app;
                    proxy_set_header Forwarded "";
                }}
            }}
        }}
        """
    )
    arguments = [
        nginx,
        "-p",
        str(tmp_path),
        "-c",
        str(tmp_path / "nginx.conf"),
        "-e",
        str(tmp_path / "error.log"),
    ]
    with running(arguments, port), Client(port) as client:
        spoofed = ["X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6", "X-Forwarded-Port: 1"]
        report = client.get("/app/x", *spoofed).json()
        assert (report["client"], report["scheme"]) == (["127.0.0.1", None], "https")
        assert (report["host"], report["root"], report["path"]) == ("test", "/app", "/app/x")
