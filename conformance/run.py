"""The request corpus of another server as a yardstick from outside: `make conformance`.

Reads gunicorn-requests.json from ../shared/corpora beside the checkout (or from the folder in CORPORA), sends every
vector to a running server, whole and byte by byte, and judges what the application saw and what came back. Writes
conformance/results.md and fails if a difference has no explanation. Without the corpus it says so and does nothing.
"""

import argparse
import base64
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from exchange import HERE, Server
from explanations import (
    DIFFERENCES,
    NO_HOST,
    NO_HOST_STATUS,
    limit_options,
    needs_proxy_protocol,
    not_applicable,
)
from judge import judge_invalid, judge_valid, with_host

ROOT = HERE.parent
RESULTS = HERE / "results.md"
AS_EXPECTED, DIFFERENT, UNEXPLAINED, NOT_APPLICABLE = (
    "as expected",
    "different, explained",
    "unexplained",
    "not applicable",
)


@dataclass(frozen=True)
class Verdict:
    """What became of one vector; `what` and `why` are empty where it went as expected."""

    kind: str
    name: str
    result: str
    what: str = ""
    why: str = ""


@dataclass(frozen=True)
class Difference:
    """What happened instead of what the corpus expects, and the last status on the wire, if any."""

    what: str
    status: int | None


@dataclass(frozen=True)
class Vector:
    """One entry of the corpus, with the settings of Gunicorn that it presupposes."""

    kind: str
    name: str
    raw: bytes
    expect: object
    settings: dict[str, str]

    @property
    def repaired(self) -> bytes:
        """The bytes with the Host field that 1.1 demands; the same bytes where nothing is missing."""
        if isinstance(self.expect, list):
            return with_host(self.raw, sum(request["version"] == [1, 1] for request in self.expect))
        first_line = self.raw.partition(b"\r\n")[0]
        return with_host(self.raw, 1) if first_line.endswith(b" HTTP/1.1") else self.raw

    def judge(self, server: Server, repaired: bool) -> Difference | None:
        """Send it whole and byte by byte. None if both went as expected, otherwise what happened."""
        raw = self.repaired if repaired else self.raw
        found = []
        for byte_by_byte in (False, True):
            if isinstance(self.expect, list):
                outcome = server.send(raw, len(self.expect), byte_by_byte)
                problem = judge_valid(self.expect, outcome, repaired)
            else:
                outcome = server.send(raw, 0, byte_by_byte)
                problem = judge_invalid(outcome)
            if problem:
                found.append(Difference(problem, outcome.statuses[-1] if outcome.statuses else None))
        if not found:
            return None
        if len(found) == 2 and found[0].status == found[1].status:
            return found[0]
        # How the bytes are cut must make no difference: no explanation holds for this.
        return Difference("whole and byte by byte differ: " + "; ".join(f"{one.what}" for one in found), None)


def verdict(vector: Vector, server: Server) -> Verdict:
    """Judge one vector, and where it lacks a Host field also the vector with one."""

    def result(kind: str, what: str = "", why: str = "") -> Verdict:
        return Verdict(vector.kind, vector.name, kind, what, why)

    if reason := not_applicable(vector.kind, vector.settings):
        return result(NOT_APPLICABLE, why=reason)
    if vector.kind == "valid" and needs_proxy_protocol(vector.raw):
        return result(NOT_APPLICABLE, why="presupposes the PROXY protocol, which this version does not read")
    difference = vector.judge(server, repaired=False)
    if vector.repaired != vector.raw:
        # Refused for the missing Host only, a vector would tell nothing about what it is meant to test.
        with_field = vector.judge(server, repaired=True)
        if vector.kind == "valid" and not with_field and difference and difference.status == NO_HOST_STATUS:
            return result(DIFFERENT, difference.what, NO_HOST)
        if with_field:
            difference = Difference(f"with a Host field: {with_field.what}", with_field.status)
    if difference is None:
        return result(AS_EXPECTED)
    status, why = DIFFERENCES.get((vector.kind, vector.name), (None, ""))
    if status is not None and status == difference.status:
        return result(DIFFERENT, difference.what, why)
    return result(UNEXPLAINED, difference.what)


def read_corpus() -> tuple[str, list[Vector]] | None:
    """Where the corpus comes from, and its vectors; None if it is not here."""
    file = Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "corpora")) / "gunicorn-requests.json"
    if not file.exists():
        return None
    corpus = json.loads(file.read_text())
    vectors = [
        Vector(
            kind=entry["kind"],
            name=entry["name"],
            raw=base64.b64decode(entry["raw_b64"]),
            expect=entry["expect"],
            settings=dict(entry["needs_gunicorn_cfg"]),
        )
        for entry in corpus["vectors"]
    ]
    return corpus["source"], vectors


