//! For how long a worker serves before another takes its place.

macro_rules! replacement {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Replacement {

    /// Requests after which a worker is replaced; `None` for never.
    max_requests: Option<usize> = CountOr(1..=1_000_000_000, "off") {
        default: "off",
        reason: "An application that does not leak needs no replacement.",
        placeholder: "N",
        help: "Replace a worker after so many requests",
        details: "The replacement is ready before the old one stops taking requests.",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["max_requests"],
            uvicorn: &["--limit-max-requests"],
            ..NO_EQUIVALENTS
        },
        sample: ("10000", || Value::Int(10_000)),
    }

    /// Most requests that are added to `max_requests` at random.
    max_requests_jitter: usize = Count(0..=1_000_000_000) {
        default: "0",
        reason: "Workers are replaced one after the other in any case.",
        placeholder: "N",
        help: "Up to so many requests more, at random for each worker",
        reloadable: true,
        equivalents: Equivalents {
            gunicorn: &["max_requests_jitter"],
            uvicorn: &["--limit-max-requests-jitter"],
            ..NO_EQUIVALENTS
        },
        sample: ("500", || Value::Int(500)),
    }

    /// Bytes of resident memory above which a worker is replaced; `u64::MAX` for never.
    max_rss: u64 = Size(Off::Allowed) {
        default: "off",
        reason: "Only who knows the application knows what is too much.",
        placeholder: "SIZE",
        help: "Replace a worker that takes more memory than this",
        details: "Its resident memory, which counts what it shares with other workers as well. It is looked at \
                  again and again, so a worker can be above it for a while. The replacement is ready before the old one stops taking requests.",
        reloadable: true,
        equivalents: Equivalents { granian: &["--workers-max-rss"], ..NO_EQUIVALENTS },
        sample: ("512MiB", || Value::Int(512 << 20)),
    }

    /// Time after which a worker is replaced.
    worker_lifetime: Duration = Duration(Zero::Refused, Off::Allowed) {
        default: "off",
        reason: "An application that does not leak needs no replacement.",
        placeholder: "DURATION",
        help: "Replace a worker after this time",
        details: "The replacement is ready before the old one stops taking requests.",
        reloadable: true,
        equivalents: Equivalents { granian: &["--workers-lifetime"], ..NO_EQUIVALENTS },
        sample: ("6h", || Value::Int(21_600)),
    }

    /// Most time that is added to `worker_lifetime` at random.
    worker_lifetime_jitter: Duration = Duration(Zero::Allowed, Off::Refused) {
        default: "0s",
        reason: "Workers are replaced one after the other in any case.",
        placeholder: "DURATION",
        help: "Up to this much longer, at random for each worker",
        reloadable: true,
        sample: ("10m", || Value::Int(600)),
    }

    } } };
}
