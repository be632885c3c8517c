//! How the application is run.

macro_rules! application {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Application {

    /// Which interface the application speaks.
    interface: Interface = Choice {
        short: Some('i'),
        default: "auto",
        reason: "The application tells which one it speaks.",
        placeholder: "NAME",
        help: "Interface of the application: auto, asgi, wsgi",
        details: "`auto` looks at the application, and says so where it cannot tell; ASGI 2 applications are \
                  adapted.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["worker_class"],
            uvicorn: &["--interface"],
            granian: &["--interface"],
        },
        sample: ("wsgi", || Value::Text("wsgi".into())),
    }

    /// Most threads that run a WSGI application.
    threads: usize = Count(1..=1024) {
        short: Some('t'),
        default: "16",
        reason: "Room for sixteen requests that wait for a database or another service at once, which is about \
                 what the usual pools hold for one process (SQLAlchemy's 15). A parked thread costs 20 KiB and no \
                 time: measured with 32, a trivial application ran at 0.97 of its speed with one thread, and one \
                 that computes for 100 µs at 0.94.",
        placeholder: "N",
        help: "Most threads that run the application (WSGI)",
        details: "Only as many of them take requests as the application's own waiting calls for. With 1 no two \
                  requests run at the same time, which an application that is not thread-safe needs.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["threads"],
            granian: &["--blocking-threads"],
            ..NO_EQUIVALENTS
        },
        sample: ("4", || Value::Int(4)),
    }

    /// Whether a request body is collected before a WSGI application is called.
    request_buffering: bool = Bool("Let the application read the body as it arrives (WSGI)") {
        default: "on",
        reason: "A client that sends slowly then holds no thread; nginx and Waitress do the same.",
        help: "Collect the request body before calling the application (WSGI)",
        details: "A collected body is held in memory up to 64KiB, and in a temporary file beyond that. Without \
                  it, `wsgi.input` reads from the connection while the application runs, and a slow client \
                  holds a thread.",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    /// What becomes of request headers with an underscore in their names (WSGI).
    underscore_headers: UnderscoreHeaders = Choice {
        default: "drop",
        reason: "`X_User` and `X-User` both become `HTTP_X_USER`: a client could forge what a proxy sets. nginx \
                 drops them too.",
        placeholder: "WHAT",
        help: "Request headers with _ in their names (WSGI): drop, allow",
        details: "`allow` hands them to the application; then nothing in front may rely on a header whose name \
                  has a hyphen.",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["header_map"], ..NO_EQUIVALENTS },
        sample: ("allow", || Value::Text("allow".into())),
    }

    /// Which application of a Paste file is served; never empty.
    paste_name: String = Text(not_empty) {
        default: "main",
        reason: "PasteDeploy's own default, and the section that Pyramid's templates make.",
        placeholder: "NAME",
        help: "Application in a Paste file: yett production.ini",
        details: "The section `[app:NAME]`, or `[pipeline:NAME]` or `[composite:NAME]`. \
                  `yett production.ini#NAME` says the same and wins.",
        reloadable: true,
        sample: ("other", || Value::Text("other".into())),
    }

    /// Which event loop runs an ASGI application.
    loop_kind as "loop": LoopKind = Choice {
        default: "auto",
        reason: "Who installed uvloop wants it.",
        placeholder: "NAME",
        help: "Event loop (ASGI): auto, asyncio, uvloop",
        details: "`auto` takes uvloop if it is installed, asyncio otherwise.",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["asgi_loop"], uvicorn: &["--loop"], granian: &["--loop"] },
        sample: ("asyncio", || Value::Text("asyncio".into())),
    }

    /// Whether that takes part in the lifespan protocol.
    lifespan: Lifespan = Choice {
        default: "auto",
        reason: "ASGI tells servers to go on when an application does not support the lifespan protocol.",
        placeholder: "WHEN",
        help: "Lifespan protocol (ASGI): auto, on, off",
        details: "`auto` offers it and serves without it if the application raises before it answers; `on` \
                  demands it; `off` never offers it.",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["asgi_lifespan"], uvicorn: &["--lifespan"], ..NO_EQUIVALENTS },
        sample: ("off", || Value::Text("off".into())),
    }

    /// Prefix under which the application is mounted: empty, or `/prefix` without a slash at its end.
    root_path: String = Text(normal_root_path) {
        default: "",
        reason: "The application stands at the root.",
        placeholder: "PATH",
        help: "Prefix under which a proxy serves the application",
        details: "The `root_path` of ASGI and the `SCRIPT_NAME` of WSGI. It starts with a slash; slashes at its end are dropped.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["root_path"],
            uvicorn: &["--root-path"],
            granian: &["--url-path-prefix"],
        },
        sample: ("/app/", || Value::Text("/app".into())),
    }

    /// Whether a request's task takes its first step at once (Python 3.12 or later).
    eager_tasks: bool = Bool("Begin requests in the next turn of the event loop (ASGI)") {
        default: "on",
        reason: "A handler that does not wait is answered without a turn of the event loop.",
        help: "Begin requests at once, without a turn of the event loop (ASGI)",
        details: "Needs Python 3.12 or later, and that the application sets no task factory.",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    } } };
}
