//! How much a request may be, and a response may leave behind.

macro_rules! limits {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Limits {

    /// Bytes of the request line.
    limit_request_line: usize = Buffer(256) {
        default: "8KiB",
        reason: "RFC 9112 §3 asks for at least 8000 bytes; Apache's and nginx's default.",
        placeholder: "SIZE",
        help: "Request line (414 above it)",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["limit_request_line"], ..NO_EQUIVALENTS },
        sample: ("4KiB", || Value::Int(4096)),
    }

    /// Bytes of one header field.
    limit_field: usize = Buffer(256) {
        default: "16KiB",
        reason: "Room for four cookies of the 4096 bytes that browsers allow; Node's limit for the whole \
                 head.",
        placeholder: "SIZE",
        help: "One header field (431 above it)",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["limit_request_field_size"], ..NO_EQUIVALENTS },
        sample: ("4KiB", || Value::Text("4096".into())),
    }

    /// Bytes of a whole request head.
    limit_head: usize = Buffer(1024) {
        default: "64KiB",
        reason: "Uvicorn's limit.",
        placeholder: "SIZE",
        help: "Whole request head (431 above it)",
        reloadable: true,
        equivalents: Equivalents {
            uvicorn: &["--h11-max-incomplete-event-size"],
            granian: &["--http1-buffer-size"],
            ..NO_EQUIVALENTS
        },
        sample: ("1MiB", || Value::Int(1 << 20)),
    }

    /// Number of header fields.
    limit_fields: usize = Count(1..=10_000) {
        default: "100",
        reason: "The limit of Apache, Gunicorn and hyper.",
        placeholder: "N",
        help: "Number of header fields (431 above it)",
        reloadable: true,
        equivalents: Equivalents { gunicorn: &["limit_request_fields"], ..NO_EQUIVALENTS },
        sample: ("7", || Value::Int(7)),
    }

    /// Bytes of a request body.
    limit_body: u64 = Size(Off::Allowed) {
        default: "1GiB",
        reason: "Apache's default since 2.4.53. Bodies are streamed, or collected in a file, so it protects \
                 the disk, not the memory.",
        placeholder: "SIZE",
        help: "Request body (413 above it)",
        reloadable: true,
        sample: ("off", || Value::Bool(false)),
    }

    /// Bytes of a chunk-size line with its extensions.
    limit_chunk_line: usize = Buffer(16) {
        default: "4KiB",
        reason: "Nobody uses chunk extensions; unbounded ones let a client send much and say nothing \
                 (CVE-2023-39326).",
        placeholder: "SIZE",
        help: "Chunk-size line with its extensions (400 above it)",
        reloadable: true,
        sample: ("100", || Value::Int(100)),
    }

    /// Bytes of a trailer section.
    limit_trailers: usize = Buffer(256) {
        default: "8KiB",
        reason: "Checksums and signatures are all that trailers carry.",
        placeholder: "SIZE",
        help: "Trailer section of a chunked body (431 above it)",
        reloadable: true,
        sample: ("1k", || Value::Int(1024)),
    }

    /// Bytes of a response that may wait for its client in a temporary file (WSGI).
    response_spool: u64 = Size(Off::Refused) {
        default: "1GiB",
        reason: "nginx's proxy_max_temp_file_size.",
        placeholder: "SIZE",
        help: "How much of a response may wait in a temporary file (WSGI)",
        details: "Counted for each response whose client takes it more slowly than the application makes it. \
                  Above it, and from the start with 0, the thread waits for the client.",
        reloadable: true,
        sample: ("0", || Value::Int(0)),
    }

    } } };
}
