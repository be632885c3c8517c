"""The examples in the repository, served as their first lines say."""

from pathlib import Path

import httpx
import pytest

from support.server import start_target

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["asyncio", "uvloop"])
def example(request):
    """`example(name)`: a server of that example."""
    servers = []

    def start(name):
        servers.append(start_target(f"examples/{name}", "--loop", request.param, folder=ROOT))
        return servers[-1]

    yield start
    for server in servers:
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_plain(example):
    response = httpx.get(example("plain.py").url + "/tea")
    assert (response.status_code, response.text) == (200, "Hello from /tea\n")


def test_fastapi(example):
    response = httpx.post(example("fastapi_app.py").url + "/orders", json={"item": "cake", "count": 2})
    assert (response.status_code, response.json()) == (201, {"total": 10})


def test_starlette(example):
    with httpx.stream("GET", example("starlette_app.py").url + "/countdown") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert next(response.iter_lines()) == "data: 10"
