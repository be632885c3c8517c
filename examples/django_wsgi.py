"""Django over WSGI in one file, its settings included.

    yett examples/django_wsgi.py

A project made by `django-admin startproject` needs no such file: `yett mysite.wsgi` serves it. With async views, take
`mysite.asgi` (see django_app.py).
"""

import hashlib
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for trying this example out"),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
)


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Hello, {request.GET.get('name', 'world')}!\n", content_type="text/plain")


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """`curl --data-binary @FILE …/upload`: the size and the digest. Yett has all of it before the view runs."""
    size, digest = 0, hashlib.sha256()
    # In pieces: `request.body` would hold all of it, and refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE.
    while piece := request.read(65536):
        size += len(piece)
        digest.update(piece)
    return JsonResponse({"size": size, "sha256": digest.hexdigest()})


def source(request: HttpRequest) -> FileResponse:
    """This file. Django hands it to `wsgi.file_wrapper`, and the kernel sends it."""
    return FileResponse(open(__file__, "rb"), content_type="text/plain")


urlpatterns = [
    path("", hello),
    path("upload", upload),
    path("source", source),
]

application = get_wsgi_application()
