"""Starlette: a page, and server-sent events. Serve it with: yett examples/starlette_app.py (pip install starlette)"""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route

PAGE = """<!doctype html>
<title>Countdown</title>
<p id="count">
<script>
  const source = new EventSource("countdown");
  source.onmessage = (event) => (count.textContent = event.data);
  source.onerror = () => source.close();
</script>
"""


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE)


async def countdown(request: Request) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        for count in range(10, -1, -1):
            yield f"data: {count}\n\n"
            await asyncio.sleep(1)

    return StreamingResponse(events(), media_type="text/event-stream")


app = Starlette(routes=[Route("/", page), Route("/countdown", countdown)])
