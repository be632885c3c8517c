"""Modules, files and attributes that are not there, or are no application: what a person is told."""

import sys

import pytest

from yett import importer

APP = "async def app(scope, receive, send): pass\n"


def named(target: str) -> str:
    return importer.load(target).__name__


def test_mistyped_module_here(project, refused):
    project({"app.py": APP})
    error = refused("ap:app")
    assert error.message == "no module named 'ap' (did you mean 'app'? there is app.py here)"
    assert error.hint == "try: yett app:app"
    assert error.traceback is None


def test_mistyped_package_here_whatever_its_case(project, refused):
    project({"website/__init__.py": "", "website/views.py": APP})
    assert "did you mean 'website'?" in refused("WEBSITE.views:app").message
    error = refused("Webiste.views:make()")
    assert "did you mean 'website'? there is website/ here" in error.message
    assert error.hint == "try: yett 'website.views:make()'"


def test_mistyped_submodule(project, refused):
    project({"pkg/__init__.py": "", "pkg/asgi.py": APP})
    error = refused("pkg.agsi:app")
    assert error.message == "no module named 'pkg.agsi' (did you mean 'asgi'?)"
    assert error.hint == "try: yett pkg.asgi:app"


def test_mistyped_installed_module(project, refused):
    project({})
    assert "did you mean 'pytest'" in refused("pytets:app").message


def test_module_one_folder_down(project, refused):
    project({"src/zzzyyyxxx.py": APP})
    error = refused("zzzyyyxxx:app")
    assert error.message == "no module named 'zzzyyyxxx' here (there is src/zzzyyyxxx.py)"
    assert error.hint == "try: yett src/zzzyyyxxx.py:app"


def test_dot_where_a_colon_belongs(project, refused):
    project({"web.py": APP})
    error = refused("web.app")
    assert "'web' is a module, not a package" in error.message
    assert error.hint == "with a colon it is an attribute: yett web:app"


def test_nothing_near(project, refused):
    folder = project({"web.py": APP})
    error = refused("zzzyyyxxx:app")
    assert error.message == "no module named 'zzzyyyxxx'"
    assert str(folder) in (error.hint or "")


def test_a_missing_module_that_they_import_is_their_error(project, refused):
    project({"web.py": "import nowhere_to_be_found\n" + APP})
    error = refused("web:app")
    assert (
        error.message == "importing 'web' failed: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    )
    assert sys.executable in (error.hint or "")
    assert "import nowhere_to_be_found" in (error.traceback or "")


def test_a_missing_submodule_of_the_same_name_is_their_error_too(project, refused):
    project({"pkg/__init__.py": "import pkg.web", "other.py": ""})
    error = refused("pkg.web:app")
    assert error.message.startswith("importing 'pkg.web' failed")
    assert "import pkg.web" in (error.traceback or "")


def test_mistyped_file(project, refused):
    project({"sites/web.py": APP})
    error = refused("sites/wep.py:app")
    assert error.message == "no file 'sites/wep.py' (did you mean 'web.py'?)"
    assert error.hint == "try: yett sites/web.py:app"


def test_file_without_its_suffix(project, refused):
    project({"sites/web.py": APP})
    assert refused("sites/web:app").hint == "try: yett sites/web.py:app"


def test_no_such_folder(project, refused):
    project({"sites/web.py": APP})
    assert "there is no folder 'site'" in refused("site/web.py:app").message


def test_folder(project, refused):
    project({"sites/web.py": APP})
    error = refused("sites/")
    assert "is a folder" in error.message
    assert "sites/web.py" in (error.hint or "")


def test_not_a_python_file(project, refused):
    project({"sites/site.txt": ""})
    assert "is not a Python file" in refused("sites/site.txt").message


def test_file_with_the_name_of_a_loaded_module(project, refused):
    project({"json.py": APP})
    import json

    error = refused("json.py:app")
    assert str(json.__file__) in error.message
    assert error.hint == "rename the file"


def test_file_with_a_dot_in_its_name(project, refused):
    project({"web.v2.py": APP})
    assert "there is a dot in its name" in refused("web.v2.py:app").message


def test_mistyped_attribute(project, refused):
    project({"web.py": APP.replace("app", "website")})
    error = refused("web:webste")
    assert error.message == "module 'web' has no attribute 'webste' (did you mean 'website'?)"
    assert "try: yett web:website" in (error.hint or "")


def test_applications_are_listed(project, refused):
    project(
        {
            "web.py": """
            class Site:
                async def __call__(self, scope, receive, send): pass
            async def view(request): pass
            async def api(scope, receive, send): pass
            site = Site()
            def wsgi(environ, start_response): pass
            def add(first, second): pass
            def create_app(debug=False): return site
            def get_apples(count): pass
            """
        }
    )
    error = refused("web")
    assert error.message == "module 'web' has no attribute 'application' or 'app'"
    assert (
        error.hint == "what looks like an application there: api, site, wsgi, create_app(); try: yett web:api"
    )


def test_inner_attribute_is_missing(project, refused):
    project({"web.py": "class Container:\n    inner = 1"})
    assert (
        "'Container' in module 'web' has no attribute 'iner' (did you mean 'inner'?)"
        in refused("web:Container.iner").message
    )


def test_attribute_that_raises(project, refused):
    project({"web.py": "def __getattr__(name):\n    raise ValueError(name)"})
    for target in ("web:thing", "web"):
        error = refused(target)
        assert "ValueError" in error.message
        assert "raise ValueError(name)" in (error.traceback or "")


@pytest.mark.parametrize(
    ("value", "words"),
    [("'text'", "it is a str"), ("None", "it is None"), ("[]", "it is a list"), ("3", "it is an int")],
)
def test_not_callable(project, refused, value, words):
    project({"web.py": f"thing = {value}"})
    error = refused("web:thing")
    assert words in error.message
    assert "'thing' is not an application" in error.message


def test_module_given_as_application(project, refused):
    project({"pkg/__init__.py": "from . import web", "pkg/web.py": APP})
    error = refused("pkg:web")
    assert "it is module 'pkg.web'" in error.message
    assert error.hint == "try: yett pkg.web"


@pytest.mark.parametrize(
    "code",
    [
        "def make(): return 1",
        "def make(debug=False): return 1",
        "class make:\n    async def __call__(self, s, r, e): pass",
    ],
)
def test_factory_without_parentheses(project, refused, code):
    project({"web.py": code})
    error = refused("web:make")
    assert "is not an application: it can be called without arguments" in error.message
    assert error.hint == "if it makes the application, add (): yett 'web:make()'"


@pytest.mark.parametrize(
    "code",
    [
        "def app(*args): pass",
        "def app(scope): pass",
        "def app(environ, start_response): pass",
        "def app(environ=None, start_response=None): pass",
        "async def app(scope, receive, send, extra=None): pass",
        "class app:\n    def __init__(self, scope): pass",
    ],
)
def test_applications_are_not_taken_for_factories(project, code):
    project({"web.py": code})
    assert named("web:app") == "app"
