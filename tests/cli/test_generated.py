"""Files made from the settings registry: completions, manual page, JSON Schema.

The types of `yett.run` are in typed_calls.py, which mypy reads.
"""

import json
import re
import shutil
import subprocess
import textwrap
import tomllib
from pathlib import Path

import fastjsonschema
import pytest

import yett
from support.command import run_yett
from yett import _core

WRONG_USAGE = 2
PACKAGE = Path(yett.__file__).parent
SHARE = PACKAGE / "share"
MANUAL = PACKAGE.parent / "yett.data/data/share/man/man1/yett.1"
REFERENCE = PACKAGE.parent.parent / "docs/settings.md"
ROWS = _core.registry()
NAMES = [row["name"] for row in ROWS]
accept = fastjsonschema.compile(json.loads((SHARE / "yett.schema.json").read_text()))


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"there is no {program}")


def is_accepted(**values: object) -> bool:
    try:
        accept(values)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


# Schema


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_schema_accepts_the_sample_and_the_default_of_each_setting(row):
    text, value = row["sample"]
    assert is_accepted(**{row["name"]: text}), text
    assert is_accepted(**{row["name"]: value}), value
    assert is_accepted(**{row["name"]: row["default"]}), row["default"]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_schema_refuses_what_no_value_of_a_setting_is(row):
    for value in ({}, {"value": row["default"]}, None, [1], [[row["default"]]]):
        assert not is_accepted(**{row["name"]: value}), value
    if row["words"]:
        assert not is_accepted(**{row["name"]: "no such word"})
    if row["unit"]:
        assert not is_accepted(**{row["name"]: "10 bananas"})
        assert not is_accepted(**{row["name"]: -1})
    if row["is_switch"]:
        assert not is_accepted(**{row["name"]: "maybe"})


def test_what_the_schema_accepts_is_what_yett_accepts():
    """Values at the edges of what their types allow, judged by both."""
    edges = {
        "threads": [0, 1, 1024, 1025, 1.5, True, "4", "four"],
        "unix_mode": [0o660, 0o777, 0o1000, "660", "0o660", "umask", "rw", "888"],
        "head_timeout": [0, 0.5, 604_800, 604_801, "500ms", "1.5m", "2 h", "1w", "off", False],
        "keep_alive_timeout": ["off", "OFF", False, True, 0, "10x"],
        "graceful_timeout": [0, "0", -1],
        "limit_head": [1023, 1024, 64 << 20, (64 << 20) + 1, "64KiB", "1.5k", "64 KiB", "64XB", "off"],
        "limit_body": ["off", False, True, 0, 1.5, "10MB"],
        "response_spool": ["off", False, 0, "1gib"],
        "server_header": ["on", "off", "yes", "0", True, 1, "maybe"],
        "loop": ["auto", "asyncio", "AUTO", "trio", True],
        "error_log": ["stderr", "errors.log", "off", "logging", "", 5],
        "access_log": ["-", "access.log", "off", True, False, "logging", "", 5],
        "bind": [8000, "8000", [":80", "unix:/run/app.sock"], [], [8000], True, 70_000],
        "trusted_proxies": ["10.0.0.0/8,unix", ["::1"], 5, [5]],
    }
    for name, values in edges.items():
        for value in values:
            try:
                _core.Settings(**{name: value})
                expected = True
            except (TypeError, ValueError):
                expected = False
            assert is_accepted(**{name: value}) == expected, (name, value)


def test_the_schema_knows_every_name_and_no_other():
    assert is_accepted(app="module:app")
    for name in ("head_timout", "head-timeout", "timeout", "application"):
        assert not is_accepted(**{name: "10s"}), name
    schema = json.loads((SHARE / "yett.schema.json").read_text())
    assert set(schema["properties"]) == {*NAMES, "app"}


