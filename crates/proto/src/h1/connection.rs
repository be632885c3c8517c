//! The state machine of a connection: what comes in. `response` holds the other half, `LIFECYCLE.md` the rules.

use std::sync::Arc;

use super::chunked::{ChunkDecoder, ChunkPiece};
use super::head::{self, Parsed, Scan};
use super::response::Sending;
use crate::error::RequestError;
use crate::headers::FieldBlock;
use crate::limits::Limits;
use crate::request::{BodyLength, HeadSpans, Version};

/// How much of a request body that nobody asked for is read and thrown away so that the connection can be used again.
/// Beyond it a new connection is cheaper. Go's server draws the line at the same place.
pub(super) const DISCARD_LIMIT: u64 = 256 << 10;

/// What [`Connection::handle_input`] made of its input.
#[derive(Debug, PartialEq, Eq)]
pub struct Progress<'b> {
    /// So many bytes from the start of the input are done with and must not be presented again; also with
    /// [`Event::NeedInput`].
    pub consumed: usize,
    /// What they were.
    pub event: Event<'b>,
}

/// What happened on the receiving side.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// Nothing can be made of the rest yet: present what is not consumed again, with more behind it.
    NeedInput,
    /// A whole head. Its spans are relative to the input of this call; its bytes are counted as consumed.
    Request,
    /// A piece of the body, never empty.
    Data(&'b [u8]),
    /// The body is complete, trailers included. Not emitted for a request without a body.
    End,
    /// The current exchange is not finished: the next request, whose bytes are here already, must wait for
    /// [`finish_exchange`](Connection::finish_exchange). Nothing is consumed.
    Blocked,
    /// No more requests are taken on this connection. All input is consumed, now and from now on.
    Closed,
}

/// What follows a finished exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ready for the next request.
    KeepAlive,
    /// The response is done, but the body of the request is still coming: keep calling
    /// [`handle_input`](Connection::handle_input) and throw its data away. After [`Event::End`] the connection is ready
    /// for the next request; if too much comes, it returns [`Event::Closed`].
    Discard,
    /// Close the connection once everything written has gone out.
    Close,
}

/// What is being received.
#[derive(Debug)]
enum Receiving {
    /// Nothing, or a part of a head.
    Head(Scan),
    /// A body of which so many bytes are still to come; after 0 only the event is.
    Length(u64),
    Chunked(ChunkDecoder),
    /// The request is complete.
    Complete,
    /// Nothing any more.
    Closed,
}

/// One HTTP/1.1 server connection: bytes in, events out, and bytes to send written where the caller says. Owns no buffers.
#[derive(Debug)]
pub struct Connection {
    pub(super) limits: Arc<Limits>,
    receiving: Receiving,
    pub(super) sending: Sending,
    trailers: Option<Box<FieldBlock>>,
    /// Bytes thrown away since [`Next::Discard`].
    discarded: u64,
    pub(super) version: Version,
    /// A request was emitted, and [`finish_exchange`](Self::finish_exchange) has not made an end of it yet.
    pub(super) in_exchange: bool,
    pub(super) method_is_head: bool,
    /// The client waits for a 100: it asked for one, got none and has sent no byte of the body.
    pub(super) awaits_continue: bool,
    pub(super) accepts_trailers: bool,
    /// The connection ends after this response.
    pub(super) closing: bool,
    draining: bool,
    /// The request broke off or was malformed: nothing but an error response may be written.
    pub(super) failed: bool,
    discarding: bool,
    /// The one empty line that is tolerated before a request line has been.
    blank_line_seen: bool,
}

impl Connection {
    /// A connection before its first byte. Head limits above 1 GiB are taken as 1 GiB.
    pub fn new(limits: Arc<Limits>) -> Self {
        Connection {
            limits,
            receiving: Receiving::Head(Scan::default()),
            sending: Sending::Idle,
            trailers: None,
            discarded: 0,
            version: Version::Http11,
            in_exchange: false,
            method_is_head: false,
            awaits_continue: false,
            accepts_trailers: false,
            closing: false,
            draining: false,
            failed: false,
            discarding: false,
            blank_line_seen: false,
        }
    }

