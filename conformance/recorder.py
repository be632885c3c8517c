"""The application of the conformance run: remembers what it saw of each connection, and tells when asked.

`GET /seen-by-the-application?PORT` answers with the records of the client port PORT as JSON and forgets them.
"""

import json

ASK = "/seen-by-the-application"
records: dict[int, list[dict]] = {}


async def answer(send, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def text(data: bytes) -> str:
    return data.decode("latin-1")


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(f"unsupported scope {scope['type']}")
    if scope["path"] == ASK:
        await answer(send, json.dumps(records.pop(int(scope["query_string"]), [])).encode())
        return
    query = scope["query_string"]
    record = {
        "method": scope["method"],
        "uri": text(scope["raw_path"] + (b"?" + query if query else b"")),
        "version": scope["http_version"],
        "headers": [[text(name), text(value)] for name, value in scope["headers"]],
        "body": "",
        "complete": False,
    }
    records.setdefault(scope["client"][1], []).append(record)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        record["body"] += text(message.get("body", b""))
        more = message.get("more_body", False)
        record["complete"] = not more
    try:
        # After a disconnect too: a late answer to a request that was cut off must not reach the wire.
        await answer(send, b"{}")
    except OSError:
        pass