# Completions


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_printed(tmp_path, shell):
    result = run_yett("completions", shell, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (SHARE / f"yett.{shell}").read_text()


def test_help_tells_of_completions_and_completions_have_help(tmp_path):
    assert "yett completions" in run_yett("-h", cwd=tmp_path).stdout
    for flag in ("-h", "--help"):
        result = run_yett("completions", flag, cwd=tmp_path)
        assert result.returncode == 0
        for shell in ("bash", "zsh", "fish"):
            assert f"yett completions {shell}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no shell given"),
        (["fisch"], "unknown shell 'fisch' (did you mean 'fish'?)"),
        (["powershell"], "unknown shell 'powershell'"),
        (["bash", "zsh"], "unexpected argument 'zsh'"),
    ],
)
def test_wrong_use_of_completions(tmp_path, arguments, message):
    result = run_yett("completions", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (WRONG_USAGE, "")
    assert result.stderr.startswith(f"yett: error: {message}\n")
    assert "bash, zsh, fish" in result.stderr


def in_bash(line: str, folder: Path) -> list[str]:
    """What bash offers for `line`, as its completion calls the script's function: word, words before."""
    words = line.split(" ")
    script = f"""
        set -eu
        source '{SHARE / "yett.bash"}'
        compopt() {{ :; }}  # it works only while a completion runs
        complete -p yett | grep -q -- '-F _yett'
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
        COMP_CWORD={len(words) - 1}
        _yett yett '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = ["bash", "--norc", "-c", textwrap.dedent(script)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout.splitlines()


def in_fish(line: str, folder: Path) -> list[str]:
    script = f"source '{SHARE / 'yett.fish'}'; complete -C '{line}'"
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(folder)}
    command = ["fish", "--no-config", "-c", script]
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return [line.partition("\t")[0] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    "complete",
    [
        pytest.param(in_bash, marks=needs("bash"), id="bash"),
        pytest.param(in_fish, marks=needs("fish"), id="fish"),
    ],
)
def test_a_shell_completes_options_words_and_files(tmp_path, complete):
    (tmp_path / "main.py").touch()
    assert complete("yett --head-t", tmp_path) == ["--head-timeout"]
    assert set(complete("yett app:app --loop ", tmp_path)) == {"auto", "asyncio", "uvloop"}
    assert complete("yett app:app --loop u", tmp_path) == ["uvloop"]
    assert complete("yett app:app --access-log m", tmp_path) == ["main.py"]
    assert set(complete("yett de", tmp_path)) == {"demo", "dev"}
    assert set(complete("yett completions ", tmp_path)) == {"bash", "zsh", "fish"}
    assert complete("yett completions z", tmp_path) == ["zsh"]
    offered = complete("yett --", tmp_path)
    for row in ROWS:
        assert row["flag"] in offered


@needs("zsh")
def test_zsh_loads_its_script(tmp_path):
    (tmp_path / "_yett").write_text((SHARE / "yett.zsh").read_text())
    script = f"fpath=('{tmp_path}' $fpath); autoload -U compinit; compinit -u -D; print -r -- $_comps[yett]"
    script += f"; source '{SHARE / 'yett.zsh'}'; whence -w _yett _yett_target"
    command = ["zsh", "-f", "-c", script]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["_yett", "_yett: function", "_yett_target: function"]


# Reference page


@pytest.mark.skipif(not REFERENCE.exists(), reason="the package is not used from a checkout")
def test_the_reference_has_a_line_for_files_that_means_the_sample(tmp_path):
    page = REFERENCE.read_text()
    lines = ['app = "module:app"']
    for row in ROWS:
        entry = page.partition(f"\n### {row['name']}\n")[2].partition("\n#")[0]
        lines += re.findall(r"^\* In a file: `(.*)`$", entry, re.MULTILINE)
    assert len(lines) == len(ROWS) + 1
    text = "\n".join(lines)
    assert is_accepted(**tomllib.loads(text))
    (tmp_path / "yett.toml").write_text(text)
    result = run_yett("config", "--json", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    settings = json.loads(result.stdout)["settings"]
    for number, row in enumerate(ROWS, start=2):
        sample = getattr(_core.Settings(**{row["name"]: row["sample"][1]}), row["name"])
        found = settings[row["name"]]
        assert found["where"] == f"yett.toml:{number}"
        # Infinite ones are told in other words.
        assert found["value"] == sample or found["text"] == "off", row["name"]


# Manual page


@pytest.mark.skipif(not MANUAL.exists(), reason="the package is not used from a checkout")
def test_the_manual_page_names_every_option_and_variable():
    page = re.sub(r"\\f.", "", MANUAL.read_text().replace("\\-", "-"))
    for row in ROWS:
        assert row["flag"] in page
        assert row["variable"] in page
        if row["is_switch"]:
            assert "--no-" + row["flag"].removeprefix("--") in page


@needs("man")
@pytest.mark.skipif(not MANUAL.exists(), reason="the package is not used from a checkout")
def test_man_shows_the_page_without_a_warning(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    command = ["man", "--warnings", "--local-file", str(MANUAL)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    for heading in ("NAME", "SYNOPSIS", "LISTENING", "TIMEOUTS"):
        assert heading in result.stdout.splitlines()
