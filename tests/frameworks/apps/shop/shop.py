"""A Pyramid application, and a filter for it, as production.ini puts them together."""

import hashlib
import logging
import threading

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPForbidden, HTTPFound
from pyramid.response import FileIter, FileResponse, Response
from pyramid.session import SignedCookieSessionFactory

released = threading.Event()
log = logging.getLogger("shop")


def say(*words):
    # In one piece: lines of several threads must not mix.
    print(" ".join(map(str, words)) + "\n", end="", flush=True)


def about(request):
    log.info("asked about %s", request.matchdict["rest"])
    return {
        "rest": request.matchdict["rest"],
        "url": request.url,
        "itself": request.current_route_url(),
        "query": request.GET.getall("q"),
        "address": request.client_addr,
        "script": request.script_name,
        "header": request.headers.get("X-Test"),
        "cookies": dict(request.cookies),
        "greeting": request.registry.settings["shop.greeting"],
        "filtered": request.environ.get("shop.filter"),
    }


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return request.session["visits"]


def token(request):
    return request.session.get_csrf_token()


def protected(request):
    return "done"


def form(request):
    file = request.POST["f"]
    digest = hashlib.sha256()
    while piece := file.file.read(65536):
        digest.update(piece)
    return {"title": request.POST["title"], "name": file.filename, "sha256": digest.hexdigest()}


def sum_up(request):
    request.response.status = 201
    return {"sum": sum(request.json_body["numbers"])}


def digest(request):
    digest = hashlib.sha256()
    while piece := request.body_file.read(65536):
        digest.update(piece)
    return digest.hexdigest()


def file(request):
    return FileResponse("content.bin", request=request, content_type="application/x-test")


def opened(request):
    file = open("content.bin", "rb")
    file.seek(500)
    return Response(app_iter=FileIter(file))


def stream(request):
    kind = request.matchdict["kind"]

    def pieces():
        try:
            yield b"first"
            released.wait()
            while kind == "endless":
                yield bytes(65536)
            if kind == "broken":
                raise LookupError("broken in the middle")
            yield b"second"
        finally:
            say(f"the {kind} stream was closed")

    return Response(app_iter=pieces())


def release(request):
    released.set()
    return ""


def moved(request):
    raise HTTPFound(request.route_url("about", rest="again"))


def forbidden(request):
    raise HTTPForbidden("not for you")


def fail(request):
    request.add_finished_callback(lambda request: say("finished:", request.matchdict["name"]))
    raise LookupError(f"no such thing: {request.matchdict['name']}")


def nothing_there(request):
    request.response.status = 404
    return {"missing": request.path}


def divide(request):
    return 1 // 0


def failed(error, request):
    request.response.status = 503
    return {"failed": str(error)}


VIEWS = {
    "about/{rest:.*}": about,
    "visits": visits,
    "token": token,
    "form": form,
    "sum": sum_up,
    "digest": digest,
    "file": file,
    "opened": opened,
    "stream/{kind}": stream,
    "release": release,
    "moved": moved,
    "forbidden": forbidden,
    "divide": divide,
    "fail/{name}": fail,
}


def main(global_config, **settings):
    config = Configurator(settings=settings)
    config.set_session_factory(SignedCookieSessionFactory("for tests only"))
    for pattern, view in VIEWS.items():
        name = pattern.partition("/")[0]
        config.add_route(name, "/" + pattern)
        config.add_view(view, route_name=name, renderer="json", require_csrf=False)
    config.add_route("protected", "/protected")
    config.add_view(protected, route_name="protected", renderer="json", require_csrf=True)
    config.add_notfound_view(nothing_there, renderer="json")
    config.add_exception_view(failed, context=ZeroDivisionError, renderer="json")
    config.add_static_view("static", global_config["here"])
    say("made in", global_config["here"], "for", settings["shop.greeting"])
    return config.make_wsgi_app()


def filter_factory(global_config, mark):
    """Tells the application behind it what the ini file calls the filter's mark."""

    def wrapped(app):
        def filtered(environ, start_response):
            environ["shop.filter"] = mark
            return app(environ, start_response)

        return filtered

    return wrapped
