//! A request head as every protocol shows it: spans into the bytes received, nothing copied.

use std::ops::Range;

/// The version that the client spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http11,
}

impl Version {
    /// `1.0` or `1.1`, as gateways show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
        }
    }
}

/// How the content of a request is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// No content: neither Content-Length nor Transfer-Encoding, or a length of zero.
    #[default]
    None,
    /// So many bytes, more than zero.
    Length(u64),
    /// As chunks; the length is not known before.
    Chunked,
}

/// Where something is in the input. 32 bits are enough: heads are bounded far below that, see
/// [`crate::h1::Connection::new`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[inline]
    pub(crate) fn new(range: Range<usize>) -> Self {
        Span { start: range.start as u32, end: range.end as u32 }
    }

    /// The bytes; empty if `input` is not the input that was parsed.
    #[inline]
    fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Spans of one field line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldSpan {
    pub name: Span,
    pub value: Span,
}

/// Spans of a parsed head, relative to the start of the `input` that was given to
/// [`handle_input`](crate::h1::Connection::handle_input). Scratch memory: one per worker, reused for every request.
#[derive(Clone, Debug, Default)]
pub struct HeadSpans {
    pub(crate) method: Span,
    pub(crate) target: Span,
    /// `None`: the target is in absolute-form and has no path.
    pub(crate) path: Option<Span>,
    pub(crate) query: Span,
    pub(crate) version: Version,
    pub(crate) body: BodyLength,
    pub(crate) authority: Option<Span>,
    pub(crate) field_block: Span,
    pub(crate) rewrites_host: bool,
    pub(crate) expects_continue: bool,
    pub(crate) accepts_trailers: bool,
    pub(crate) forwarding: bool,
    pub(crate) upgrade: Option<Span>,
    pub(crate) fields: Vec<FieldSpan>,
}

impl HeadSpans {
    /// No head yet; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The head, read from `input`: the same bytes that were given to `handle_input` when it returned
    /// [`Event::Request`](crate::h1::Event::Request).
    pub fn view<'a>(&'a self, input: &'a [u8]) -> RequestHead<'a> {
        RequestHead { spans: self, input }
    }
}

/// A request head that outlives the bytes it came in: for a request that is not handed on at once.
#[derive(Debug)]
pub struct StoredHead {
    spans: HeadSpans,
    bytes: Vec<u8>,
}

impl StoredHead {
    /// The head.
    pub fn view(&self) -> RequestHead<'_> {
        self.spans.view(&self.bytes)
    }
}

/// A request head.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    spans: &'a HeadSpans,
    input: &'a [u8],
}

impl<'a> RequestHead<'a> {
    /// A copy of its own.
    pub fn store(&self) -> StoredHead {
        let spans = self.spans;
        // The field block is the last part of a head that a span speaks of; without fields it is the target or version.
        let last = [spans.field_block, spans.target, spans.query].map(|span| span.end).into_iter().max();
        let end = last.unwrap_or(0) as usize;
        StoredHead { spans: spans.clone(), bytes: self.input.get(..end).unwrap_or(self.input).to_vec() }
    }

    /// The method, as sent (methods are case-sensitive).
    pub fn method(&self) -> &'a [u8] {
        self.spans.method.of(self.input)
    }

    /// The request target as sent; for logs.
    pub fn target(&self) -> &'a [u8] {
        self.spans.target.of(self.input)
    }

    /// The path, still percent-encoded: `/…`, or `*` for `OPTIONS *`. Of an absolute-form target without a path: `/`,
    /// and `*` for OPTIONS if there is no query either (RFC 9112 §3.2.4).
    pub fn path(&self) -> &'a [u8] {
        match self.spans.path {
            Some(path) => path.of(self.input),
            None if self.method() == b"OPTIONS" && !self.target().contains(&b'?') => b"*",
            None => b"/",
        }
    }

    /// The query, without its `?`; empty if there is none.
    pub fn query(&self) -> &'a [u8] {
        self.spans.query.of(self.input)
    }

    /// The version the client spoke.
    pub fn version(&self) -> Version {
        self.spans.version
    }

    /// How the content is delimited.
    pub fn body(&self) -> BodyLength {
        self.spans.body
    }

    /// `host[:port]` the request is for: that of an absolute-form target, else the value of Host (which may be empty).
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.spans.authority.map(|span| span.of(self.input))
    }

    /// The raw bytes of all field lines, each with its CRLF, without the empty line: a key for caches. Two heads with
    /// the same field block have the same [`fields`](Self::fields) unless [`rewrites_host`](Self::rewrites_host).
    pub fn field_block(&self) -> &'a [u8] {
        self.spans.field_block.of(self.input)
    }

    /// True for an absolute-form target: the value of Host is replaced by its authority (RFC 9112 §3.2.2).
    pub fn rewrites_host(&self) -> bool {
        self.spans.rewrites_host
    }

    /// (name, value) of every field: as sent and in order, names not lowered, white space around values left out, the
    /// value of Host replaced for an absolute-form target.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let input = self.input;
        self.spans.fields.iter().map(move |field| (field.name.of(input), field.value.of(input)))
    }

    /// True if the client waits for a 100 before it sends the content (RFC 9110 §10.1.1).
    pub fn expects_continue(&self) -> bool {
        self.spans.expects_continue
    }

    /// True if the client said `TE: trailers` (RFC 9110 §10.1.4). `Connection: TE`, which should come with it, is not
    /// asked for: nothing goes wrong without.
    pub fn accepts_trailers(&self) -> bool {
        self.spans.accepts_trailers
    }

    /// True if there are fields of the kind that proxies write (see
    /// [`is_forwarding`](crate::gateway::forwarded::is_forwarding)).
    pub fn has_forwarding(&self) -> bool {
        self.spans.forwarding
    }

    /// The value of (the first) Upgrade field, if this is HTTP/1.1 and Connection lists `upgrade` (RFC 9110 §7.8).
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        self.spans.upgrade.map(|span| span.of(self.input))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_another_input_give_nothing_rather_than_a_panic() {
        let mut spans = HeadSpans::new();
        spans.method = Span::new(0..3);
        spans.target = Span::new(4..400);
        let head = spans.view(b"GET /");
        assert_eq!(head.method(), b"GET");
        assert_eq!(head.target(), b"");
        assert_eq!(spans.view(b"").method(), b"");
    }

    #[test]
    fn a_stored_head_is_the_same_without_what_came_behind_it() {
        use crate::h1::Connection;
        let input = b"POST http://a.example/x?y=1 HTTP/1.1\r\nHost: b\r\nX-Last: value\r\nContent-Length: 4\r\n\r\nbody";
        let mut spans = HeadSpans::new();
        let mut connection = Connection::new(std::sync::Arc::default());
        connection.handle_input(input, &mut spans).unwrap();
        let head = spans.view(input);
        let stored = head.store();
        let copy = stored.view();
        assert_eq!((copy.method(), copy.path(), copy.query()), (head.method(), head.path(), head.query()));
        assert!(copy.fields().eq(head.fields()) && copy.rewrites_host());
        assert_eq!(copy.field_block(), head.field_block());
        assert!(stored.bytes.len() < input.len() - 4);
    }

    #[test]
    fn versions_have_their_names() {
        assert_eq!((Version::Http10.as_str(), Version::Http11.as_str()), ("1.0", "1.1"));
    }
}
