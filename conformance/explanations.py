"""Why Yett differs from the corpus where it does, and what it cannot be asked. Names are those of the vectors.

An explanation is used only if the difference is there and the answer has the status that belongs to it. A difference
without one is reported as unexplained and fails the run.
"""

# (kind, name) → the status that our answer to it has, and why, with the clause.
DIFFERENCES: dict[tuple[str, str], tuple[int, str]] = {
    ("invalid", "003c"): (
        200,
        "A method is any token (RFC 9110 §9.1, §5.6.2), and `-bl` is one; whether it is known is the application's "
        "business. The corpus refuses it by a convention of its own.",
    ),
    ("invalid", "041"): (
        200,
        "Two Content-Type fields do not touch framing. They are handed on as sent (RFC 9110 §5.3); the application "
        "that interprets the field decides.",
    ),
    ("valid", "005"): (
        400,
        "`#` is in no form of request-target (RFC 9112 §3.2, RFC 3986 §3): a fragment is never sent.",
    ),
    ("valid", "009"): (
        400,
        "The target has a fragment (RFC 9112 §3.2). Besides, the coding `identity` no longer exists (RFC 9112 §7) and "
        "Content-Length stands beside Transfer-Encoding (RFC 9112 §6.1).",
    ),
    ("valid", "027"): (
        400,
        "A target is of ASCII characters (RFC 9112 §3.2, RFC 3986 §2); other bytes must be percent-encoded.",
    ),
    ("valid", "040"): (
        200,
        "`_` is a token character (RFC 9110 §5.6.2). ASGI keeps names as they are sent, so `Transfer_Encoding` cannot "
        "be taken for `Transfer-Encoding`; nothing is dropped.",
    ),
    ("valid", "099"): (
        400,
        "The body is shorter than its Content-Length and the client ends the connection: the message is incomplete "
        "(RFC 9112 §8), and the application is told so.",
    ),
    ("valid", "rfc9112_target_absolute_userinfo_01"): (
        400,
        "Userinfo in a target from an untrusted source is treated as an error (RFC 9110 §4.2.4).",
    ),
}
CODING = (
    "Only `chunked` is implemented; any other coding, `identity` included, is answered so (RFC 9112 §6.1)."
)
CONNECT = "CONNECT asks for a tunnel (RFC 9110 §9.3.6); an application server is no proxy."
TRAILER = (
    "A trailer field that must not be in a trailer is dropped (RFC 9110 §6.5.1 lets a recipient ignore it): the "
    "framing is whole, and neither head nor application ever sees the field."
)
DIFFERENCES |= {("valid", f"025{suffix}"): (501, CODING) for suffix in ("", "_line")}
DIFFERENCES |= {("valid", name): (501, CODING) for name in ("029", "030")}
DIFFERENCES |= {
    ("valid", f"rfc9112_smuggle_{name}_01"): (501, CODING) for name in ("gzip_chunked", "te_identity_chunked")
}
DIFFERENCES |= {
    ("valid", f"rfc9112_target_authority_{name}_01"): (501, CONNECT) for name in ("connect", "ipv6")
}
DIFFERENCES |= {
    ("invalid", f"rfc9110_trailer_forbidden_{name}_01"): (200, TRAILER) for name in ("cl", "host", "te")
}

NO_HOST_STATUS = 400
NO_HOST = (
    "A 1.1 request without a Host field must be answered 400 (RFC 9112 §3.2). With one added: as expected."
)

# The smallest limit that Yett accepts for a field, see `yett --help`.
SMALLEST_FIELD_LIMIT = 256
# Gunicorn's defaults, which vectors about limits presuppose when they set none.
PRESUPPOSED_LIMITS = {
    "limit_request_line": 4094,
    "limit_request_field_size": 8190,
    "limit_request_fields": 100,
}


def not_applicable(kind: str, settings: dict[str, str]) -> str | None:
    """The reason why a vector that presupposes these settings of Gunicorn cannot be judged; None if it can."""
    field_limit = int(settings.get("limit_request_field_size", 0))
    if 0 < field_limit < SMALLEST_FIELD_LIMIT and "permit_obsolete_folding" not in settings:
        return f"presupposes a field limit of {field_limit} bytes; the lowest here is {SMALLEST_FIELD_LIMIT}"
    if "forwarded_allow_ips" in settings:
        return "forwarded headers are handed on, not interpreted, so they cannot contradict each other"
    if settings.get("header_map") == '"refuse"':
        return "about names that CGI variables cannot tell apart; ASGI keeps names as sent, nothing is mapped"
    if kind == "invalid":
        return None
    if "permit_obsolete_folding" in settings:
        return "line folding is never permitted (RFC 9112 §5.2)"
    if "strip_header_spaces" in settings:
        return "white space before the colon must be refused (RFC 9112 §5.1); there is no switch"
    if "casefold_http_method" in settings:
        return "methods are case-sensitive (RFC 9110 §9.1); there is no switch"
    return None


def needs_proxy_protocol(raw: bytes) -> bool:
    """Whether the bytes begin with a PROXY protocol header, version 1 or 2, which this version does not read."""
    return raw.startswith((b"PROXY ", b"\r\n\r\n\x00\r\nQUIT\n"))


def limit_options(settings: dict[str, str], expectation: object) -> dict[str, int]:
    """Yett's limits for a vector that presupposes Gunicorn's: option → value."""
    limits = {name: int(value) for name, value in settings.items() if name in PRESUPPOSED_LIMITS}
    if isinstance(expectation, str) and expectation.startswith("Limit"):
        # 0 stands for the default there.
        limits = PRESUPPOSED_LIMITS | {name: value for name, value in limits.items() if value}
    options = {}
    if line := limits.get("limit_request_line"):
        options["--limit-request-line"] = line
    if (field := limits.get("limit_request_field_size", 0)) - 2 >= SMALLEST_FIELD_LIMIT:
        options["--limit-field"] = field - 2  # Gunicorn counts the line end, Yett does not
    if fields := limits.get("limit_request_fields"):
        options["--limit-fields"] = fields
    return options
