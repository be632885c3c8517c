"""`yett --config gunicorn.conf.py`: a file of Gunicorn's as it is, with its server hooks."""

import json
import signal
import textwrap

import pytest

from support import Client, ServerProcess
from support.command import run_yett
from support.wait import wait_until

WRONG_USAGE, STARTUP_FAILED = 2, 3
# Those with which a server without a supervisor does, the first four on the way up.
HOOKS = ("on_starting", "post_fork", "post_worker_init", "when_ready", "worker_int", "worker_exit", "on_exit")
WSGI = """
    note("imported")

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        return [b"hi"]
"""
ASGI = """
    note("imported")

    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            while (message := await receive())["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            note("shut down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"hi"})
"""
# For the configuration and the application: a line in a file for each thing that happens, in their order.
NOTES = """
    def note(text):
        with open("notes", "a") as file:
            print(text, file=file)
"""
RECORDING = """
    bind = "unix:socket"
    wsgi_app = "shop"
    workers = 1

    def on_starting(server): note("on_starting")
    def nworkers_changed(server, new, old): note(f"nworkers_changed {old} {new}")
    def pre_fork(server, worker): note("pre_fork")
    def post_fork(server, worker): note("post_fork")
    def post_worker_init(worker): note("post_worker_init")
    def when_ready(server): note("when_ready")
    def on_reload(server): note("on_reload")
    def worker_int(worker): note("worker_int")
    def worker_exit(server, worker): note("worker_exit")
    def child_exit(server, worker): note("child_exit")
    def on_exit(server): note("on_exit")
"""
BEFORE_THE_IMPORT = ["on_starting", "nworkers_changed None 1", "pre_fork", "post_fork"]
AFTER_THE_END = ["worker_exit", "child_exit", "on_exit"]


@pytest.fixture
def folder(tmp_path):
    """`folder(configuration, application)`: where both stand."""

    def make(configuration, application=WSGI):
        for name, source in (("gunicorn.conf.py", configuration), ("shop.py", application)):
            (tmp_path / name).write_text(textwrap.dedent(NOTES) + textwrap.dedent(source))
        return tmp_path

    return make


def notes(folder):
    return (folder / "notes").read_text().split("\n")[:-1]


def served(folder, *options, stop=signal.SIGTERM):
    """The log of a server that has answered one request, and its exit code."""
    with ServerProcess(["--config", "gunicorn.conf.py", *options], cwd=folder) as server:
        server.wait_for("serving on unix:socket")
        with Client(str(folder / "socket")) as client:
            assert client.get().body == b"hi"
        server.process.send_signal(stop)
        return server.process.wait(timeout=30), server


