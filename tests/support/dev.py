"""What the tests of `yett dev` share."""

from typing import Any

from .raw import Client, Response
from .server import ServerProcess

PAGE = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"

# The same small site in both interfaces: `answer(path)` gives (status, fields, body), or raises.
ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    status, fields, pieces = answer(scope["path"])
    headers = [(name.encode(), value.encode()) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    # What is there at once is sent at once; what is made piece by piece, so, with an empty one at the end.
    last = pieces.pop() if isinstance(pieces, list) and pieces else b""
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": last})
"""
WSGI = """
def app(environ, start_response):
    status, fields, pieces = answer(environ["SCRIPT_NAME"] + environ["PATH_INFO"])
    start_response(f"{status} Fine", fields)
    return pieces
"""
INTERFACES = {"asgi": ASGI, "wsgi": WSGI}


def get(
    server: ServerProcess, path: str = "/", *fields: str, host: str = "localhost", method: str = "GET"
) -> Response:
    """One request as a browser on this machine makes it, unless `host` or `fields` say otherwise."""
    with Client(server.port) as client:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]
        client.send("\r\n".join(lines).encode("latin-1"))
        return client.response(method=method)


def page(server: ServerProcess, path: str = "/", *fields: str, **more: Any) -> Response:
    """`get` by somebody who reads HTML."""
    return get(server, path, PAGE, *fields, **more)
