"""Applications as frameworks make them: found, and their interface recognised."""

import subprocess
import sys

import pytest

from yett import importer
from yett.errors import TargetError
from yett.interface import adapt


@pytest.fixture
def mysite(project):
    """A fresh project, as Django makes it. Names a module of it; Django wants to be set up once in a process."""
    pytest.importorskip("django")
    folder = project({})
    command = [sys.executable, "-m", "django", "startproject", "mysite", "."]
    subprocess.run(command, cwd=folder, check=True, timeout=60)
    return folder


@pytest.mark.parametrize(
    ("target", "found"),
    [("mysite.wsgi", "WSGIHandler wsgi"), ("mysite.asgi", "ASGIHandler asgi")],
)
def test_django_project(mysite, target, found):
    code = (
        "from yett import importer, interface\n"
        f"app = interface.adapt(importer.load({target!r}))\n"
        "print(type(app.call).__name__, app.interface)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=mysite, capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == found


def test_django_project_by_its_name(mysite, refused):
    error = refused("mysite")
    assert error.hint == "the package has modules in which it may be: try: yett mysite.asgi"


FLASK = "import flask\nsite = flask.Flask(__name__)\ndef create_app(): return site\n"
PYRAMID = "from pyramid.config import Configurator\nsite = Configurator().make_wsgi_app()\n"


@pytest.mark.parametrize(
    ("package", "code", "interface"),
    [
        ("flask", FLASK, "wsgi"),
        ("flask", FLASK + "site.wsgi_app = lambda environ, start_response: []\n", "wsgi"),
        ("flask", FLASK + "from asgiref.wsgi import WsgiToAsgi\nsite = WsgiToAsgi(site)\n", "asgi"),
        ("bottle", "import bottle\nsite = bottle.default_app()\n", "wsgi"),
        ("falcon", "import falcon\nsite = falcon.App()\n", "wsgi"),
        ("falcon", "import falcon.asgi\nsite = falcon.asgi.App()\n", "asgi"),
        ("pyramid", PYRAMID, "wsgi"),
        ("cherrypy", "import cherrypy\nsite = cherrypy.Application(object())\n", "wsgi"),
        ("cherrypy", "import cherrypy\nsite = cherrypy.tree\n", "wsgi"),
        ("web", "import web\nsite = web.application(('/.*', 'x'), globals()).wsgifunc()\n", "wsgi"),
        ("werkzeug", "import werkzeug\nsite = werkzeug.Request.application(lambda request: None)\n", "open"),
        ("werkzeug", "from werkzeug.debug import DebuggedApplication as D\nsite = D(None)\n", "wsgi"),
        ("webob", "import webob.dec\n@webob.dec.wsgify\ndef site(request): pass\n", "open"),
        ("starlette", "from starlette.applications import Starlette\nsite = Starlette()\n", "asgi"),
    ],
)
def test_interface(project, package, code, interface):
    pytest.importorskip(package)
    project({"oursite.py": code})
    app = importer.load("oursite:site")
    if interface == "open":
        with pytest.raises(TargetError, match="may be a WSGI or an ASGI application"):
            adapt(app)
        interface = adapt(app, "wsgi").interface
        assert interface == "wsgi"
    else:
        assert adapt(app).interface == interface


def test_flask_factory(project):
    pytest.importorskip("flask")
    project({"oursite.py": FLASK})
    assert adapt(importer.load("oursite:create_app()")).interface == "wsgi"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("oursite:Flask", "class 'Flask' is a class: its instances are applications"),
        ("oursite:create_app", "is not an application: it can be called without arguments"),
        ("oursite", "has no attribute 'application' or 'app'"),
    ],
)
def test_flask_mistaken(project, target, words):
    pytest.importorskip("flask")
    project({"oursite.py": FLASK + "from flask import Flask, current_app, request, session\n"})
    with pytest.raises(TargetError) as caught:
        adapt(importer.load(target))
    assert words in caught.value.message
    if target == "oursite":
        assert caught.value.hint == (
            "what looks like an application there: site, create_app(); try: yett oursite:site"
        )
