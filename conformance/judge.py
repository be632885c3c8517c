"""From a vector and its outcome to a verdict."""

import base64
import re

from exchange import Outcome

REQUEST_LINE = re.compile(rb"[^ \r\n]+ [^ \r\n]+ HTTP/1\.1\r\n")
HOST_FIELD = re.compile(rb"(?im)^host[ \t]*:")
HOST_LINE = b"Host: conformance.test\r\n"
ABSOLUTE = re.compile(r"^https?://[^/?]*", re.IGNORECASE)


def with_host(raw: bytes, requests: int) -> bytes:
    """The vector with a Host field added to those of its first `requests` 1.1 requests that have none."""
    done = 0

    def add(match: re.Match[bytes]) -> bytes:
        nonlocal done
        done += 1
        head = raw[match.end() :].partition(b"\r\n\r\n")[0]
        return match[0] if done > requests or HOST_FIELD.search(head) else match[0] + HOST_LINE

    return REQUEST_LINE.sub(add, raw)


def judge_invalid(outcome: Outcome) -> str | None:
    """None if the malformed request was refused; otherwise what happened instead."""
    if any(request["complete"] for request in outcome.seen):
        return "the application was called with it"
    if any(status < 400 for status in outcome.statuses):
        return f"answered {outcome.statuses}"
    if not outcome.statuses and not outcome.closed:
        return "neither answered nor closed"
    return None


def expected_request(expected: dict, host_added: bool) -> dict:
    """The expectation in the shape of a record: ASGI's names are lower-case and its target is a path."""
    headers = [[name.lower(), value] for name, value in expected["headers"]]
    version = ".".join(map(str, expected["version"]))
    if host_added and version == "1.1" and not any(name == "host" for name, _ in headers):
        headers.insert(0, ["host", HOST_LINE.partition(b": ")[2].strip().decode()])
    return {
        "method": expected["method"],
        "uri": ABSOLUTE.sub("", expected["uri"]) or "/",
        "version": version,
        "headers": headers,
        "body": base64.b64decode(expected["body_b64"]).decode("latin-1"),
        "complete": True,
    }


def judge_valid(expectation: list[dict], outcome: Outcome, host_added: bool) -> str | None:
    """None if the application saw exactly the expected requests and all got 200; otherwise the first difference."""
    wanted = [expected_request(request, host_added) for request in expectation]
    for number, request in enumerate(wanted):
        if number >= len(outcome.seen):
            statuses = ", ".join(map(str, outcome.statuses)) or "nothing"
            return f"request {number + 1} of {len(wanted)} not seen by the application; answered {statuses}"
        for key, value in request.items():
            if outcome.seen[number][key] != value:
                statuses = ", ".join(map(str, outcome.statuses)) or "nothing"
                return (
                    f"{key} is {outcome.seen[number][key]!r:.90}, expected {value!r:.90}; answered {statuses}"
                )
    if len(outcome.seen) > len(wanted):
        return f"{len(outcome.seen)} requests seen, {len(wanted)} expected"
    if outcome.statuses != [200] * len(wanted):
        return f"answered {outcome.statuses}"
    return None
