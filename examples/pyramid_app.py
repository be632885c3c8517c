"""Pyramid, described by the Paste file beside it.

    yett examples/pyramid.ini                       # [app:main]
    yett examples/pyramid.ini --paste-name loud     # [app:loud]

Needs: pip install pyramid. It brings pserve, and `pserve examples/pyramid.ini` starts Yett as well.
"""

import logging

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.view import view_config

log = logging.getLogger(__name__)


@view_config(route_name="hello", renderer="json")
def hello(request: Request) -> dict[str, str]:
    name = request.matchdict["name"]
    log.info("greeting %s", name)
    return {"text": request.registry.settings["greeting"].format(name)}


def main(global_config, **settings):
    """The application of a section; `settings` are its lines."""
    with Configurator(settings=settings) as config:
        config.add_route("hello", "/hello/{name}")
        config.scan()
    return config.make_wsgi_app()
