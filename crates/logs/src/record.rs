//! What is known of one request, and of what became of it: gathered while it runs, copied where it must be, and no more
//! than the format asks for.

use std::net::IpAddr;

use crate::basic::basic_user;
use crate::clock;
use crate::needs::Needs;
use crate::request_id::RequestId;

/// The status of a request whose client has gone before it got any (nginx's number).
pub const CLIENT_GONE: u16 = 499;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response was made, and handed to the system.
    Answered,
    /// The client left before it had all of its response.
    ClientGone,
    /// The client was too slow: with its head, its body, or in taking the response.
    TimedOut,
    /// The request was refused: it was malformed or above a limit. No application has seen all of it.
    Rejected,
    /// There was too much to do.
    Shed,
    /// The application failed, or left its response unfinished.
    Failed,
    /// The process that was answering it has died.
    WorkerDied,
}

impl Outcome {
    /// As lines have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ClientGone => "client-gone",
            Self::TimedOut => "timed-out",
            Self::Rejected => "rejected",
            Self::Shed => "shed",
            Self::Failed => "failed",
            Self::WorkerDied => "worker-died",
        }
    }
}

/// Who sent the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// Somebody without an address: on a unix socket.
    #[default]
    Unix,
    /// An address.
    Ip(IpAddr),
}

/// Which interface the application speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// ASGI.
    Asgi,
    /// WSGI.
    Wsgi,
}

/// A request's head, as the record wants to see it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a, F> {
    /// The method, as sent.
    pub method: &'a [u8],
    /// The target, as sent.
    pub target: &'a [u8],
    /// The path in it, percent-encoded.
    pub path: &'a [u8],
    /// The query in it, without `?`.
    pub query: &'a [u8],
    /// Whether the client spoke HTTP/1.0.
    pub http10: bool,
    /// (name, value) of all fields.
    pub fields: F,
}

/// Where something stands in the record's bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// One request. See the fields for what whoever serves it fills in.
#[derive(Clone, Debug)]
pub struct Record {
    bytes: Vec<u8>,
    method: Span,
    target: Span,
    path: Span,
    query: Span,
    user: Span,
    referer: Span,
    user_agent: Span,
    traceparent: Span,
    request_headers: Vec<Span>,
    response_headers: Vec<Span>,
    variables: Vec<Span>,
    http10: bool,
    began: u64,
    ready: u64,
    called: u64,
    first_byte: u64,
    /// Who sent it.
    pub client: Client,
    /// Which interface serves it; `None` if it came to none.
    pub interface: Option<Interface>,
    /// Its id.
    pub request_id: RequestId,
    /// Status of the response; [`CLIENT_GONE`] if it never got one.
    pub status: u16,
    /// What became of it; `None` until that is known.
    pub outcome: Option<Outcome>,
    /// Why, where the outcome does not say it all; a sentence of ours.
    pub reason: &'static str,
    /// Bytes of the response's body.
    pub body_bytes: u64,
    /// Bytes of the request on the wire.
    pub bytes_in: u64,
    /// Bytes of the response on the wire.
    pub bytes_out: u64,
}

