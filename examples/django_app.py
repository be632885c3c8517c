"""Django in one file, its settings included.

    yett examples/django_app.py

A project made by `django-admin startproject` needs no such file: `yett mysite.asgi` serves it.
"""

import asyncio
import hashlib
import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for trying this example out"),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
)


def hello(request: HttpRequest) -> HttpResponse:
    """A sync view: Django runs it in a thread."""
    return HttpResponse(f"Hello, {request.GET.get('name', 'world')}!\n", content_type="text/plain")


async def hello_later(request: HttpRequest) -> JsonResponse:
    """An async view: it runs on the server's own event loop."""
    await asyncio.sleep(0.01)
    return JsonResponse(
        {"hello": request.GET.get("name", "world"), "loop": type(asyncio.get_running_loop()).__module__}
    )


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """`curl --data-binary @FILE …/upload`: the size and the digest of what was sent."""
    size, digest = 0, hashlib.sha256()
    # In pieces: `request.body` would hold all of it, and refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE.
    while piece := request.read(65536):
        size += len(piece)
        digest.update(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


async def count(request: HttpRequest) -> StreamingHttpResponse:
    """`curl -N …/count`: lines that arrive one by one."""

    async def lines():
        for number in range(1, 6):
            yield f"{number}\n"
            await asyncio.sleep(0.1)

    return StreamingHttpResponse(lines(), content_type="text/plain")


urlpatterns = [
    path("", hello),
    path("later", hello_later),
    path("upload", upload),
    path("count", count),
]

application = get_asgi_application()
