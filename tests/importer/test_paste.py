"""Paste files: which application of them is served, what is set up before, and what is said when they are wrong."""

import importlib.util
import logging
import sys

import pytest

from yett import importer
from yett.errors import TargetError

pytest.importorskip("paste.deploy")

SHOP = """
    class Shop:
        def __init__(self, options, inner=None):
            self.options, self.inner = options, inner
        def __call__(self, environ, start_response):
            return []
    def make(global_conf, **options):
        return Shop({**global_conf, **options})
    def make_filter(global_conf, **options):
        return lambda app: Shop(options, app)
    def make_parts(loader, global_conf, **options):
        return Shop(options, loader.get_app('other', global_conf))
    def fail(global_conf):
        return helper()
    def helper():
        raise LookupError('no database')
    def leave(global_conf):
        raise SystemExit(3)
    def nothing(global_conf):
        pass
    def interrupted(global_conf):
        raise KeyboardInterrupt
"""
INI = """
    [DEFAULT]
    colour = green
    [app:main]
    paste.app_factory = shop:make
    name = first
    beside = %(here)s/data
    [app:other]
    use = call:shop:make
    name = second
    set colour = red
    [filter:outer]
    paste.filter_factory = shop:make_filter
    name = around
    [pipeline:all]
    pipeline = outer other
    [composite:parts]
    use = call:shop:make_parts
    name = together
    [server:main]
    use = egg:waitress
"""

LOGGING = """
    [loggers]
    keys = root
    [handlers]
    keys = file
    [formatters]
    keys = short
    [logger_root]
    level = INFO
    handlers = file
    [handler_file]
    class = FileHandler
    args = ('%(here)s/site.log', 'w')
    formatter = short
    [formatter_short]
    format = BY-THE-FILE %(name)s: %(message)s
"""


@pytest.fixture
def shop(project):
    """`shop(text)`: writes site.ini, with the module `shop` beside it, into the current folder; the folder."""

    def write(text=INI, **files):
        return project({"shop.py": SHOP, "site.ini": text, **files})

    return write


