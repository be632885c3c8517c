//! What one request may cost. Every limit is finite by default and has a status of its own.

/// Upper bounds on the parts of a request, in bytes unless said otherwise.
///
/// Exceeding one refuses the request; the status is named with each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Request line without its CRLF: 414. RFC 9112 §3 asks for 8000 at least; 8 KiB is Apache's and nginx's default.
    pub request_line: usize,
    /// One field line without its CRLF, in a head or a trailer section: 431. Room for large cookies and tokens.
    pub field: usize,
    /// The whole head, from the request line to the empty line: 431.
    pub head: usize,
    /// Number of field lines in a head, and again in a trailer section: 431. Apache's and Gunicorn's default.
    pub fields: usize,
    /// Content of a request: 413, before any of it is read when Content-Length tells.
    pub body: u64,
    /// A chunk-size line with its extensions, without CRLF: 400. Also how many bytes of extensions a body may
    /// carry in excess of its data, so that a body cannot consist of extensions alone (as in CVE-2023-39326).
    pub chunk_line: usize,
    /// The whole trailer section: 431.
    pub trailers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            request_line: 8 << 10,
            field: 16 << 10,
            head: 64 << 10,
            fields: 100,
            body: 1 << 30,
            chunk_line: 4 << 10,
            trailers: 8 << 10,
        }
    }
}
