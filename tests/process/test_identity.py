"""`--user` and `--group`. What only root can do is tested where root runs the tests."""

import grp
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from support import Client, ServerProcess
from support.command import run_python, run_yett
from support.wait import wait_until

WRONG_USAGE = 2
NOBODY = pwd.getpwnam("nobody")
APP = """
import os

def app(environ, start_response):
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/groups":
        return [repr(sorted(os.getgroups())).encode()]
    if environ["PATH_INFO"] == "/root":
        try:
            os.seteuid(0)
        except PermissionError:
            return [b"refused"]
    return [repr((os.getresuid(), os.getresgid(), IMPORTED_BY)).encode()]

IMPORTED_BY = os.getuid()
"""
KINDS = pytest.mark.parametrize(
    "options",
    [["--workers", "2"], ["--no-supervisor"], ["--preload"]],
    ids=["supervised", "alone", "preload"],
)


def can_be_nobody():
    """Whether that user may read this interpreter, and what it imports."""
    if os.geteuid() != 0:
        return False
    probe = [sys.executable, "-c", "import wsgiref.util, yett._core, asyncio"]
    try:
        return subprocess.run(probe, user="nobody", cwd="/", capture_output=True, check=False).returncode == 0
    except OSError:
        return False


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
as_nobody = pytest.mark.skipif(not can_be_nobody(), reason="the user nobody cannot run this interpreter")


@pytest.fixture
def folder():
    """A folder that everybody may enter; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        (Path(path) / "app.py").write_text(APP)
        yield Path(path)


def started(folder, *options):
    server = ServerProcess(["app:app", "-b", "unix:socket", *options], cwd=folder)
    server.wait_for("serving on unix:socket")
    return server


def asked(folder, path="/"):
    with Client(str(folder / "socket")) as client:
        return client.get(path).body.decode()


@as_nobody
@KINDS
@pytest.mark.parametrize("user", ["nobody", str(NOBODY.pw_uid)])
def test_the_application_is_imported_and_run_as_this_user_for_good(folder, options, user):
    with started(folder, "--user", user, *options) as server:
        uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
        assert asked(folder) == repr(((uid,) * 3, (gid,) * 3, uid))
        assert asked(folder, "/groups") == repr(sorted(os.getgrouplist("nobody", gid)))
        assert asked(folder, "/root") == "refused"
        assert server.stop() == 0
        if options != ["--no-supervisor"]:
            # Who made it may remove it.
            assert not (folder / "socket").exists()


@as_nobody
@KINDS
def test_logs_and_sockets_are_theirs(folder, options):
    (folder / "logs").mkdir()
    if options == ["--no-supervisor"]:
        # Otherwise the supervisor makes them.
        os.chown(folder / "logs", NOBODY.pw_uid, -1)
    logs = [
        "--access-log",
        "logs/access",
        "--error-log",
        "logs/errors",
        "--unix-mode",
        "600",
        "--user",
        "nobody",
    ]
    server = ServerProcess(["app:app", "-b", "unix:socket", *logs, *options], cwd=folder)
    with server:
        wait_until((folder / "logs" / "errors").exists, "the log is opened")
        wait_until(lambda: "serving on" in (folder / "logs" / "errors").read_text(), "it serves")
        found = (folder / "socket").stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY.pw_uid, NOBODY.pw_gid, 0o600)
        for name in ("access", "errors"):
            assert (folder / "logs" / name).stat().st_uid == NOBODY.pw_uid
            (folder / "logs" / name).rename(folder / "logs" / f"{name}.1")
        server.signal(signal.SIGUSR1)

        def reopened():
            asked(folder)
            access = folder / "logs" / "access"
            return access.exists() and "GET / HTTP" in access.read_text()

        wait_until(reopened, "the access log is another file")
        for name in ("access", "errors"):
            assert (folder / "logs" / name).stat().st_uid == NOBODY.pw_uid
        assert server.stop() == 0


@as_root
@KINDS
def test_a_group_alone(folder, options):
    gid = NOBODY.pw_gid
    with started(folder, "--group", str(gid), *options) as server:
        me = os.getuid()
        assert asked(folder) == repr(((me,) * 3, (gid,) * 3, me))
        assert server.stop() == 0


@as_root
def test_being_dropped_is_for_good_and_takes_all_groups():
    """Also where the interpreter cannot be read by others: the functions alone, all imported before."""
    source = """
        import os
        from yett import _core, process
        process.drop_privileges(_core.Settings(user="nobody"))
        print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))
        try:
            os.setuid(0)
        except PermissionError:
            print("refused")
    """
    result = run_python("-c", textwrap.dedent(source), cwd=Path("/"))
    uid, gid = NOBODY.pw_uid, NOBODY.pw_gid
    groups = sorted(os.getgrouplist("nobody", gid))
    assert (result.stdout, result.stderr) == (f"{(uid,) * 3} {(gid,) * 3} {groups}\nrefused\n", "")


@as_root
def test_files_of_others_are_not_given_away(folder):
    """A link, and a file that has a second name, may be another's trap."""
    (folder / "secret").write_text("")
    (folder / "link").symlink_to("secret")
    os.link(folder / "secret", folder / "second")
    (folder / "plain").write_text("")
    source = """
        from yett import _core, process
        for name in ("link", "second", "plain", "missing"):
            process.give_files(_core.Settings(user="nobody", access_log=name, error_log=name))
    """
    result = run_python("-c", textwrap.dedent(source), cwd=folder)
    assert result.stderr == ""
    owners = {name: (folder / name).stat().st_uid for name in ("secret", "second", "plain")}
    assert owners == {"secret": 0, "second": 0, "plain": NOBODY.pw_uid}


def test_who_we_are_already_is_no_change(folder):
    me, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    with started(folder, "--user", me, "--group", group) as server:
        assert asked(folder) == repr(((os.geteuid(),) * 3, (os.getegid(),) * 3, os.geteuid()))
        assert server.stop() == 0


@pytest.mark.parametrize("options", [[], ["--no-supervisor"]])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobdy"], "--user nobdy: there is no user of this name\n       did you mean 'nobody'?\n"),
        (
            ["--group", "no-such-group-at-all"],
            "--group no-such-group-at-all: there is no group of this name\n",
        ),
        (
            ["--user", "3999999999"],
            "--user 3999999999: no user has this number\n       name its group, too, with --group\n",
        ),
        (["--user", "4294967295", "--group", "0"], "--user 4294967295: no user can have this number\n"),
    ],
)
def test_mistakes_are_told_before_anything_is_opened(folder, arguments, message, options):
    result = run_yett("app:app", "-b", "unix:socket", "--pid", "pid", *arguments, *options, cwd=folder)
    assert (result.returncode, result.stderr) == (WRONG_USAGE, f"yett: error: {message}")
    assert sorted(path.name for path in folder.iterdir()) == ["app.py"]


@as_nobody
def test_others_than_root_stay_who_they_are(folder):
    result = run_yett("app:app", "--user", "root", cwd=folder, user="nobody")
    assert (result.returncode, result.stderr) == (
        WRONG_USAGE,
        "yett: error: --user root: only root may run a server as somebody else\n",
    )