def judge_all(vectors: list[Vector], command: list[str], with_options: bool) -> list[Verdict]:
    """One server for each set of limits that the vectors presuppose."""
    groups: dict[tuple[tuple[str, int], ...], list[Vector]] = {}
    for vector in vectors:
        limits = limit_options(vector.settings, vector.expect) if with_options else {}
        groups.setdefault(tuple(sorted(limits.items())), []).append(vector)
    verdicts = []
    for options, group in groups.items():
        with Server(command + [str(part) for option in options for part in option]) as server:
            verdicts += [verdict(vector, server) for vector in group]
    order = {(vector.kind, vector.name): number for number, vector in enumerate(vectors)}
    return sorted(verdicts, key=lambda verdict: order[verdict.kind, verdict.name])


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def write_up(source: str, verdicts: list[Verdict], server: str) -> str:
    """The whole of results.md."""
    results = (AS_EXPECTED, DIFFERENT, UNEXPLAINED, NOT_APPLICABLE)
    lines = ["# Conformance", ""]
    lines += [f"* Command: `python conformance/run.py`, {datetime.date.today().isoformat()}"]
    lines += [f"* Versions: {server}, Linux {platform.release()}"]
    lines += [f"* Corpus: {len(verdicts)} raw requests from {source}; not part of this project", ""]
    lines += [
        "An invalid vector must get an error answer or a closed connection, and the application must not get the "
        "request whole. Of a valid one the application must see method, target, version, header fields and body. Each "
        "is sent whole and byte by byte. A 1.1 request without a Host field is sent a second time with one, so that it "
        "is judged by what it is about. Trailers are not compared: ASGI does not hand them to the application.",
        "",
    ]
    lines += ["| | " + " | ".join(results) + " | all |", "|---|" + "---:|" * (len(results) + 1)]
    for kind in ("valid", "invalid"):
        of_kind = [verdict for verdict in verdicts if verdict.kind == kind]
        counts = [sum(verdict.result == result for verdict in of_kind) for result in results]
        lines.append(f"| {kind} | " + " | ".join(map(str, counts)) + f" | {len(of_kind)} |")
    for title, wanted in (("Unexplained", UNEXPLAINED), ("Different on purpose", DIFFERENT)):
        listed = [verdict for verdict in verdicts if verdict.result == wanted]
        if listed:
            lines += ["", f"## {title}", "", "| vector | what happens | why |", "|---|---|---|"]
            lines += [f"| {v.kind} {v.name} | {cell(v.what)} | {cell(v.why)} |" for v in listed]
    lines += ["", "## Not applicable", "", "| vector | reason |", "|---|---|"]
    lines += [f"| {v.kind} {v.name} | {cell(v.why)} |" for v in verdicts if v.result == NOT_APPLICABLE]
    return "\n".join(lines) + "\n"


def yett_command() -> tuple[list[str], str]:
    """How to start Yett from the project's environment, and its name with version. Raises SystemExit without it."""
    python = ROOT / ".venv" / "bin" / "python"
    question = "import platform; from importlib.metadata import version;"
    question += "print('Yett', version('yett'), 'on Python', platform.python_version())"
    answer = None
    if python.exists():
        answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
    if answer is None or answer.returncode != 0:
        raise SystemExit("conformance: Yett is not installed in .venv; `make conformance` does that first")
    options = ["--bind", "127.0.0.1:{port}", "--log-level", "error"]
    return [str(python), "-m", "yett", "recorder:app", *options], answer.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--server",
        help="another ASGI server instead, for comparison: its command for recorder:app, with {port}; prints only",
    )
    options = parser.parse_args()
    corpus = read_corpus()
    if corpus is None:
        print("conformance: no gunicorn-requests.json in ../shared/corpora or $CORPORA; skipped")
        return 0
    source, vectors = corpus
    command, name = (shlex.split(options.server), options.server) if options.server else yett_command()
    verdicts = judge_all(vectors, command, with_options=not options.server)
    text = write_up(source, verdicts, name)
    if options.server:
        print(text)
    else:
        RESULTS.write_text(text)
    unexplained = [
        f"{verdict.kind} {verdict.name}: {verdict.what}"
        for verdict in verdicts
        if verdict.result == UNEXPLAINED
    ]
    for line in unexplained:
        print(f"unexplained: {line}", file=sys.stderr)
    print(f"conformance: {len(verdicts)} vectors judged, {len(unexplained)} unexplained differences")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
