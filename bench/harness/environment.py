"""The benchmark's own environment: bench/.venv with the pinned peers and a release build of Yett."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
VENV = BENCH / ".venv"
REQUIREMENTS = BENCH / "requirements.txt"
OPTIONAL = BENCH / "requirements-optional.txt"
# Everything that goes into the wheel.
SOURCES = ("crates", "python", "Cargo.toml", "Cargo.lock", "pyproject.toml")


def _interpreters() -> Iterator[str]:
    """Candidates, best first: the measurements are compared on CPython 3.13."""
    if override := os.environ.get("BENCH_PYTHON"):
        yield override
        return
    for version in ("3.13", "3.14", "3.12"):
        yield f"python{version}"
        yield from (str(path) for path in sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python3")))
    yield sys.executable


def find_python() -> tuple[str, str]:
    """Path and version of the interpreter to measure on. Raises SystemExit where there is none."""
    question = "import json, sys, platform; print(json.dumps([sys.executable, platform.python_version()]))"
    for candidate in _interpreters():
        program = shutil.which(candidate)
        if program is None:
            continue
        answer = subprocess.run([program, "-c", question], capture_output=True, text=True, check=False)
        if answer.returncode == 0:  # a version manager's shim fails for a version that is not installed
            path, version = json.loads(answer.stdout)
            if tuple(int(part) for part in version.split(".")[:2]) >= (3, 11):
                return path, version
    raise SystemExit(
        "bench: no Python 3.11 or later found (3.13 preferred); name one with BENCH_PYTHON=/path/to/python"
    )


def _run(*command: str, **environment: str) -> None:
    """A command of the set-up, its output on stderr: stdout is for the table."""
    result = subprocess.run(
        command, cwd=ROOT, stdout=sys.stderr, env={**os.environ, **environment}, check=False
    )
    if result.returncode != 0:
        raise SystemExit(f"bench: `{' '.join(command)}` failed with status {result.returncode}")


def _install_optional(python: Path) -> None:
    """Each package by itself; what does not compile here is left out. Not tried again until the file changes."""
    text = OPTIONAL.read_text()
    if _stamp_is(".optional-stamp", text):
        return
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        try:
            # --no-cache-dir: pip would keep a wheel built for a C library that has changed since.
            _run(str(python), "-m", "pip", "install", "--quiet", "--no-cache-dir", line)
        except SystemExit:
            print(
                f"bench: {line} does not install here and is left out; see {OPTIONAL.name}", file=sys.stderr
            )
    (VENV / ".optional-stamp").write_text(text)


def _stamp_is(name: str, value: str) -> bool:
    stamp = VENV / name
    return stamp.exists() and stamp.read_text() == value


def _source_digest() -> str:
    digest = hashlib.sha256()
    for source in SOURCES:
        path = ROOT / source
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".so":
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _install_yett(python: Path) -> None:
    """Build a release wheel and install it, unless the sources are those of the last time."""
    digest = _source_digest()
    if _stamp_is(".yett-stamp", digest):
        return
    if shutil.which("cargo") is None:
        raise SystemExit("bench: cargo is missing; install Rust 1.88 or later with rustup")
    wheels = VENV / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    maturin = str(VENV / "bin" / "maturin")
    # `linux`: the wheel stays on this machine, so its C library need not be the oldest supported one.
    _run(
        maturin,
        "build",
        "--release",
        "--compatibility",
        "linux",
        "--interpreter",
        str(python),
        "--out",
        str(wheels),
    )
    wheel = next(wheels.glob("*.whl"), None)
    if wheel is None:
        raise SystemExit(f"bench: maturin left no wheel in {wheels}")
    _run(str(python), "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", str(wheel))
    (VENV / ".yett-stamp").write_text(digest)


def prepare(with_yett: bool) -> str:
    """Bring bench/.venv up to date and return the path of its interpreter. A second call does next to nothing."""
    base, version = find_python()
    python = VENV / "bin" / "python"
    stamp = f"{version}\n{REQUIREMENTS.read_text()}"
    if not (python.exists() and _stamp_is(".requirements-stamp", stamp)):
        if tuple(int(part) for part in version.split(".")[:2]) < (3, 12):
            print(
                f"bench: Python {version} starts no task eagerly; 3.13 is what results are compared on",
                file=sys.stderr,
            )
        _run(base, "-m", "venv", "--clear", str(VENV))
        _run(
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            str(REQUIREMENTS),
        )
        (VENV / ".requirements-stamp").write_text(stamp)
    _install_optional(python)
    if with_yett:
        _install_yett(python)
    return str(python)


def versions(python: str, packages: list[str]) -> dict[str, str]:
    """The versions of those of the packages that are installed, and of Python under the name `python`."""
    question = (
        "import sys, json, platform; from importlib.metadata import distributions;"
        "found = {one.name.lower(): one.version for one in distributions()};"
        "print(json.dumps({'python': platform.python_version()}"
        " | {name: found[name] for name in sys.argv[1:] if name in found}))"
    )
    answer = subprocess.run([python, "-c", question, *packages], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout)


def turns_per_microsecond(python: str, core: int) -> str:
    """How many turns of the computing applications' loop fill a microsecond on this machine: `apps/compute.py`."""
    command = ["taskset", "-c", str(core), python, str(BENCH / "apps" / "compute.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
