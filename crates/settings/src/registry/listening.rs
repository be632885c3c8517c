//! Where to listen.

macro_rules! listening {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Listening {

    /// Addresses to listen on; never empty.
    bind: Vec<Listen> = Binds {
        short: Some('b'),
        default: "127.0.0.1:8000",
        reason: "Loopback, so that nothing is reachable from outside before somebody asks for it; 8000 is \
                 the port of Gunicorn, Uvicorn and Django's runserver.",
        placeholder: "ADDR",
        help: "Address to listen on; may be repeated",
        details: "Forms: `host:port`, `[v6]:port`, `:port` (all IPv4 interfaces), `port` (on 127.0.0.1), \
                  `unix:/path`, `fd://3` (a listening socket inherited from the parent process). Port 0 \
                  takes any free port. With `proxy+` before it, as in `proxy+:8000`, every connection must begin \
                  with a header of the PROXY protocol, which tells of the client. In the environment, several addresses are separated by commas or \
                  spaces.",
        equivalents: Equivalents {
            gunicorn: &["bind", "proxy_protocol"],
            uvicorn: &["--host", "--port", "--uds", "--fd"],
            granian: &["--host", "--port", "--uds"],
        },
        sample: ("[::1]:9000", || Value::List(vec!["[::1]:9000".into()])),
    }

    /// Connections that the kernel may queue for each listener.
    backlog: usize = Count(1..=65_535) {
        default: "2048",
        reason: "The value of Gunicorn and Uvicorn; the kernel lowers it to net.core.somaxconn where that \
                 is less.",
        placeholder: "N",
        help: "Connections that the kernel may queue for each address",
        equivalents: Equivalents { gunicorn: &["backlog"], uvicorn: &["--backlog"], granian: &["--backlog"] },
        sample: ("100", || Value::Int(100)),
    }

    /// Permission bits of unix sockets; `None` leaves them to the umask.
    unix_mode: Option<u32> = Mode("umask") {
        default: "umask",
        reason: "What every other program does with the files it makes.",
        placeholder: "MODE",
        help: "File mode of unix sockets, like 660",
        details: "Three octal digits. Whoever may write to the socket may send requests. `umask` leaves the \
                  mode to the process's umask.",
        equivalents: Equivalents { gunicorn: &["umask"], granian: &["--uds-permissions"], ..NO_EQUIVALENTS },
        sample: ("660", || Value::Int(0o660)),
    }

    } } };
}
