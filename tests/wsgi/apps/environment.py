"""Tells the environ as a Python literal: objects by the name of their type."""


def app(environ, start_response):
    shown = {
        key: value if isinstance(value, (str, bool, tuple)) else type(value).__name__
        for key, value in environ.items()
    }
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [repr(shown).encode()]
