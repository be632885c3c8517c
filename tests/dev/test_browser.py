"""In a real browser: pages reload, errors are seen, and nothing on the error page runs."""

import pytest

from support.browser import needs_browser, running_browser
from support.dev import INTERFACES

pytestmark = needs_browser
SITE = """
HTML = ("content-type", "text/html; charset=utf-8")


def answer(path):
    if path.startswith("/boom"):
        markup = "<script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
        raise ValueError(markup)
    policy = [("content-security-policy", "default-src 'self'; style-src 'none'")] if path == "/policy" else []
    return 200, [HTML, *policy], [b"<html><body><h1>one</h1></body></html>"]
"""


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


HEADING = "document.querySelector('h1')?.textContent"


@pytest.mark.parametrize("path", ["/", "/policy"])
def test_a_page_follows_the_code(browser, site, path):
    server = site(SITE)
    source = (server.folder / "app.py").read_text()
    browser.open(server.url + path)
    assert browser.evaluate(HEADING) == "one"
    server.change(source.replace("<h1>one", "<h1>two"))
    browser.wait(f"{HEADING} === 'two'")
    server.change("def (")
    browser.wait("document.querySelector('yett-error') !== null")
    assert browser.evaluate(HEADING) == "two"
    server.change(source.replace("<h1>one", "<h1>three"))
    browser.wait(f"{HEADING} === 'three'")
    assert browser.evaluate("document.querySelector('yett-error') === null")


def test_an_error_page_is_left_when_the_code_is_repaired(browser, site):
    server = site(SITE)
    browser.open(server.url + "/boom")
    assert browser.evaluate(HEADING) == "ValueError"
    source = (server.folder / "app.py").read_text()
    server.change(source.replace("raise ValueError(markup)", "pass"))
    browser.wait(f"{HEADING} === 'one'")


def test_nothing_on_the_error_page_runs_and_all_of_it_fits(browser, site):
    server = site(SITE)
    attack = "%3Cscript%3Ewindow.attacked=1%3C/script%3E"
    del browser.console[:]
    browser.open(f"{server.url}/boom/{attack}?{attack}={attack}&a=<img src=x onerror=window.attacked=1>")
    assert browser.evaluate(HEADING) == "ValueError"
    assert browser.evaluate("window.attacked === undefined")
    assert browser.evaluate("document.querySelectorAll('main img, main script').length") == 0
    # Our own script ran, and our style: the policy lets them.
    assert browser.evaluate("getComputedStyle(document.querySelector('header')).borderTopWidth") == "6px"
    assert not [entry for entry in browser.console if "Content Security Policy" in entry]
    browser.command(
        "Emulation.setDeviceMetricsOverride", width=380, height=800, deviceScaleFactor=1, mobile=True
    )
    try:
        assert browser.evaluate("document.documentElement.scrollWidth") <= 380
    finally:
        browser.command("Emulation.clearDeviceMetricsOverride")


def test_the_page_of_code_that_never_loaded(browser, tmp_path):
    from support.server import ServerProcess

    (tmp_path / "app.py").write_text("import nothing_of_this_name\n")
    with ServerProcess(["dev", "app:app", "--bind", "127.0.0.1:0"], cwd=tmp_path) as server:
        browser.open(server.url)
        assert "nothing_of_this_name" in browser.evaluate("document.body.innerText")
        server.change("1 / 0\n")
        browser.wait(f"{HEADING} === 'ZeroDivisionError'")
        server.change(SITE + INTERFACES["asgi"])
        browser.wait(f"{HEADING} === 'one'")
