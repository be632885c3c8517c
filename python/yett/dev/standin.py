"""The application that is served while the real one cannot be loaded: each answer is the page that says why."""

from . import asgi, failure, local, markup, page
from .session import Error, Session
from .wrapper import Wrapper

# Where a page that has been kept has its nonce and its script: each response puts in its own.
NONCE = "{{yett-nonce}}"
TAG = "{{yett-tag}}"


def page_of(title: str, error: BaseException, text: str) -> str:
    """The page of an error, to be kept until somebody asks for it."""
    rendered = page.render(failure.describe(error), text, None, NONCE, title=title, tag=TAG)
    return rendered.decode("utf-8")


def application(session: Session, wrapper: Wrapper) -> asgi.Application:
    """Answers every request with why the newest code does not load, as `Session.state` knows it."""

    async def stand_in(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] != "http":
            await receive()
            return await send({"type": "websocket.close", "code": 1011})
        header = local.header_of_scope(scope)
        if not local.scope_is_local(scope, header):
            answer = wrapper.refusal(500, "Internal Server Error")
        else:
            answer = _answer(session.state().error, wrapper, header)
        return await asgi.respond(send, answer, scope["method"])

    return asgi.wrap(stand_in, wrapper)


async def _lifespan(receive: asgi.Receive, send: asgi.Send) -> None:
    while True:
        step = (await receive())["type"]
        await send({"type": f"{step}.complete"})
        if step == "lifespan.shutdown":
            return


def _answer(error: Error | None, wrapper: Wrapper, header: local.Header) -> tuple[int, page.Fields, bytes]:
    if error is None:
        # The moment between two workers.
        return wrapper.refusal(503, "The application is being loaded.\n")
    if "text/html" not in header("accept").lower():
        return wrapper.refusal(500, f"{error['title']}\n\n{error['text']}")
    nonce = page.new_nonce()
    tag = markup.element(wrapper.generation, nonce=nonce, error=error["id"]) if wrapper.reloads else ""
    # The last one is ours; what the application says is before it, and has no quotes as they stand around the nonce.
    before, _, after = error["page"].rpartition(TAG)
    body = (before + tag + after).replace(f"'{NONCE}'", f"'{nonce}'").encode("utf-8", "replace")
    return 500, page.headers(nonce, len(body)), body
