//! What is added to responses.

macro_rules! responses {
    ($next:ident $($rest:ident)*; $($rows:tt)*) => { $next! { $($rest)*; $($rows)* Responses {

    /// Whether responses say `Server: yett`.
    server_header: bool = Bool("Leave the Server field to the application") {
        default: "on",
        reason: "RFC 9110 §10.2.4 has it for finding out who has a problem; it names no version.",
        help: "Add `Server: yett` to responses that have no Server field",
        reloadable: true,
        equivalents: Equivalents { uvicorn: &["--server-header"], ..NO_EQUIVALENTS },
        sample: ("off", || Value::Bool(false)),
    }

    } } };
}
