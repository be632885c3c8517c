"""The showcase (``yett demo``): one page that says what Yett is and shows it at work.

``app`` is a plain ASGI 3 application without dependencies, and an example to read:

* `application` – which path goes where, lifespan, counting
* `live` – the endpoints behind the page's panels
* `files` – the page and its parts, from ``static/``
* `web` – the few lines of HTTP that they share
"""

from .application import app

__all__ = ["app"]