@pytest.mark.parametrize(("application", "last"), [(WSGI, []), (ASGI, ["shut down"])], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_hooks_are_called_in_their_order(folder, application, last, stop):
    where = folder(RECORDING, application)
    code, _ = served(where, stop=stop)
    assert code == 0
    interrupted = ["worker_int"] if stop == signal.SIGINT else []
    assert notes(where) == [
        *BEFORE_THE_IMPORT,
        "imported",
        "post_worker_init",
        "when_ready",
        *interrupted,
        *last,
        *AFTER_THE_END,
    ]


def test_without_a_supervisor_one_process_is_both(folder):
    where = folder(RECORDING)
    code, _ = served(where, "--no-supervisor", stop=signal.SIGINT)
    assert code == 0
    assert notes(where) == [
        "on_starting",
        "post_fork",
        "imported",
        "post_worker_init",
        "when_ready",
        "worker_int",
        "worker_exit",
        "on_exit",
    ]


NEW = """
def worker_exit(server, worker): note("worker_exit of the new file")
"""


def test_hooks_of_a_reload_and_of_several_workers(folder):
    where = folder(RECORDING)
    with ServerProcess(["--config", "gunicorn.conf.py"], cwd=where) as server:
        server.wait_for("serving on unix:socket")
        source = (where / "gunicorn.conf.py").read_text()
        (where / "gunicorn.conf.py").write_text(source.replace("workers = 1", "workers = 3") + NEW)
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through")
        assert server.stop() == 0
    found = notes(where)
    first = [*BEFORE_THE_IMPORT, "imported", "post_worker_init", "when_ready"]
    assert found[: len(first)] == first
    rest = found[len(first) :]
    assert rest[0] == "on_reload"
    # When the first of the new workers has shown that they can serve.
    assert rest[: rest.index("nworkers_changed 1 3")].count("pre_fork") == 1
    each = ("pre_fork", "post_fork", "imported", "post_worker_init")
    assert {name: rest.count(name) for name in each} == dict.fromkeys(each, 3)
    # The old worker has the old hooks.
    assert (rest.count("worker_exit"), rest.count("worker_exit of the new file")) == (1, 3)
    assert (rest.count("child_exit"), rest[-1]) == (4, "on_exit")


def test_signals_that_change_the_number_of_workers(folder):
    where = folder(RECORDING)
    with ServerProcess(["--config", "gunicorn.conf.py"], cwd=where) as server:
        server.wait_for("serving on unix:socket")
        server.signal(signal.SIGTTIN)
        server.wait_for("SIGTTIN: 2 workers from now on")
        server.signal(signal.SIGTTOU)
        server.wait_for("SIGTTOU: 1 worker from now on")
        server.signal(signal.SIGTTOU)
        server.wait_for("SIGTTOU: it stays at 1 worker")
        server.signal(signal.SIGTTIN)
        wait_until(lambda: server.log.count("SIGTTIN: 2 workers from now on") == 2, "two workers again")
        # The file says one, as before.
        server.signal(signal.SIGHUP)
        server.wait_for("reload is through")
        assert server.stop() == 0
    changes = [note for note in notes(where) if note.startswith("nworkers_changed")]
    assert changes == [f"nworkers_changed {change}" for change in ("None 1", "1 2", "2 1", "1 2", "2 1")]


def test_what_has_no_equivalent_is_logged_once(folder):
    source = RECORDING + "\n    proc_name = 'shop'\n    def pre_request(worker, request): pass\n"
    _, server = served(folder(source))
    server._reader.join()
    lines = [line for line in server.log.splitlines() if "WARNING" in line]
    assert len(lines) == 3
    assert "gunicorn.conf.py:22: proc_name: Yett does not rename its process." in lines[0]
    assert "gunicorn.conf.py:23: pre_request: " in lines[1]
    assert "thread-safe" in lines[2]


def effective(folder, *options, env=None):
    result = run_yett("config", "--json", "--config", "gunicorn.conf.py", *options, cwd=folder, env=env)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_options_and_variables_win_over_the_file(folder):
    where = folder("""
    bind = ":81"
    wsgi_app = "shop:application"
    keepalive = 5
    threads = 3
    """)
    found = effective(where, "--threads", "7", env={"YETT_KEEP_ALIVE_TIMEOUT": "9s"})
    assert found["app"]["value"] == "shop:application"
    settings = found["settings"]
    assert settings["bind"]["value"] == ["0.0.0.0:81"]
    assert settings["bind"]["where"] == "gunicorn.conf.py:6"
    assert settings["threads"]["value"] == 7
    assert settings["keep_alive_timeout"]["value"] == 9
    assert effective(where, "other:app")["app"]["value"] == "other:app"


@pytest.mark.parametrize("application", [WSGI, ASGI], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("failing", HOOKS[:4])
def test_a_hook_that_fails_on_the_way_up_ends_the_start(folder, failing, application):
    source = RECORDING + f"\n    def {failing}(*arguments): raise LookupError('no database')\n"
    where = folder(source, application)
    result = run_yett("-c", "gunicorn.conf.py", cwd=where)
    assert result.returncode == STARTUP_FAILED
    assert f"yett: error: the hook {failing} failed: LookupError: no database" in result.stderr
    assert f"in {failing}" in result.stderr
    assert "/yett/" not in result.stderr  # the traceback shows the person's own lines
    start = BEFORE_THE_IMPORT
    shut_down = ["shut down"] if application is ASGI else []
    expected = {
        "on_starting": [],
        "post_fork": [*start[:-1], "child_exit", "on_exit"],
        "post_worker_init": [*start, "imported", *AFTER_THE_END],
        "when_ready": [*start, "imported", "post_worker_init", *shut_down, *AFTER_THE_END],
    }[failing]
    assert (notes(where) if expected else []) == expected


def test_a_hook_that_fails_later_is_logged(folder):
    source = RECORDING
    for hook in HOOKS[4:]:
        source += f"\n    def {hook}(*arguments): raise LookupError('in {hook}')\n"
    code, server = served(folder(source), stop=signal.SIGINT)
    server._reader.join()
    assert code == 0
    for hook in HOOKS[4:]:
        assert f"ERROR: the hook {hook} failed" in server.log
        assert f"LookupError: in {hook}" in server.log


def test_what_hooks_look_at(folder):
    source = (
        RECORDING
        + """
    def hook_beside(server):
        server.log.critical("critical %s", 1)
        server.log.error("error %(name)s", {"name": 2})
        server.log.warning("warning")
        server.log.info("100% of info")
        server.log.debug("debug")
        try:
            1 / 0
        except ZeroDivisionError:
            server.log.exception("exception %d", 3)
        server.log.log(30, "by number")

    on_starting = "beside.hook"

    def post_worker_init(worker):
        assert (worker.age, worker.cfg.workers, worker.cfg.timeout) == (1, 1, 30)
        assert worker.app.__name__ == "application"

    def when_ready(server):
        import os
        assert (server.pid, server.address) == (os.getpid(), ["socket"])
        assert server.cfg.bind == "unix:socket"
        for thing in (server, server.cfg):
            try:
                thing.no_such_thing
            except AttributeError as error:
                assert "no_such_thing" in str(error)
    """
    )
    where = folder(source)
    (where / "beside.py").write_text("def hook(server):\n    __import__('__config__').hook_beside(server)\n")
    code, server = served(where, "--log-level", "debug")
    server._reader.join()
    assert code == 0
    for line in (
        "ERROR: critical 1",
        "ERROR: error 2",
        "WARNING: warning",
        "INFO: 100% of info",
        "DEBUG: debug",
        "ERROR: exception 3",
        "ZeroDivisionError: division by zero",
        "WARNING: by number",
    ):
        assert line in server.log


def test_environment_folder_and_path(folder):
    """`raw_env`, `chdir` and `pythonpath` are done before the application is looked for."""
    where = folder("""
    bind = "unix:socket"
    raw_env = ["SHOP=open"]
    chdir = "elsewhere"
    pythonpath = "library"
    wsgi_app = "inner:application"
    """)
    for name in ("elsewhere", "elsewhere/library"):
        (where / name).mkdir()
    (where / "elsewhere" / "library" / "helper.py").write_text(
        "import os\nassert os.environ['SHOP'] == 'open'\n"
    )
    (where / "elsewhere" / "inner.py").write_text(
        "import helper\ndef application(environ, start_response): ...\n"
    )
    result = run_yett("check", "--config", "gunicorn.conf.py", cwd=where)
    assert (result.returncode, result.stdout) == (
        0,
        "OK: inner:application is a WSGI application; the settings are valid\n",
    ), result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("    raise KeyError('SHOP_DSN')", "gunicorn.conf.py: KeyError: 'SHOP_DSN'"),
        ("    import no_such_module", "gunicorn.conf.py: ModuleNotFoundError"),
        ("    certfile = 'shop.pem'", "gunicorn.conf.py:5: certfile cannot be done without"),
        ("    protocol = 'uwsgi'", "uwsgi_pass"),
        ("    backlog = 'many'", "backlog = 'many': not a whole number"),
        ("    bind = 'no such host'", "gunicorn.conf.py:5: bind"),
        ("    when_ready = 'shop.no_such_hook'", "no_such_hook"),
        ("    raw_env = ['NOTHING']", "'NOTHING' is not NAME=value"),
        ("    bind = 8000", "gunicorn.conf.py:5: bind = 8000: a string or a list of strings is needed"),
        ("    bind = [':80', None]", "a string or a list of strings is needed"),
        ("    forwarded_allow_ips = 5", "gunicorn.conf.py:5: forwarded_allow_ips = 5: a string or"),
        ("    raw_env = lambda: []", "gunicorn.conf.py:5: def raw_env(…): a string or"),
        ("    pythonpath = 5", "gunicorn.conf.py:5: pythonpath = 5: a string or"),
        ("    secure_scheme_headers = 'x'", "gunicorn.conf.py:5: secure_scheme_headers = 'x': a dictionary"),
        ("    graceful_timeout = float('inf')", "gunicorn.conf.py: graceful_timeout = inf: not a number of"),
        ("    root_path = b'/x'", "gunicorn.conf.py:5: root_path = b'/x': a string or a number is needed"),
        (
            "    class E:\n        __repr__ = None\n    bind = E()",
            "gunicorn.conf.py:7: bind = …: a string or",
        ),
    ],
)
def test_a_file_that_cannot_be_used(folder, source, message):
    where = folder(source, "    def application(environ, start_response): ...")
    result = run_yett("shop", "--config", "gunicorn.conf.py", cwd=where)
    assert result.returncode == WRONG_USAGE
    assert result.stderr.count("yett: error: ") == 1
    assert message in result.stderr
    assert "/yett/" not in result.stderr  # no traceback of ours


