"""Django in one file: one view with a text, no database, and of the middleware what gives a Content-Length."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path


def hello(request):
    return HttpResponse("Hello, world!", content_type="text/plain")


settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    # The routes themselves, not a module that has them: FastPySGI imports this file without registering it.
    ROOT_URLCONF=(path("", hello),),
    SECRET_KEY="not a secret: it signs nothing",
)
app = get_wsgi_application()
