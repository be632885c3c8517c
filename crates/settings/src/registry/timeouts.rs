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

    } } };
}
