//! What proxies in front are believed.

macro_rules! proxies {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Proxies {

    /// Peers that are believed what they say of the client before them: addresses, networks, `unix`, `*`.
    trusted_proxies: Vec<String> = List(trusted::check) {
        default: "127.0.0.0/8,::1,unix",
        reason: "Who can connect to loopback or to a unix socket is on this machine, as the proxy is; Gunicorn \
                 and Uvicorn trust loopback too.",
        placeholder: "PEERS",
        help: "Proxies that are believed",
        details: "Addresses, networks like 10.0.0.0/8, `unix`, `*` or `none`. What these peers say in `Forwarded` and `X-Forwarded-…` fields, and in a PROXY protocol header, \
                  changes client address, scheme, host and prefix; from anyone else it changes nothing. `unix` \
                  is every unix socket, `*` everybody, `none` nobody.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["forwarded_allow_ips", "proxy_allow_ips"],
            uvicorn: &["--proxy-headers", "--forwarded-allow-ips"],
            ..NO_EQUIVALENTS
        },
        sample: ("10.0.0.0/8,unix", || Value::List(vec!["10.0.0.0/8".into(), "unix".into()])),
    }

    /// The fields that a trusted proxy is believed, in lower case; `all` among them stands for every one of
    /// [`FORWARDED_HEADERS`](crate::FORWARDED_HEADERS).
    forwarded_headers: Vec<String> = List(trusted::check_header) {
        default: "x-forwarded-for,x-forwarded-proto",
        reason: "The two that nearly every proxy sets itself, and Uvicorn believes. The others are mostly handed on as a \
                 client has sent them, who could then choose the host and the prefix of links.",
        placeholder: "NAMES",
        help: "Forwarding fields believed",
        details: "Any of `forwarded`, `x-forwarded-for`, `-proto`, `-host`, `-port` and `-prefix`; `all` of them, \
                  or `none`. Name only what your proxy sets itself: it may hand on what a client has sent.",
        reloadable: true,
        sample: ("x-forwarded-for", || Value::Text("X-Forwarded-For".into())),
    }

    /// Whether forwarding headers of peers that are not trusted are kept from the application.
    strip_forwarded: bool = Bool("Hand on forwarding headers as they come") {
        default: "off",
        reason: "The application may want to see what was sent.",
        help: "Remove forwarding headers of untrusted peers",
        details: "For applications and middleware that believe such headers from anybody.",
        reloadable: true,
        sample: ("on", || Value::Bool(true)),
    }

    } } };
}