    /// Takes `input`: all bytes received and not yet consumed, in order. Call it again after each event, until it
    /// returns `NeedInput`, `Blocked` or `Closed`. Empty input gives `NeedInput` or an `End` that is due, unless the
    /// connection is over.
    ///
    /// Error: the request is malformed or above a limit. Nothing is received any more then; what can be sent is
    /// [`send_error`](Self::send_error), if no response has started.
    pub fn handle_input<'b>(
        &mut self,
        input: &'b [u8],
        head: &mut HeadSpans,
    ) -> Result<Progress<'b>, RequestError> {
        let progress = self.receive(input, head);
        if progress.is_err() {
            self.fail();
        }
        progress
    }

    fn receive<'b>(&mut self, input: &'b [u8], head: &mut HeadSpans) -> Result<Progress<'b>, RequestError> {
        match &mut self.receiving {
            Receiving::Head(_) => self.receive_head(input, head),
            Receiving::Length(0) => Ok(self.end_body(0)),
            Receiving::Length(_) if input.is_empty() => Ok(Progress { consumed: 0, event: Event::NeedInput }),
            Receiving::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= length as u64;
                Ok(self.pass_body(length, Event::Data(&input[..length])))
            }
            Receiving::Chunked(decoder) => {
                let (consumed, piece) = decoder.decode(input, &self.limits, &mut self.trailers)?;
                self.awaits_continue &= input.is_empty();
                Ok(match piece {
                    ChunkPiece::NeedInput => self.pass_body(consumed, Event::NeedInput),
                    ChunkPiece::Data(data) => self.pass_body(consumed, Event::Data(data)),
                    ChunkPiece::End => self.end_body(consumed),
                })
            }
            Receiving::Complete if input.is_empty() => Ok(Progress { consumed: 0, event: Event::NeedInput }),
            Receiving::Complete if !self.closing => Ok(Progress { consumed: 0, event: Event::Blocked }),
            Receiving::Complete | Receiving::Closed => {
                Ok(Progress { consumed: input.len(), event: Event::Closed })
            }
        }
    }

    fn receive_head<'b>(
        &mut self,
        input: &'b [u8],
        spans: &mut HeadSpans,
    ) -> Result<Progress<'b>, RequestError> {
        let Receiving::Head(scan) = &mut self.receiving else {
            return Ok(Progress { consumed: 0, event: Event::NeedInput });
        };
        let mut start = 0;
        // An empty line before the request line comes from old clients that end a body with one (RFC 9112 §2.2).
        if input.first() == Some(&b'\r') && !self.blank_line_seen {
            match input.get(1) {
                Some(b'\n') => start = 2,
                Some(_) => return Err(RequestError::BareCr),
                None => return Ok(Progress { consumed: 0, event: Event::NeedInput }),
            }
            self.blank_line_seen = true;
        }
        let head = &input[start..];
        if head.is_empty() {
            return Ok(Progress { consumed: start, event: Event::NeedInput });
        }
        // A caller that presents less than before has lost bytes; looking again from the start is the safe answer.
        if head.len() < scan.seen() {
            *scan = Scan::default();
        }
        if !scan.is_empty() && !head::resume(head, scan, &self.limits)? {
            return Ok(Progress { consumed: start, event: Event::NeedInput });
        }
        match head::parse(input, start, &self.limits, spans)? {
            Parsed::Incomplete(seen) => {
                *scan = seen;
                Ok(Progress { consumed: start, event: Event::NeedInput })
            }
            Parsed::Complete { end, keep_alive } => {
                self.start_exchange(spans, input, keep_alive);
                Ok(Progress { consumed: end, event: Event::Request })
            }
        }
    }

    fn start_exchange(&mut self, spans: &HeadSpans, input: &[u8], keep_alive: bool) {
        self.receiving = match spans.body {
            BodyLength::None => Receiving::Complete,
            BodyLength::Length(length) => Receiving::Length(length),
            BodyLength::Chunked => Receiving::Chunked(ChunkDecoder::new()),
        };
        self.in_exchange = true;
        self.version = spans.version;
        self.method_is_head = spans.view(input).method() == b"HEAD";
        self.awaits_continue = spans.expects_continue;
        self.accepts_trailers = spans.accepts_trailers;
        self.closing = self.draining || !keep_alive;
    }

    /// Body bytes have come: hands the event on, or, while discarding, gives up when it is too much.
    fn pass_body<'b>(&mut self, consumed: usize, event: Event<'b>) -> Progress<'b> {
        self.awaits_continue &= consumed == 0;
        if self.discarding {
            self.discarded = self.discarded.saturating_add(consumed as u64);
            if self.discarded > DISCARD_LIMIT {
                self.receiving = Receiving::Closed;
                self.closing = true;
                return Progress { consumed, event: Event::Closed };
            }
        }
        Progress { consumed, event }
    }

    fn end_body<'b>(&mut self, consumed: usize) -> Progress<'b> {
        self.awaits_continue = false;
        self.receiving = Receiving::Complete;
        if self.discarding {
            self.start_next();
        }
        Progress { consumed, event: Event::End }
    }

    /// The peer sent FIN, and all input before it was presented: call it when the rest of the input gives `NeedInput`;
    /// while it gives `Blocked`, pipelined requests wait, and so should this.
    ///
    /// Error: it came early, inside a head or a body. `Ok` between requests, or once the request is whole: the response
    /// can still be sent (the client may have closed its half only). No new request is accepted afterwards.
    pub fn handle_eof(&mut self) -> Result<(), RequestError> {
        self.closing = true;
        match self.receiving {
            Receiving::Head(scan) if !scan.is_empty() => {
                self.fail();
                Err(RequestError::EarlyEndOfHead)
            }
            Receiving::Length(1..) | Receiving::Chunked(_) if !self.discarding => {
                self.fail();
                Err(RequestError::EarlyEndOfBody)
            }
            Receiving::Head(_) | Receiving::Length(1..) | Receiving::Chunked(_) => {
                self.receiving = Receiving::Closed;
                Ok(())
            }
            Receiving::Length(0) | Receiving::Complete | Receiving::Closed => Ok(()),
        }
    }

    fn fail(&mut self) {
        self.receiving = Receiving::Closed;
        self.failed = true;
        self.closing = true;
        self.awaits_continue = false;
    }

    /// Takes no more input (an error response ends the connection).
    pub(super) fn stop_receiving(&mut self) {
        self.receiving = Receiving::Closed;
        self.closing = true;
    }

    /// How many bytes of the request's body are still to come, if its length is known.
    pub(super) fn body_left(&self) -> u64 {
        match self.receiving {
            Receiving::Length(left) => left,
            _ => 0,
        }
    }

    /// Some bytes of a head have come, but not all: the head deadline runs.
    pub fn in_head(&self) -> bool {
        matches!(self.receiving, Receiving::Head(scan) if !scan.is_empty())
    }

    /// A request was emitted, and it or its response is not yet complete.
    pub fn in_exchange(&self) -> bool {
        self.in_exchange && !(self.request_complete() && self.response_complete())
    }

    /// The body of the current request is fully received, or there is none; also if its [`Event::End`] is still due, so
    /// that nobody who has the last byte waits for more.
    pub fn request_complete(&self) -> bool {
        !self.failed && !matches!(self.receiving, Receiving::Length(1..) | Receiving::Chunked(_))
    }

    /// The trailers of the current request, without those that a trailer section may not have; once, after
    /// [`Event::End`].
    pub fn take_trailers(&mut self) -> Option<Box<FieldBlock>> {
        if self.request_complete() { self.trailers.take() } else { None }
    }

    /// Makes an end of the exchange; to be called when [`response_complete`](Self::response_complete). Tells what
    /// follows.
    pub fn finish_exchange(&mut self) -> Next {
        let too_much_left = self.body_left() > DISCARD_LIMIT;
        if !self.response_complete() || self.closing || self.failed || too_much_left {
            self.stop_receiving();
            self.in_exchange = false;
            return Next::Close;
        }
        if self.request_complete() {
            self.start_next();
            return Next::KeepAlive;
        }
        self.discarding = true;
        self.discarded = 0;
        Next::Discard
    }

    fn start_next(&mut self) {
        let limits = Arc::clone(&self.limits);
        *self = Connection { draining: self.draining, ..Connection::new(limits) };
    }

    /// From now on responses say `Connection: close`. The current one too, if it has not started.
    pub fn set_draining(&mut self) {
        self.draining = true;
        self.closing |= self.in_exchange;
    }

    /// True if the connection is to be closed once everything written has gone out.
    pub fn should_close(&self) -> bool {
        self.failed || (self.closing && self.response_complete())
    }
}
