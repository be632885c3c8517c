"""Which changes of files are told, and when."""

import contextlib
import os
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from support.server import PATIENCE_SECONDS
from yett import _core

# Long enough for an event to arrive, were there one; only tests that expect none wait for it.
SILENCE_SECONDS = 0.4


class Watched:
    def __init__(
        self, folder: Path, include=("*.py", "/yett.toml"), exclude=("skipped/", "test_*.py"), **times
    ):
        self.folder = folder
        self.watcher = _core.Watcher([str(folder)], list(include), list(exclude), **times)

    def told(self) -> list[str]:
        """What has changed, once something has."""
        ready, _, _ = select.select([self.watcher], [], [], PATIENCE_SECONDS)
        assert ready, "no change was told"
        return [path.relative_to(self.folder).as_posix() for path in self.watcher.read()]

    def told_until(self, path: str) -> set[str]:
        """What has changed, once `path` has: changes between which the machine stood still are told one by one."""
        seen: set[str] = set()
        while path not in seen:
            seen |= set(self.told())
        return seen

    def nothing(self) -> bool:
        ready, _, _ = select.select([self.watcher], [], [], SILENCE_SECONDS)
        return not ready


@pytest.fixture
def watched(tmp_path) -> Watched:
    (tmp_path / "app.py").write_text("one")
    (tmp_path / "package").mkdir()
    return Watched(tmp_path)


def test_a_file_that_is_written(watched):
    (watched.folder / "app.py").write_text("two")
    assert watched.told_until("app.py") == {"app.py"}
    (watched.folder / "package" / "new.py").write_text("one")
    # The file is emptied first: if that is told, the rest of it is told as well.
    assert watched.told_until("package/new.py") <= {"app.py", "package/new.py"}


def test_a_file_that_another_takes_the_place_of_as_editors_do(watched):
    new = watched.folder / "app.py.tmp"
    new.write_text("two")
    os.replace(new, watched.folder / "app.py")
    assert watched.told() == ["app.py"]


def test_a_file_that_is_moved_away_and_back_as_vim_does(watched):
    path = watched.folder / "app.py"
    os.rename(path, watched.folder / "app.py~")
    path.write_text("two")
    os.unlink(watched.folder / "app.py~")
    assert watched.told() == ["app.py"]


def test_a_file_that_is_touched_or_removed(watched):
    subprocess.run(["touch", watched.folder / "app.py"], check=True)
    assert watched.told() == ["app.py"]
    (watched.folder / "app.py").unlink()
    assert watched.told() == ["app.py"]


def test_folders_that_come_and_go(watched):
    deep = watched.folder / "new" / "deep"
    deep.mkdir(parents=True)
    (deep / "a.py").write_text("one")
    assert watched.told_until("new/deep/a.py") == {"new/deep/a.py"}
    os.rename(watched.folder / "new", watched.folder / "moved")
    # To make the file and to fill it can be two changes.
    assert watched.told_until("moved/deep/a.py") <= {"new/deep/a.py", "new", "moved/deep/a.py"}
    new = watched.folder / "moved" / "deep" / "a.py.tmp"
    new.write_text("two")
    os.replace(new, watched.folder / "moved" / "deep" / "a.py")
    assert watched.told_until("moved/deep/a.py") == {"moved/deep/a.py"}
    shutil.rmtree(watched.folder / "moved")
    assert watched.told_until("moved/deep/a.py") == {"moved/deep/a.py"}


def test_a_folder_that_is_moved_in(watched, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "extra"
    other.mkdir()
    (other / "a.py").write_text("one")
    shutil.move(other, watched.folder / "extra")
    assert watched.told() == ["extra/a.py"]


@pytest.mark.parametrize(
    "path", ["notes.txt", "skipped/a.py", "test_app.py", "package/yett.toml", ".hidden/a.py", "app.pyc"]
)
def test_what_does_not_count(watched, path):
    file = watched.folder / path
    file.parent.mkdir(exist_ok=True)
    file.write_text("one")
    file.write_text("two")
    assert watched.nothing()


def test_reading_is_no_change(watched):
    (watched.folder / "app.py").read_text()
    os.chmod(watched.folder / "app.py", 0o600)
    assert watched.nothing()


def test_gitignore(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("generated_*.py\nbuild/\n!generated_but_kept.py\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / ".gitignore").write_text("local.py\n")
    (tmp_path / "build").mkdir()
    watched = Watched(tmp_path)
    for path in ["generated_a.py", "package/generated_b.py", "build/a.py", "package/local.py"]:
        (tmp_path / path).write_text("one")
    assert watched.nothing()
    (tmp_path / "generated_but_kept.py").write_text("one")
    (tmp_path / "local.py").write_text("one")
    assert watched.told_until("local.py") == {"generated_but_kept.py", "local.py"}


def test_a_gitignore_that_changes(watched):
    (watched.folder / ".gitignore").write_text("app.py\n")
    # Its own change is none, but is seen in order, before this one.
    (watched.folder / "app.py").write_text("two")
    assert watched.nothing()
    (watched.folder / ".gitignore").write_text("\n")
    (watched.folder / "app.py").write_text("three")
    assert watched.told() == ["app.py"]


def test_the_repository_above_has_a_say(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("/service/made.py\n")
    (tmp_path / "service").mkdir()
    watched = Watched(tmp_path / "service")
    (tmp_path / "service" / "made.py").write_text("one")
    assert watched.nothing()


def test_virtual_environments_are_left_out_whatever_their_names(tmp_path):
    packages = tmp_path / "myenv" / "lib"
    packages.mkdir(parents=True)
    (tmp_path / "myenv" / "pyvenv.cfg").touch()
    watched = Watched(tmp_path)
    assert watched.watcher.folders == 1
    (packages / "a.py").write_text("one")
    assert watched.nothing()


def test_many_changes_are_told_together(tmp_path):
    watched = Watched(tmp_path, quiet=0.3, latest=10.0)
    for number in range(50):
        (tmp_path / f"module_{number:02}.py").write_text("one")
    seen: set[str] = set()
    tellings = 0
    # A pause of the machine's may part them.
    while "module_49.py" not in seen or not watched.nothing():
        seen |= set(watched.told())
        tellings += 1
    assert seen == {f"module_{number:02}.py" for number in range(50)}
    assert tellings < 10


def test_what_never_rests_is_told_all_the_same(tmp_path):
    watched = Watched(tmp_path, quiet=5.0, latest=0.2)
    (tmp_path / "app.py").write_text("one")
    assert watched.told() == ["app.py"]


def test_what_cannot_be_watched_is_said(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        _core.Watcher([str(tmp_path / "nowhere")], ["*"], [])
    with pytest.raises(ValueError, match="unclosed"):
        _core.Watcher([str(tmp_path)], ["[a"], [])


def test_its_threads_end_with_it(tmp_path):
    def threads() -> set[str]:
        names = set()
        for task in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # it has just ended
                names.add(Path(f"/proc/self/task/{task}/comm").read_text())
        return names

    if not os.path.isdir("/proc/self/task"):
        pytest.skip("threads are counted in /proc")
    from support.wait import wait_until

    watched = Watched(tmp_path)
    wait_until(lambda: "yett-files\n" in threads(), "the thread has begun")
    del watched
    wait_until(lambda: "yett-files\n" not in threads(), "the thread has ended")
