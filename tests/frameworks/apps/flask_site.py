"""Two Flask applications, one below the other, whose views tell what becomes of them."""

import functools
import io
import pathlib
import threading

from flask import (
    Flask,
    abort,
    g,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.middleware.dispatcher import DispatcherMiddleware


def say(*words):
    # In one piece: lines of several threads must not mix.
    print(" ".join(map(str, words)) + "\n", end="", flush=True)


site = Flask(__name__)
site.secret_key = "for tests only"
released = threading.Event()
meeting = threading.Barrier(3)


@site.before_request
def before():
    g.name = request.args.get("name")
    g.steps = ["before"]
    if "refused" in request.args:
        return "refused before the view", 403
    return None


@site.after_request
def after(response):
    g.steps.append("after")
    response.headers["X-Steps"] = " ".join(g.steps)
    if g.name:
        response.call_on_close(functools.partial(say, "closed", g.name))
    return response


@site.teardown_request
def teardown(error):
    g.steps.append("torn down" if error is None else f"torn down by {type(error).__name__}")


@site.teardown_appcontext
def last(error):
    if g.name:
        say(g.name + ":", ", ".join(g.steps))


@site.get("/steps")
def steps():
    g.steps.append("view")
    return "seen"


@site.get("/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    session["who"] = "Zoë"
    response = jsonify(visits=session["visits"])
    response.set_cookie("other", "a; b")
    return response


@site.get("/forget")
def forget():
    session.clear()
    return redirect(url_for("visits"))


@site.route("/about/<path:rest>", methods=["GET", "POST"])
def about(rest):
    return {
        "rest": rest,
        "url": request.url,
        "path": request.full_path,
        "root": request.script_root,
        "address": request.remote_addr,
        "accept": request.headers.get("Accept"),
        "length": request.content_length,
        "form": request.form.to_dict(),
        "itself": url_for("about", rest=rest, _external=True),
    }


@site.post("/sum")
def sum_up():
    numbers = request.get_json()["numbers"]
    return {"sum": sum(numbers), "numbers": numbers}, 201


@site.post("/limited")
def limited():
    request.max_content_length = 1000
    return str(len(request.get_data()))


@site.post("/unread")
def unread():
    return "not read"


@site.get("/stream")
def stream():
    @stream_with_context
    def pieces():
        try:
            yield "first"
            g.steps.append("piece")
            if request.args.get("wait"):
                released.wait()
                while request.args["wait"] == "forever":
                    yield bytes(65536)
            yield request.args["name"]
        finally:
            g.steps.append("stream closed")

    return pieces(), {"Content-Type": "text/plain"}


@site.get("/release")
def release():
    released.set()
    return ""


@site.get("/broken-stream")
def broken_stream():
    @stream_with_context
    def pieces():
        yield "first"
        raise LookupError("broken in the middle of " + request.args["name"])

    return pieces()


@site.get("/meet")
def meet():
    meeting.wait(30)
    return threading.current_thread().name


@site.get("/file/<kind>")
def file(kind):
    if kind == "memory":
        content = pathlib.Path("content.bin").read_bytes()
        return send_file(io.BytesIO(content), download_name="memory.bin", mimetype="image/png")
    source = pathlib.Path("content.bin").absolute()
    return send_file(
        open(source, "rb") if kind == "opened" else source,
        as_attachment=True,
        download_name="größe.bin",
        conditional=True,
        max_age=60,
    )


@site.get("/rest-of-file")
def rest_of_file():
    file = open("content.bin", "rb")
    file.seek(999)
    return send_file(file, download_name="rest.bin")


@site.get("/abort/<int:status>")
def abort_with(status):
    abort(status)


@site.errorhandler(418)
def teapot(error):
    return make_response({"is": "a teapot", "description": error.description}, 418)


@site.get("/fail/<name>")
def fail(name):
    raise LookupError(f"no such thing: {name}")


# A second one, whose exceptions reach the server.
open_site = Flask("open")
open_site.config["PROPAGATE_EXCEPTIONS"] = True
open_site.add_url_rule("/fail/<name>", view_func=fail)
open_site.add_url_rule("/about/<path:rest>", view_func=about)

app = DispatcherMiddleware(site, {"/open": open_site})