@pytest.fixture
def root_logger():
    """The root logger as it was, when the test ends."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_the_main_application_and_its_settings(shop):
    folder = shop()
    options = importer.load("site.ini").options
    assert options["name"] == "first"
    assert options["beside"] == f"{folder}/data"
    assert options["__file__"] == f"{folder}/site.ini"
    assert options["colour"] == "green"


@pytest.mark.parametrize(
    ("target", "paste_name", "name"),
    [
        ("site.ini", "other", "second"),
        ("site.ini#other", "main", "second"),
        ("site.ini#other", "all", "second"),
        ("site.ini#main", "other", "first"),
        ("site.ini", "all", "around"),
        ("site.ini#parts", "main", "together"),
        ("site.ini#config:site.ini", "main", "first"),
    ],
)
def test_another_application(shop, target, paste_name, name):
    shop()
    assert importer.load(target, paste_name=paste_name).options["name"] == name


def test_a_pipeline(shop):
    shop()
    outer = importer.load("site.ini#all")
    assert (outer.inner.options["name"], outer.inner.options["colour"]) == ("second", "red")


@pytest.mark.parametrize("section", ["application:main", "app: main"])
def test_other_spellings_of_main(shop, section):
    shop(f"[{section}]\npaste.app_factory = shop:make\nname = it")
    assert importer.load("site.ini").options["name"] == "it"


def test_the_folder_of_the_file_can_be_imported_from(project):
    folder = project({"my #1 sites/shop.py": SHOP, "my #1 sites/site.ini": INI})
    assert importer.load("my #1 sites/site.ini").options["name"] == "first"
    assert sys.path[0] == f"{folder}/my #1 sites"


def test_logging_is_set_up_before_the_application_is_made(project, root_logger, tmp_path):
    existing = logging.getLogger("existing-before")
    project(
        {
            "shop.py": SHOP + "    import logging\n    logging.getLogger('shop').info('made')\n",
            "site.ini": INI + LOGGING,
        }
    )
    importer.load("site.ini")
    assert not existing.disabled
    for handler in root_logger.handlers:
        handler.flush()
    assert (tmp_path / "site.log").read_text() == "BY-THE-FILE shop: made\n"


@pytest.mark.parametrize("logging", ["", LOGGING])
def test_names_of_options_are_taken_as_they_are_written(shop, root_logger, logging):
    """As PasteDeploy does, so that two may differ in case only."""
    shop(INI.replace("name = first", "name = first\n    debug = lower\n    Debug = Upper") + logging)
    options = importer.load("site.ini").options
    assert (options["debug"], options["Debug"]) == ("lower", "Upper")


def test_an_option_that_is_given_twice(shop, refused):
    shop(INI.replace("name = first", "name = first\n    name = again") + LOGGING)
    assert "option 'name' in section 'app:main' already exists" in refused("site.ini").message


def test_logging_is_left_alone_without_a_section(shop, root_logger):
    shop()
    before = list(root_logger.handlers)
    importer.load("site.ini")
    assert root_logger.handlers == before


def test_logging_that_cannot_be_set_up(shop, refused):
    shop(INI + "    [loggers]\n    keys = root\n")
    error = refused("site.ini")
    assert error.message.startswith("the logging that 'site.ini' asks for cannot be set up: ")
    assert "[formatters]" in (error.hint or "")


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        (
            "site.ini#mian",
            "no application 'mian' in 'site.ini' (did you mean 'main'?)",
            "it has 'main', 'other', 'all', 'parts'; try: yett site.ini",
        ),
        (
            "site.ini#othr",
            "no application 'othr' in 'site.ini' (did you mean 'other'?)",
            "it has 'main', 'other', 'all', 'parts'; try: yett --paste-name other site.ini",
        ),
        (
            "site.ini#outer",  # a filter
            "no application 'outer' in 'site.ini' (did you mean 'other'?)",
            "it has 'main', 'other', 'all', 'parts'; try: yett --paste-name other site.ini",
        ),
        ("sit.ini", "no file 'sit.ini' (did you mean 'site.ini'?)", "try: yett site.ini"),
        (
            "site.ini:other",
            "'site.ini' is a Paste file, in which an application is named after a #",
            "try: yett site.ini#other",
        ),
        ("site.ini#", "nothing after the # of 'site.ini#'", "try: yett site.ini"),
    ],
)
def test_mistyped(shop, refused, target, message, hint):
    shop()
    error = refused(target)
    assert (error.message, error.hint, error.traceback) == (message, hint, None)


def test_no_such_file_nor_any_like_it(project, refused):
    folder = project({})
    error = refused("production.ini")
    assert (error.message, error.hint) == ("no file 'production.ini'", f"it is looked for in {folder}")


def test_no_application_at_all(shop, refused):
    shop("[server:main]\nuse = egg:waitress")
    error = refused("site.ini")
    assert error.message == "no application 'main' in 'site.ini'"
    assert "[app:main]" in (error.hint or "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[app:main]\nno value here", "cannot be read: .*line +2"),
        ("[app:main]\na = 1\na = 2", "cannot be read: .*line +3.*already exists"),
        ("name = value", "cannot be read: .*no section headers"),
        ("[app:main]", "'main' in 'site.ini' cannot be loaded: LookupError: No loader given"),
        ("[app:main]\nuse = egg:not-installed", "cannot be loaded: .*not-installed"),
        ("[app:main]\nuse = missing", "cannot be loaded: LookupError: No section 'missing'"),
        ("[app:main]\npaste.app_factory = nowhere:make", "cannot be loaded: ModuleNotFoundError"),
        ("[app:main]\npaste.app_factory = shop:mak", "cannot be loaded: AttributeError: .*'mak'"),
        ("[app:main]\npaste.app_factory = shop:make\nx = %(no)s", "cannot be loaded: .*option 'x'"),
        ("[app:main]\npaste.app_factory = shop:fail\nx = 1", "cannot be loaded: TypeError: .*'x'"),
    ],
)
def test_a_wrong_file_is_a_message_without_a_traceback(shop, refused, text, words):
    shop(text)
    error = refused("site.ini")
    with pytest.raises(TargetError, match=words):
        raise error
    assert error.traceback is None


@pytest.mark.parametrize("use", ["egg:not-installed", "call:nowhere:make"])
def test_what_is_not_installed_is_said(shop, refused, use):
    shop(f"[app:main]\nuse = {use}")
    assert f"installed for this Python, {sys.executable}" in (refused("site.ini").hint or "")


def test_a_factory_that_fails(shop, refused):
    shop("[app:main]\npaste.app_factory = shop:fail")
    error = refused("site.ini")
    assert error.message == "loading 'main' from 'site.ini' failed: LookupError: no database"
    lines = (error.traceback or "").splitlines()
    assert sum("File" in line for line in lines) == 2
    assert any("return helper()" in line for line in lines)


def test_a_module_that_fails(shop, refused):
    shop("[app:main]\npaste.app_factory = broken:make", **{"broken.py": "import nowhere_to_be_found"})
    error = refused("site.ini")
    assert error.message.startswith("loading 'main' from 'site.ini' failed: ModuleNotFoundError: ")
    assert "import nowhere_to_be_found" in (error.traceback or "")


def test_a_factory_that_exits(shop, refused):
    shop("[app:main]\npaste.app_factory = shop:leave")
    error = refused("site.ini")
    assert error.message == "loading 'main' from 'site.ini' failed: SystemExit: 3"
    assert error.hint == "a factory that is served must not exit"


def test_a_factory_that_is_interrupted(shop):
    shop("[app:main]\npaste.app_factory = shop:interrupted")
    with pytest.raises(KeyboardInterrupt):
        importer.load("site.ini")


def test_a_factory_that_returns_nothing(shop, refused):
    shop("[app:main]\npaste.app_factory = shop:nothing")
    error = refused("site.ini")
    assert "what 'main' in 'site.ini' made is not an application: it is None" in error.message
    assert "return app" in (error.hint or "")


def test_without_pastedeploy(shop, refused, monkeypatch):
    shop()
    assert importlib.util.find_spec("paste.deploy") is not None
    monkeypatch.setitem(sys.modules, "paste.deploy.loadwsgi", None)
    error = refused("site.ini")
    assert error.message.startswith("a Paste file needs PasteDeploy")
    assert "pip install PasteDeploy" in (error.hint or "")
