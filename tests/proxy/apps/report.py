"""What an application is told of a request's origin: by ASGI and by WSGI, in the same words."""

import json
from collections.abc import Iterable
from typing import Any

SEEN = ("forwarded", "x-forwarded-", "x-real-ip")


def _seen(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(SEEN)})


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    fields = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
    address, port = scope["client"] or ("", 0)
    hosts = [value for name, value in fields if name == "host"]
    assert len(hosts) <= 1
    report = {
        "client": [address, port or None],
        "scheme": scope["scheme"],
        "host": hosts[0] if hosts else None,
        "server": list(scope["server"]) if scope["server"] else None,
        "root": scope["root_path"],
        "path": scope["path"],
        "own": scope["path"].removeprefix(scope["root_path"]),
        "raw_path": scope["raw_path"].decode(),
        "seen": _seen(name for name, _ in fields),
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(report).encode()})


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    names = [name[5:].lower().replace("_", "-") for name in environ if name.startswith("HTTP_")]
    port = environ.get("REMOTE_PORT")
    name = environ["SERVER_NAME"]
    path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
    report = {
        "client": [environ["REMOTE_ADDR"], None if port is None else int(port)],
        "scheme": environ["wsgi.url_scheme"],
        "host": environ.get("HTTP_HOST"),
        "server": [name.removeprefix("[").removesuffix("]"), int(environ["SERVER_PORT"])],
        "root": environ["SCRIPT_NAME"],
        "path": path,
        "own": environ["PATH_INFO"],
        "raw_path": path,
        "seen": _seen(names),
    }
    start_response("200 OK", [])
    return [json.dumps(report).encode()]
