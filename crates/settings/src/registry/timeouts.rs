//! How long to wait for whom.

macro_rules! timeouts {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Timeouts {

    /// From the first byte of a request head to its last.
    head_timeout: Duration = Duration(Zero::Refused, Off::Refused) {
        default: "10s",
        reason: "A head fits into a few packets; who sends it slower than this is stuck or wants to hold \
                 connections (slowloris). Apache's mod_reqtimeout begins with 20 s.",
        placeholder: "DURATION",
        help: "From the first byte of a request head to its last",
        details: "Afterwards the answer is 408. It cannot be off.",
        reloadable: true,
        equivalents: Equivalents { granian: &["--http1-header-read-timeout"], ..NO_EQUIVALENTS },
        sample: ("500ms", || Value::Float(0.5)),
    }

    /// From the end of a response to the first byte of the next request.
    keep_alive_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "75s",
        reason: "nginx's default; longer than the 60 s after which common load balancers drop an idle \
                 connection, so that they and not we close first and no request is lost between.",
        placeholder: "DURATION",
        help: "How long an idle connection is kept for the next request",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["keepalive"],
            uvicorn: &["--timeout-keep-alive"],
            ..NO_EQUIVALENTS
        },
        sample: ("5s", || Value::Int(5)),
    }

    /// Between two arrivals of body bytes that the application waits for.
    body_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "30s",
        reason: "Half of nginx's 60 s: a client that is still there sends something in that time.",
        placeholder: "DURATION",
        help: "Longest pause in a request body",
        details: "Counted between two arrivals while the body is waited for, by the application or, where it \
                  is collected first (`request_buffering`), by Yett; not over the whole body.",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    /// How long a client may take nothing of what is ready for it.
    write_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "30s",
        reason: "Half of nginx's 60 s, for the same reason.",
        placeholder: "DURATION",
        help: "How long a client may take nothing of a response that waits for it",
        details: "Afterwards the connection is closed. What is spooled (`response_spool`) waits for the client \
                  as well.",
        reloadable: true,
        sample: ("1.5m", || Value::Int(90)),
    }

    /// From the start of a request until its response begins.
    request_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "off",
        reason: "Only who knows the application knows how long it may take.",
        placeholder: "DURATION",
        help: "Longest time until a response begins (504 after it)",
        details: "Counted from the complete request head (ASGI) or the call of the application (WSGI), and looked at once \
                  a second. An ASGI request is cancelled; in the thread of a WSGI request `yett.RequestTimeout` is raised. \
                  A worker in which that does not help is replaced. What it was doing stands in the log \
                  (docs/stuck.md).",
        reloadable: true,
        sample: ("30s", || Value::Int(30)),
    }

    /// From the start of a request until its response is complete.
    request_total_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "off",
        reason: "Downloads and streams may take as long as they are worth.",
        placeholder: "DURATION",
        help: "Longest time until a response is complete",
        details: "As `request_timeout`, but streaming counts. A response that has begun is cut off.",
        reloadable: true,
        sample: ("10m", || Value::Int(600)),
    }

    /// How long the event loop or the threads of a worker may show no sign of life.
    beat_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "30s",
        reason: "Gunicorn's default for its workers.",
        placeholder: "DURATION",
        help: "How long a worker's event loop or pool may show no sign of life",
        details: "Where something blocks it for longer, the log says what, and the worker is replaced.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["timeout"],
            uvicorn: &["--timeout-worker-healthcheck"],
            ..NO_EQUIVALENTS
        },
        sample: ("2m", || Value::Int(120)),
    }

    /// How long Python's global lock may not be had in a worker.
    gil_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "30s",
        reason: "As `beat_timeout`.",
        placeholder: "DURATION",
        help: "How long one thread of a worker may hold Python's global lock",
        details: "Code in C that holds it stops every request of the worker; the log says where, and the worker \
                  is replaced.",
        reloadable: true,
        sample: ("1m", || Value::Int(60)),
    }

    /// How long a worker may take until it is ready.
    startup_timeout: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "60s",
        reason: "Large applications import for ten seconds on a busy machine.",
        placeholder: "DURATION",
        help: "Longest time from a worker's start until it is ready",
        details: "Importing the application and the start-up of its lifespan count.",
        reloadable: true,
        sample: ("5m", || Value::Int(300)),
    }

    /// How long running requests may go on after a signal to stop.
    graceful_timeout: Duration = Duration(Zero::Allowed, Off::Allowed) {
        default: "30s",
        reason: "Gunicorn's default, and the time that Kubernetes gives a pod to end.",
        placeholder: "DURATION",
        help: "How long running requests may go on after SIGTERM or SIGINT",
        details: "A second signal ends the server at once.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["graceful_timeout"],
            uvicorn: &["--timeout-graceful-shutdown"],
            granian: &["--workers-kill-timeout"],
        },
        sample: ("0", || Value::Int(0)),
    }

    /// How long new connections are still taken after a signal to stop.
    drain_delay: Duration = Duration(Zero::Allowed, Off::Refused) {
        default: "0s",
        reason: "Where nobody balances load, nobody needs to be told.",
        placeholder: "DURATION",
        help: "How long connections are still taken after SIGTERM",
        details: "For load balancers that take a while to notice: responses say `Connection: close` meanwhile, and \
                  readiness is already off. `graceful_timeout` begins afterwards.",
        reloadable: true,
        sample: ("5s", || Value::Int(5)),
    }

    /// How long streaming responses may go on in a worker that is replaced.
    stream_drain_timeout: Duration = Duration(Zero::Allowed, Off::Allowed) {
        default: "5m",
        reason: "Long enough for most downloads, and who listens to a stream connects again when it ends.",
        placeholder: "DURATION",
        help: "How long streaming responses may go on in a worker that is replaced",
        details: "Responses that have begun when a reload or the limits of a worker's life replace it. Other requests \
                  have `graceful_timeout`.",
        reloadable: true,
        sample: ("1h", || Value::Int(3600)),
    }

    } } };
}
