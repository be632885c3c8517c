"""Views of a Django project: what the tests ask of it beside the admin."""

import hashlib
import tempfile
import threading

from django.conf import settings
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.core.files import File
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt

released = threading.Event()
CONTENT = settings.BASE_DIR / "content.bin"


def say(*words):
    # In one piece: lines of several threads must not mix.
    print(" ".join(map(str, words)) + "\n", end="", flush=True)


@receiver(request_finished)
def finished(sender, **more):
    say("request finished in", threading.current_thread().name)


def about(request, name=""):
    return JsonResponse(
        {
            "name": name,
            "query": request.GET.getlist("q"),
            "uri": request.build_absolute_uri(),
            "itself": reverse("about", args=[name]),
            "address": request.META["REMOTE_ADDR"],
            "secure": request.is_secure(),
            "header": request.headers.get("X-Test"),
            "cookies": request.COOKIES,
        }
    )


@csrf_exempt
def form(request):
    [file] = request.FILES.values()
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    return JsonResponse(
        {
            "name": file.name,
            "size": file.size,
            "title": request.POST["title"],
            "sha256": digest.hexdigest(),
            "kept": type(file).__name__,
        }
    )


@csrf_exempt
def raw(request):
    digest = hashlib.sha256()
    first = request.read(4)
    say("read:", first.decode())
    digest.update(first)
    while piece := request.read(65536):
        digest.update(piece)
    return JsonResponse({"sha256": digest.hexdigest()})


def stream(request):
    def pieces():
        try:
            yield b"first"
            released.wait()
            yield b""
            yield "zwölf"
        finally:
            say("the stream was closed")

    return StreamingHttpResponse(pieces(), headers={"X-Kind": "stream"})


def endless(request):
    def pieces():
        try:
            yield b"first"
            released.wait()
            while True:
                yield bytes(65536)
        finally:
            say("the endless stream was closed")

    return StreamingHttpResponse(pieces())


def release(request):
    released.set()
    return HttpResponse("")


def broken_stream(request):
    def pieces():
        yield b"first"
        raise ZeroDivisionError("in the middle")

    return StreamingHttpResponse(pieces())


def fail(request):
    secret_of_the_view = 42 * 1001
    if secret_of_the_view:
        raise ZeroDivisionError("the view's own <mistake>")


class Told:
    """A file that tells when it is closed."""

    def __init__(self, file, name):
        self._file, self._name = file, name

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __iter__(self):
        return iter(self._file)

    def close(self):
        self._file.close()
        say("closed", self._name)


def file(request, kind):
    if kind == "memory":
        import io

        return FileResponse(io.BytesIO(CONTENT.read_bytes()), filename="memory.bin")
    if kind == "temporary":
        file = tempfile.NamedTemporaryFile()
        file.write(CONTENT.read_bytes())
        file.seek(0)
        return FileResponse(file, filename="temporary.bin")
    file = open(CONTENT, "rb")
    if kind == "offset":
        file.seek(1000)
    if kind == "wrapped":
        file = File(file)
    if kind == "told":
        file = Told(file, request.GET["name"])
    return FileResponse(file, as_attachment=True, filename="größe.bin")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("about/<name>", about, name="about"),
    path("form", form),
    path("raw", raw),
    path("stream", stream),
    path("endless", endless),
    path("release", release),
    path("broken-stream", broken_stream),
    path("fail", fail),
    path("file/<kind>", file),
    *staticfiles_urlpatterns(),
]