impl Record {
    /// A request begins. Copies what `needs` asks for.
    pub fn begin<'a, F>(needs: &Needs, client: Client, interface: Interface, head: Head<'a, F>) -> Self
    where
        F: Iterator<Item = (&'a [u8], &'a [u8])>,
    {
        let mut record = Self::new(client);
        record.interface = Some(interface);
        record.http10 = head.http10;
        record.method = record.copy(head.method);
        record.target = record.copy(head.target);
        // Mostly they are parts of it.
        let Span { start, end } = record.target;
        record.path = if head.target.starts_with(head.path) {
            Span { start, end: start + head.path.len() as u32 }
        } else {
            record.copy(head.path)
        };
        record.query = if head.target.ends_with(head.query) {
            Span { start: end - head.query.len() as u32, end }
        } else {
            record.copy(head.query)
        };
        record.copy_fields(needs, head.fields);
        record
    }

    /// The record of a request that was refused before it was understood.
    #[must_use]
    pub fn of_refusal(client: Client) -> Self {
        Self::new(client)
    }

    /// The record of a request that a process which has died was answering. `began`: in microseconds of the monotonic
    /// clock. `status`: of the response, if it had begun.
    #[must_use]
    pub fn of_lost(client: Client, method: &[u8], target: &[u8], began: u64, status: Option<u16>) -> Self {
        let mut record = Self::new(client);
        record.began = began;
        record.method = record.copy(method);
        record.target = record.copy(target);
        let path = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
        let Span { start, end } = record.target;
        record.path = Span { start, end: start + path as u32 };
        record.query = Span { start: end.min(start + path as u32 + 1), end };
        record.conclude(Outcome::WorkerDied, status.unwrap_or(CLIENT_GONE), "The worker has died.");
        record
    }

    /// When the request began, in microseconds of the monotonic clock.
    #[must_use]
    pub fn began(&self) -> u64 {
        self.began
    }

    fn new(client: Client) -> Self {
        Self {
            // A request line and two fields of a browser.
            bytes: Vec::with_capacity(256),
            method: Span::default(),
            target: Span::default(),
            path: Span::default(),
            query: Span::default(),
            user: Span::default(),
            referer: Span::default(),
            user_agent: Span::default(),
            traceparent: Span::default(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            variables: Vec::new(),
            http10: false,
            began: clock::micros(),
            ready: 0,
            called: 0,
            first_byte: 0,
            client,
            interface: None,
            request_id: RequestId::None,
            status: CLIENT_GONE,
            outcome: None,
            reason: "",
            body_bytes: 0,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    fn copy_fields<'a>(&mut self, needs: &Needs, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
        self.request_headers = vec![Span::default(); needs.request_headers.len()];
        for (name, value) in fields {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            match name.len() {
                7 if needs.referer && is(b"referer") => self.referer = self.copy(value),
                10 if needs.user_agent && is(b"user-agent") => self.user_agent = self.copy(value),
                11 if needs.traceparent && is(b"traceparent") => self.traceparent = self.copy(value),
                13 if needs.user && is(b"authorization") => {
                    if let Some(user) = basic_user(value) {
                        self.user = self.copy(&user);
                    }
                }
                _ => {}
            }
            // The first of several counts, as in `environ`.
            // A format may show it more than once.
            for (place, wanted) in needs.request_headers.iter().enumerate() {
                if is(wanted.as_bytes()) && self.request_headers.get(place).is_some_and(|span| span.end == 0)
                {
                    let span = self.copy(value);
                    if let Some(field) = self.request_headers.get_mut(place) {
                        *field = span;
                    }
                }
            }
        }
    }

    fn copy(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Span { start, end: self.bytes.len() as u32 }
    }

    fn of(&self, span: Span) -> &[u8] {
        self.bytes.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    // ---- while it runs ----

    /// The request is complete, and waits for its application.
    pub fn is_ready(&mut self) {
        self.ready = clock::micros();
    }

    /// The application is called.
    pub fn is_called(&mut self) {
        self.called = clock::micros();
    }

    /// The head of the response is made. `fields`: looked at only if the format asks for some.
    pub fn responds<'a>(
        &mut self,
        needs: &Needs,
        status: u16,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) {
        self.status = status;
        if needs.times {
            self.first_byte = clock::micros();
        }
        if needs.wants_response_headers() {
            self.response_headers = vec![Span::default(); needs.response_headers.len()];
            for (name, value) in fields {
                for (place, wanted) in needs.response_headers.iter().enumerate() {
                    if name.eq_ignore_ascii_case(wanted.as_bytes()) {
                        let span = self.copy(value);
                        if let Some(field) = self.response_headers.get_mut(place) {
                            *field = span;
                        }
                    }
                }
            }
        }
    }

    /// The values of [`Needs::variables`], in their order, are known.
    pub fn add_variable(&mut self, value: &str) {
        let span = self.copy(value.as_bytes());
        self.variables.push(span);
    }

    /// Notes what became of it, unless that was noted before. `status`: for a request that has got no answer yet.
    pub fn conclude(&mut self, outcome: Outcome, status: u16, reason: &'static str) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.reason = reason;
            if self.status == CLIENT_GONE {
                self.status = status;
            }
        }
    }

    // ---- for the line ----

    /// Whether there was a request line.
    pub(crate) fn is_understood(&self) -> bool {
        self.method.end > 0
    }

    pub(crate) fn method(&self) -> &[u8] {
        self.of(self.method)
    }

    pub(crate) fn target(&self) -> &[u8] {
        self.of(self.target)
    }

    pub(crate) fn path(&self) -> &[u8] {
        self.of(self.path)
    }

    pub(crate) fn query(&self) -> &[u8] {
        self.of(self.query)
    }

    pub(crate) fn user(&self) -> &[u8] {
        self.of(self.user)
    }

    pub(crate) fn referer(&self) -> &[u8] {
        self.of(self.referer)
    }

    pub(crate) fn user_agent(&self) -> &[u8] {
        self.of(self.user_agent)
    }

    pub(crate) fn traceparent(&self) -> &[u8] {
        self.of(self.traceparent)
    }

    pub(crate) fn request_header(&self, place: usize) -> &[u8] {
        self.request_headers.get(place).map_or(&[], |span| self.of(*span))
    }

    pub(crate) fn response_header(&self, place: usize) -> &[u8] {
        self.response_headers.get(place).map_or(&[], |span| self.of(*span))
    }

    pub(crate) fn variable(&self, place: usize) -> &[u8] {
        self.variables.get(place).map_or(&[], |span| self.of(*span))
    }

    pub(crate) fn protocol(&self) -> &'static str {
        if self.http10 { "HTTP/1.0" } else { "HTTP/1.1" }
    }

    /// Microseconds up to `now`.
    pub(crate) fn duration(&self, now: u64) -> u64 {
        now.saturating_sub(self.began)
    }

    /// Microseconds from the complete request to the application's call, if it was called.
    pub(crate) fn queue_time(&self) -> Option<u64> {
        let ready = if self.ready > 0 { self.ready } else { self.began };
        (self.called > 0).then(|| self.called.saturating_sub(ready))
    }

    /// Microseconds to the head of the response, if there was one.
    pub(crate) fn time_to_first_byte(&self) -> Option<u64> {
        (self.first_byte > 0).then(|| self.first_byte.saturating_sub(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_request_has_what_was_known_of_it() {
        for (target, path, query) in
            [("/a?b=c?d", "/a", "b=c?d"), ("/a", "/a", ""), ("/a?", "/a", ""), ("*", "*", "")]
        {
            let record = Record::of_lost(Client::Unix, b"GET", target.as_bytes(), 5, None);
            assert_eq!((record.path(), record.query()), (path.as_bytes(), query.as_bytes()));
            assert_eq!((record.method(), record.duration(9), record.status), (&b"GET"[..], 4, CLIENT_GONE));
            assert_eq!(record.outcome, Some(Outcome::WorkerDied));
        }
        assert_eq!(Record::of_lost(Client::Unix, b"GET", b"/", 5, Some(200)).status, 200);
    }

    #[test]
    fn an_outcome_is_noted_once() {
        let mut record = Record::of_refusal(Client::Unix);
        record.conclude(Outcome::Rejected, 400, "No.");
        record.conclude(Outcome::ClientGone, CLIENT_GONE, "");
        assert_eq!((record.outcome, record.status, record.reason), (Some(Outcome::Rejected), 400, "No."));
    }
}
