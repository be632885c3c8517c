"""An application that breaks a rule which only the checkers know: its header's name ends in a hyphen."""

from wsgiref.validate import validator

from webtest.lint import middleware


def careless(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Careless-", "1")])
    return [b"careless"]


WRAPPED = {"/validator": validator(careless), "/lint": middleware(careless)}


def app(environ, start_response):
    return WRAPPED[environ["PATH_INFO"]](environ, start_response)
