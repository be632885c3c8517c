"""Who may see what `yett dev` shows: this machine, asking for this machine.

The error page shows source and values, so a peer on loopback is not enough. Any page in the developer's browser can
have a name of its own resolve to 127.0.0.1 (DNS rebinding) and would then read what it gets from there: the Host field
must name this machine as well. And what has come through a proxy, such as a tunnel that makes the server public, was
asked for by somebody else.
"""

import ipaddress
from collections.abc import Callable
from typing import Any

# What proxies and tunnels add.
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

# The value of a request header by its name in small letters; empty if there is none.
Header = Callable[[str], str]


def header_of_scope(scope: dict[str, Any]) -> Header:
    """The headers of an ASGI scope; values of several fields are joined by commas."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return lambda name: found.get(name, "")


def header_of_environ(environ: dict[str, Any]) -> Header:
    """The headers of a WSGI environ."""
    return lambda name: environ.get("HTTP_" + name.upper().replace("-", "_"), "")


def scope_is_local(scope: dict[str, Any], header: Header) -> bool:
    """Whether an ASGI request was made here."""
    client, server = scope.get("client"), scope.get("server")
    # A unix socket has no client, and no port; any other client that is not known is somebody.
    is_unix = client is None and server is not None and server[1] is None
    return (is_unix or (client is not None and is_loopback(client[0]))) and _asks_for_us(header)


def environ_is_local(environ: dict[str, Any], header: Header) -> bool:
    """Whether a WSGI request was made here."""
    address = environ.get("REMOTE_ADDR")
    # Empty: a unix socket. None: not known.
    return address is not None and (not address or is_loopback(address)) and _asks_for_us(header)


def is_same_origin(header: Header, scheme: str) -> bool:
    """Whether a page of this server asks, or no page at all, as far as a browser tells."""
    if header("sec-fetch-site") not in ("", "same-origin", "none"):
        return False
    origin = header("origin")
    return not origin or origin.lower() == f"{scheme}://{header('host').lower()}"


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def is_own_name(host: str) -> bool:
    """Whether a Host field names this machine, whoever resolves it.

    Names in ``localhost`` are never asked of a name server (RFC 6761, section 6.3).
    """
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    if port and not port.isdigit():
        return False
    name = name.lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    if name.startswith("[") and name.endswith("]"):
        return is_loopback(name[1:-1])
    return ":" not in name and is_loopback(name)


def _asks_for_us(header: Header) -> bool:
    return is_own_name(header("host")) and not any(header(name) for name in _FORWARDING)
