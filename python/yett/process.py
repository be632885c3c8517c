"""What a server is to the system: its directory, its user, and the file that holds its number.

The order is that of their needs: `enter` before anything is opened, `check` with it, so that mistakes are told at once;
`give_files` when addresses and logs are open; `drop_privileges` in each process that will run the application.
"""

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from typing import NamedTuple

from . import _core

# A descriptor for a place, which a socket has, too: on Linux.
_LOOK = getattr(os, "O_PATH", 0)

# How a directory is held: by a descriptor, which leads there whatever becomes of its name.
_HOLD = os.O_RDONLY | os.O_DIRECTORY | _LOOK

# Where the server was started, if it has left that: a descriptor.
_left: list[int] = []


class ProcessError(Exception):
    """What the settings ask of the system cannot be (exit code 2).

    ``message`` is one line, ``hint`` says what to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Identity(NamedTuple):
    """Whom a process is to be: numbers, and the name of the user if it has one."""

    uid: int
    gid: int
    name: str | None


# ---- Directory and umask ----


def enter(settings: _core.Settings) -> None:
    """Take on umask and directory. Raises `ProcessError`."""
    umask, chdir = str(settings.umask), str(settings.chdir)
    if umask != "inherit":
        os.umask(int(umask, 8))
    if chdir:
        try:
            change_directory(chdir)
        except OSError as error:
            raise ProcessError(f"--chdir {chdir}: {error.strerror}") from None


def change_directory(path: str) -> None:
    """`os.chdir`, and remember where we came from. Raises `OSError`."""
    here = os.open(".", _HOLD)
    try:
        os.chdir(path)
    except BaseException:
        os.close(here)
        raise
    if _left:
        os.close(here)
    else:
        _left.append(here)


@contextlib.contextmanager
def at_the_start() -> Iterator[None]:
    """Be in the directory where the server was started: files of settings are looked for there, and the program is
    started anew from there. Raises `OSError` if that has been removed."""
    if not _left:
        _must_exist()
        yield
        return
    here = os.open(".", _HOLD)
    try:
        try:
            os.fchdir(_left[0])
            _must_exist()
            yield
        finally:
            os.fchdir(here)
    finally:
        os.close(here)


def _must_exist() -> None:
    # Without it a file of settings would not be found, and what it says be dropped in silence.
    try:
        os.getcwd()
    except OSError as error:
        raise OSError(error.errno, "the directory in which the server was started has been removed") from None


# ---- User and group ----


def check(settings: _core.Settings) -> Identity | None:
    """Whom the settings name; None if nobody else than we are. Raises `ProcessError` if there is no such user or group,
    or we may not become it."""
    user, group = str(settings.user), str(settings.group)
    if not user and not group:
        return None
    uid, main_group, name = _user(user) if user else (os.geteuid(), os.getegid(), _name(os.geteuid()))
    if group:
        gid = _group(group)
    elif main_group is not None:
        gid = main_group
    else:
        raise ProcessError(f"--user {user}: no user has this number", "name its group, too, with --group")
    if (uid, gid) == (os.geteuid(), os.getegid()):
        return None
    if os.geteuid() != 0:
        option = f"--user {user}" if uid != os.geteuid() else f"--group {group}"
        raise ProcessError(f"{option}: only root may run a server as somebody else")
    return Identity(uid, gid, name)


def drop_privileges(settings: _core.Settings) -> None:
    """Be the user and the group that the settings name, in this process and for good. Raises `ProcessError`."""
    identity = check(settings)
    if identity is None:
        return
    try:
        if identity.name is not None:
            os.initgroups(identity.name, identity.gid)
        else:
            os.setgroups([identity.gid])
        # Of root's calls these two set all there are of each: real, effective and saved.
        os.setgid(identity.gid)
        os.setuid(identity.uid)
    except OSError as error:
        raise ProcessError(f"cannot become user {identity.name or identity.uid}: {error.strerror}") from None


def give_files(settings: _core.Settings) -> None:
    """Give the files that were opened to the user that the settings name: logs, so that SIGUSR1 can reopen them there,
    and unix sockets, whose mode stays. Raises `ProcessError`."""
    identity = check(settings)
    if identity is None:
        return
    binds = settings.bind
    assert isinstance(binds, list)
    sockets = [address for bind in binds if (address := bind.removeprefix("proxy+")).startswith("unix:")]
    for address in sockets:
        _give(address.removeprefix("unix:"), stat.S_ISSOCK, identity)
    for path in _core.log_files(settings):
        _give(path, stat.S_ISREG, identity)


def make_logs(settings: _core.Settings) -> None:
    """Make the files of the logs anew that were moved away, for the user that the settings name: workers may not be
    able to make them."""
    if check(settings) is None:
        return
    for path in _core.log_files(settings):
        # Not through a link, which may lead anywhere. What cannot be made, those who write to it will say.
        with contextlib.suppress(OSError):
            os.close(
                os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
            )
    give_files(settings)


def _give(path: str | os.PathLike[str], is_right: Callable[[int], bool], identity: Identity) -> None:
    # What stands there may not be what we have opened, when the folder is somebody else's: neither links nor other
    # people's files are given away. The descriptor makes sure that it is the file that was looked at.
    try:
        descriptor = os.open(path, os.O_NOFOLLOW | _LOOK)
    except OSError:
        return
    try:
        found = os.fstat(descriptor)
        if is_right(found.st_mode) and found.st_uid == os.geteuid() and found.st_nlink == 1:
            os.chown(f"/proc/self/fd/{descriptor}" if _LOOK else descriptor, identity.uid, identity.gid)
    except OSError as error:
        _core.write_log(
            "warning", f"{path} cannot be given to user {identity.name or identity.uid}: {error.strerror}"
        )
    finally:
        os.close(descriptor)


def _user(text: str) -> tuple[int, int | None, str | None]:
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(text)
        return entry.pw_uid, entry.pw_gid, entry.pw_name
    if not text.isascii() or not text.isdigit():
        raise _unknown("user", text, [entry.pw_name for entry in pwd.getpwall()])
    number = _number("user", text)
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(number)
        return entry.pw_uid, entry.pw_gid, entry.pw_name
    return number, None, None


def _group(text: str) -> int:
    with contextlib.suppress(KeyError):
        return grp.getgrnam(text).gr_gid
    if not text.isascii() or not text.isdigit():
        raise _unknown("group", text, [entry.gr_name for entry in grp.getgrall()])
    return _number("group", text)


def _number(kind: str, text: str) -> int:
    # The largest number means "leave it as it is" to the system.
    if (number := int(text)) >= 2**32 - 1:
        raise ProcessError(f"--{kind} {text}: no {kind} can have this number")
    return number


def _unknown(kind: str, name: str, known: list[str]) -> ProcessError:
    from . import suggest  # for which a server that starts has no use

    near = suggest.near(name, known)
    return ProcessError(
        f"--{kind} {name}: there is no {kind} of this name",
        f"did you mean {suggest.either(near)}?" if near else None,
    )


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


# ---- The pid file ----


class PidFile:
    """The file that holds the number of the process which takes signals. Without a path nothing is done."""

    def __init__(self, path: str) -> None:
        # As seen from where we are now.
        self.path = os.path.abspath(path) if path else ""

    def write(self, predecessor: int = 0) -> None:
        """Write our number. What a server has left behind is replaced, and so is ``predecessor``, who knows of it.

        Raises `ProcessError` if the server that has written it still runs, or it cannot be written.
        """
        if not self.path:
            return
        other = _alive(self.path)
        if other not in (None, os.getpid(), predecessor):
            raise ProcessError(
                f"--pid {self.path}: the server that has written it still runs (process {other})",
                "stop it, or name another file; if it is no server, remove the file",
            )
        part = f"{self.path}.{os.getpid()}"
        try:
            # A link in a folder of everybody's would have us write elsewhere.
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with open(descriptor, "w") as file:
                file.write(f"{os.getpid()}\n")
            # Whoever reads it sees the old number or the new one, never half of one.
            os.replace(part, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part)
            raise ProcessError(f"--pid {self.path}: {error.strerror}") from None

    def remove(self) -> None:
        """Remove it if it is still ours: not in a child, and not when another server has taken over."""
        if not self.path or _read(self.path) != os.getpid():
            return
        try:
            os.unlink(self.path)
        except OSError as error:
            _core.write_log("warning", f"the pid file {self.path} stays: {error.strerror}")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Write it, and remove it at the end."""
        self.write()
        try:
            yield
        finally:
            self.remove()


def _read(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            text = file.read(32).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and len(text) < 10 else None


def _alive(path: str) -> int | None:
    """The process that has written this file, if it still runs."""
    pid = _read(path)
    if not pid:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # somebody else's
    try:
        written = os.stat(path).st_mtime
    except OSError:
        return None
    # Numbers come again, after a restart of the machine above all: who has begun later has not written it.
    begun = _begun(pid)
    return None if begun is not None and begun > written + _SLACK else pid


# Seconds by which the clocks of processes and files may differ.
_SLACK = 2.0


def _begun(pid: int) -> float | None:
    """When a process was started, as the clock of files has it; None if the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name, in parentheses, may contain anything.
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        with open("/proc/stat", "rb") as file:
            boot = next(int(line.split()[1]) for line in file if line.startswith(b"btime "))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
    return boot + ticks / os.sysconf("SC_CLK_TCK")
