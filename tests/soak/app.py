"""The application of the soak test: it answers with what only this request can be answered with, and keeps accounts.

A request is `METHOD /kind/client/number/size`. A client numbers its requests, so that one that is run twice, or after
its successor, is found out. What goes in either direction is the name of the request, repeated up to its size.
"""

import json
import tempfile
import threading
import time

accounts = {"run": 0, "failed": 0, "out of order": [], "wrong request": []}
last: dict[str, int] = {}
lock = threading.Lock()
local = threading.local()


def text(name: str, size: int) -> bytes:
    """The body, of `size` bytes, that goes with a request."""
    unit = (name + "\n").encode()
    return (unit * (size // len(unit) + 1))[:size]


def note(client: str, number: int) -> None:
    with lock:
        accounts["run"] += 1
        if number <= last.get(client, -1):
            accounts["out of order"].append(f"{client}/{number}")
        last[client] = number


def pieces(body: bytes, size: int):
    for at in range(0, len(body), size):
        yield body[at : at + size]


def compute(milliseconds: float) -> None:
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        sum(range(100))


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/accounts":
        start_response("200 OK", [])
        return [json.dumps(accounts).encode()]
    kind, client, number, size = path[1:].split("/")
    name = f"{client}/{number}"
    # Two requests on one thread at a time would see each other here.
    assert getattr(local, "name", None) is None
    local.name = name
    try:
        note(client, int(number))
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read()
            if body != text(name, len(body)) or environ["CONTENT_LENGTH"] != str(len(body)):
                accounts["wrong request"].append(name)
        if environ["HTTP_X_NAME"] != name:
            accounts["wrong request"].append(name)
        if kind == "wait":
            time.sleep(int(number) % 10 / 1000)
        elif kind == "compute":
            compute(int(number) % 5)
        elif kind == "fail":
            with lock:
                accounts["failed"] += 1
            raise RuntimeError("as asked")
        answer = text(name, int(size))
        headers = [("X-Name", name)]
        if kind == "write":
            write = start_response("200 OK", headers)
            for piece in pieces(answer, 20_000):
                write(piece)
            return []
        start_response("200 OK", headers)
        if kind == "generate":
            return pieces(answer, 30_000)
        if kind == "file":
            file = tempfile.TemporaryFile()
            file.write(answer)
            file.seek(0)
            return environ["wsgi.file_wrapper"](file)
        return [answer]
    finally:
        local.name = None
