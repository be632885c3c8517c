"""What others make of the same headers, where they mean the same: whoever comes from them finds nothing changed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support import Client, ServerProcess

Reporter = Callable[..., ServerProcess]
OPTIONS = ("--trusted-proxies", "127.0.0.1,10.0.0.0/8")


@pytest.mark.parametrize(
    "value",
    [
        "203.0.113.7",
        "6.6.6.6, 203.0.113.7",
        "6.6.6.6,203.0.113.7, 10.0.0.1",
        "10.0.0.9, 10.0.0.1",
        "2001:db8::1",
    ],
)
def test_uvicorn_finds_the_same_client(reporter: Reporter, value: str) -> None:
    proxy_headers = pytest.importorskip("uvicorn.middleware.proxy_headers")
    seen: dict[str, Any] = {}

    async def application(scope: dict[str, Any], _receive: object, _send: object) -> None:
        seen.update(scope)

    scope = {
        "type": "http",
        "client": ("127.0.0.1", 4711),
        "scheme": "http",
        "headers": [(b"x-forwarded-for", value.encode()), (b"x-forwarded-proto", b"https")],
    }
    middleware = proxy_headers.ProxyHeadersMiddleware(application, trusted_hosts="127.0.0.1,10.0.0.0/8")
    asyncio.run(middleware(scope, None, None))
    with Client(reporter(*OPTIONS).port) as client:
        report = client.get("/", f"X-Forwarded-For: {value}", "X-Forwarded-Proto: https").json()
    assert report["client"][0] == seen["client"][0]
    assert report["scheme"] == seen["scheme"]


@pytest.mark.parametrize(
    "fields",
    [
        {"For": "6.6.6.6, 203.0.113.7"},
        {"Proto": "https", "Host": "good.example:8443"},
        {"Host": "evil.example, good.example:81"},
        {"Host": "[2001:db8::1]:81"},
        {"Port": "8080"},
        {"Host": "good.example:1", "Port": "8443", "Proto": "https"},
        {"Prefix": "/app"},
    ],
    ids=str,
)
def test_werkzeug_s_proxy_fix_finds_the_same(reporter: Reporter, fields: dict[str, str]) -> None:
    proxy_fix = pytest.importorskip("werkzeug.middleware.proxy_fix")
    server = reporter(*OPTIONS)
    environ = {
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "SCRIPT_NAME": "",
        "HTTP_HOST": "test",
        "wsgi.url_scheme": "http",
        **{f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in fields.items()},
    }
    proxy_fix.ProxyFix(lambda _environ, _start: [], 1, 1, 1, 1, 1)(environ, None)
    with Client(server.port) as client:
        report = client.get("/", *(f"X-Forwarded-{name}: {value}" for name, value in fields.items())).json()
    assert report["client"][0] == environ["REMOTE_ADDR"]
    assert report["scheme"] == environ["wsgi.url_scheme"]
    assert report["host"] == environ["HTTP_HOST"]
    assert report["server"] == [environ["SERVER_NAME"].strip("[]"), int(environ["SERVER_PORT"])]
    assert report["root"] == environ["SCRIPT_NAME"]