def test_a_folder_is_no_configuration(tmp_path):
    (tmp_path / "gunicorn.conf.py").mkdir()
    result = run_yett("shop", "--config", "gunicorn.conf.py", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (
        WRONG_USAGE,
        "yett: error: gunicorn.conf.py: Is a directory\n",
    )


def test_ctrl_c_while_the_file_runs(folder):
    result = run_yett("shop", "--config", "gunicorn.conf.py", cwd=folder("    raise KeyboardInterrupt"))
    assert (result.returncode, result.stderr) == (130, "")


def test_a_hook_that_exits_has_failed(folder):
    where = folder("    def on_starting(server): raise SystemExit(9)")
    result = run_yett("shop", "--config", "gunicorn.conf.py", cwd=where)
    assert result.returncode == STARTUP_FAILED
    assert "yett: error: the hook on_starting failed: SystemExit: 9" in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = run_yett("shop", "--config", "gunicorn.conf.py", cwd=tmp_path)
    assert result.returncode == WRONG_USAGE
    assert "gunicorn.conf.py: no such file" in result.stderr


def test_the_variable_with_gunicorns_options_is_told_of(folder):
    where = folder("    wsgi_app = 'shop'")
    result = run_yett("check", "-c", "gunicorn.conf.py", cwd=where, env={"GUNICORN_CMD_ARGS": "-b :1"})
    assert result.returncode == 0
    assert "WARNING: GUNICORN_CMD_ARGS is left alone" in result.stderr


def test_what_gunicorn_takes_from_the_environment(folder):
    where = folder("    wsgi_app = 'shop'")
    found = effective(where, env={"PORT": "5000", "FORWARDED_ALLOW_IPS": "10.0.0.1"})["settings"]
    assert found["bind"]["value"] == ["0.0.0.0:5000"]
    assert found["trusted_proxies"]["value"] == ["10.0.0.1", "unix"]
