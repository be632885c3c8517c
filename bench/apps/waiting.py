"""Applications that wait: `/sleep` for a timer of 10 ms, `/executor` for a thread of the default executor."""

import asyncio

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"4")],
}
END = {"type": "http.response.body", "body": b"done"}


def work():
    return sum(range(100))


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError(f"unsupported scope {scope['type']}")
    if scope["path"] == "/sleep":
        await asyncio.sleep(0.01)
    else:
        await asyncio.get_running_loop().run_in_executor(None, work)
    await send(START)
    await send(END)
