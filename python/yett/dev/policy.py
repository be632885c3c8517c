"""What an application's Content-Security-Policy lets us add to its pages (CSP Level 3).

The script comes from the same origin, so most policies allow it as it is; one that allows scripts by nonce has the
nonce in its header, where we read it. Policies in the page itself (``<meta>``) are not looked at: the browser's console
tells.
"""

import re
from typing import NamedTuple

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'", re.IGNORECASE)


class Verdict(NamedTuple):
    """``refusal``: the directive that forbids it, if any does. ``nonce``: what the script needs, if anything."""

    nonce: str = ""
    refusal: str = ""


def judge(policies: list[str]) -> Verdict:
    """What all policies together allow: each one must."""
    nonce = ""
    # Several in one field are separated by commas.
    for policy in (part for value in policies for part in value.split(",")):
        verdict = _judge(policy)
        if verdict.refusal:
            return verdict
        if nonce and verdict.nonce and verdict.nonce != nonce:
            return Verdict(refusal="two nonces")
        nonce = nonce or verdict.nonce
    return Verdict(nonce)


def _judge(policy: str) -> Verdict:
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split()[:200] or [""]
        directives.setdefault(name.lower(), sources)
    if "sandbox" in directives and "allow-scripts" not in directives["sandbox"]:
        return Verdict(refusal="sandbox")
    if "sandbox" in directives and "allow-same-origin" not in directives["sandbox"]:
        return Verdict(refusal="sandbox")
    name = next((name for name in ("script-src-elem", "script-src", "default-src") if name in directives), "")
    nonce = ""
    if name:
        found = [match for source in directives[name] if (match := _NONCE.fullmatch(source))]
        if found:
            nonce = found[0][1]
        elif "'strict-dynamic'" in directives[name] or not _allows_own(directives[name]):
            return Verdict(refusal=f"{name} {' '.join(directives[name])}")
    name = next((name for name in ("connect-src", "default-src") if name in directives), "")
    if name and not _allows_own(directives[name]):
        return Verdict(refusal=f"{name} {' '.join(directives[name])}")
    return Verdict(nonce)


def _allows_own(sources: list[str]) -> bool:
    """Whether what comes from the same origin fits, as far as that is written plainly."""
    plain = {source.lower() for source in sources}
    return bool(plain & {"'self'", "*", "http:"}) or any(
        re.match(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\])(?::|/|$)", source) for source in plain
    )
