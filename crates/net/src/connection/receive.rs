//! The way in: reading, parsing, and noticing the end.

use yett_proto::error::RequestError;
use yett_proto::h1::{Event, Stamp};
use yett_proto::request::{HeadSpans, RequestHead};

use super::{BODY_HIGH_WATER, Connection, OUTPUT_HIGH_WATER, Phase, Step};
use crate::socket::Outcome;

/// Bytes asked of the kernel in one read: a loopback or jumbo burst, and the size of most peers' read buffers.
const READ_SIZE: usize = 64 * 1024;

/// What one turn of one connection may read, so that a fast uploader does not keep the thread.
const READ_PER_TURN: usize = 256 * 1024;

/// Pipelined requests begun in one turn of one connection, for the same reason.
const REQUESTS_PER_TURN: usize = 16;

/// What a lingering connection may still send us before it is cut: about one window of a client in full flight.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// Received bytes on their way to the parser. One serves all connections of a thread: a connection that has consumed
/// everything keeps no buffer.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    /// Where the unconsumed bytes begin.
    start: usize,
    /// Where the head of the request last reported began.
    head: usize,
    spans: HeadSpans,
    /// The thread's own buffer, while a connection's takes its place.
    spare: Vec<u8>,
    /// What this turn may still read, in bytes, and begin, in requests.
    read_budget: usize,
    request_budget: usize,
}

impl Inbox {
    /// Lets the turn go on beyond the work of one, after [`Step::Yield`]: for a driver that has nothing else to do.
    pub fn renew_turn(&mut self) {
        self.read_budget = READ_PER_TURN;
        self.request_budget = REQUESTS_PER_TURN;
    }

    /// The head that [`Step::Request`] spoke of; valid until the next call of [`Connection::advance`].
    #[must_use]
    pub fn head(&self) -> RequestHead<'_> {
        self.spans.view(self.bytes.get(self.head..).unwrap_or_default())
    }
}

/// What parsing the bytes at hand came to.
enum Parsed {
    Step(Step),
    /// More bytes are wanted.
    NeedInput,
    /// No bytes are wanted now: the exchange in progress has all it needs, or holds all it may.
    Stalled,
}

impl Connection {
    /// Brings the connection's unconsumed bytes to the inbox, before a turn of [`Connection::advance`].
    pub fn begin_turn(&mut self, inbox: &mut Inbox) {
        inbox.start = 0;
        inbox.head = 0;
        inbox.bytes.clear();
        inbox.renew_turn();
        if !self.input.is_empty() {
            inbox.spare = std::mem::replace(&mut inbox.bytes, std::mem::take(&mut self.input));
        }
    }

    /// Takes back what the turn has not consumed.
    pub fn end_turn(&mut self, inbox: &mut Inbox) {
        let rest = inbox.bytes.get(inbox.start..).unwrap_or_default();
        if !rest.is_empty() && self.phase == Phase::Open {
            // A buffer of its size, so that ten thousand clients with half a head hold what they sent and no more.
            self.input = rest.to_vec();
        }
        if inbox.spare.capacity() > 0 {
            inbox.bytes = std::mem::take(&mut inbox.spare);
        }
        inbox.bytes.clear();
        inbox.start = 0;
    }

    /// Does the next thing there is to do: parse what is at hand, read, notice the end. Call until it answers
    /// [`Step::Wait`], [`Step::Yield`] or [`Step::Close`], between [`Connection::begin_turn`] and
    /// [`Connection::end_turn`].
    pub fn advance(&mut self, inbox: &mut Inbox, stamp: &Stamp<'_>) -> Step {
        loop {
            match self.phase {
                Phase::Open => {}
                Phase::Closing => return Step::Wait,
                Phase::Lingering => return self.linger(inbox),
                Phase::Done => return Step::Close,
            }
            match self.parse(inbox, stamp) {
                Parsed::Step(step) => return step,
                Parsed::NeedInput => {}
                Parsed::Stalled => {
                    if self.peer_closed && !self.half_close_told && self.awaits_response() {
                        self.half_close_told = true;
                        return Step::HalfClosed;
                    }
                    return Step::Wait;
                }
            }
            if self.ended && self.header_due && inbox.bytes.len() > inbox.start {
                return self.refuse(RequestError::BadProxyHeader, stamp);
            }
            if self.ended {
                let in_exchange = self.h1.in_exchange();
                match self.h1.handle_eof() {
                    Err(error) => {
                        if !in_exchange {
                            self.begin_tally(inbox.bytes.len().saturating_sub(inbox.start));
                        }
                        return self.refuse(error, stamp);
                    }
                    Ok(()) => self.begin_close(),
                }
                continue;
            }
            if !self.readable {
                if self.draining && inbox.bytes.len() == inbox.start && !self.h1.in_exchange() {
                    self.begin_close();
                }
                return Step::Wait;
            }
            if inbox.read_budget == 0 {
                return Step::Yield;
            }
            match self.socket.read(&mut inbox.bytes, READ_SIZE) {
                Outcome::Moved(0) => self.ended = true,
                Outcome::Moved(n) => {
                    inbox.read_budget = inbox.read_budget.saturating_sub(n);
                    self.gave = true;
                    // A short read has emptied a stream socket (epoll(7)); after FIN one more read is needed to see it.
                    if n < READ_SIZE && !self.peer_closed {
                        self.readable = false;
                    }
                }
                Outcome::WouldBlock => self.readable = false,
                Outcome::Gone | Outcome::Unreadable => self.phase = Phase::Done,
            }
        }
    }

    fn parse(&mut self, inbox: &mut Inbox, stamp: &Stamp<'_>) -> Parsed {
        if self.header_due {
            match self.take_proxy_header(inbox.bytes.get(inbox.start..).unwrap_or_default()) {
                Ok(Some(length)) => inbox.start += length,
                Ok(None) => return Parsed::NeedInput,
                Err(error) => return Parsed::Step(self.refuse(error, stamp)),
            }
        }
        let mut body_grew = false;
        loop {
            if self.awaits_response() {
                if self.h1.request_complete() || self.body.len() >= BODY_HIGH_WATER {
                    return if body_grew { Parsed::Step(Step::Body) } else { Parsed::Stalled };
                }
            } else if self.output.pending() >= OUTPUT_HIGH_WATER {
                // A client that pipelines requests and reads no responses.
                return Parsed::Stalled;
            } else if inbox.request_budget == 0 {
                return Parsed::Step(Step::Yield);
            }
            let input = inbox.bytes.get(inbox.start..).unwrap_or_default();
            let progress = match self.h1.handle_input(input, &mut inbox.spans) {
                Ok(progress) => progress,
                Err(error) => {
                    if self.awaits_response() {
                        self.request_bytes += input.len() as u64;
                    } else {
                        self.begin_tally(input.len());
                    }
                    return Parsed::Step(self.refuse(error, stamp));
                }
            };
            let begin = inbox.start;
            inbox.start += progress.consumed;
            self.request_bytes += progress.consumed as u64;
            match progress.event {
                Event::Request => {
                    // The next one has a time of its own, although it may be here already.
                    self.head_began = None;
                    inbox.head = begin;
                    self.begin_tally(progress.consumed);
                    inbox.request_budget -= 1;
                    self.half_close_told = false;
                    return Parsed::Step(match self.gather_body(inbox) {
                        Ok(()) => Step::Request,
                        Err(error) => self.refuse(error, stamp),
                    });
                }
                Event::Data(bytes) => {
                    if self.awaits_response() {
                        self.body.extend_from_slice(bytes);
                        body_grew = true;
                    }
                }
                Event::End if self.awaits_response() => return Parsed::Step(Step::Body),
                Event::End => {}
                Event::NeedInput if body_grew => return Parsed::Step(Step::Body),
                Event::NeedInput => return Parsed::NeedInput,
                Event::Blocked => return Parsed::Stalled,
                Event::Closed => {
                    inbox.start = inbox.bytes.len();
                    self.begin_close();
                    return Parsed::Step(Step::Wait);
                }
            }
        }
    }

    /// Decodes what is at hand of a body that has just begun, so that the application finds it when it starts, and is
    /// not started for a body that begins malformed.
    fn gather_body(&mut self, inbox: &mut Inbox) -> Result<(), RequestError> {
        // The head's spans are in `inbox.spans`: the parser must not write there before the application has been
        // started, and does not inside a body.
        while !self.h1.request_complete() && self.body.len() < BODY_HIGH_WATER {
            let input = inbox.bytes.get(inbox.start..).unwrap_or_default();
            let progress = self.h1.handle_input(input, &mut inbox.spans)?;
            inbox.start += progress.consumed;
            self.request_bytes += progress.consumed as u64;
            match progress.event {
                Event::Data(bytes) => self.body.extend_from_slice(bytes),
                _ => break,
            }
        }
        Ok(())
    }

    fn linger(&mut self, inbox: &mut Inbox) -> Step {
        while self.readable && self.lingered < LINGER_BYTES {
            inbox.bytes.clear();
            match self.socket.read(&mut inbox.bytes, READ_SIZE) {
                Outcome::Moved(0) | Outcome::Gone | Outcome::Unreadable => {
                    self.phase = Phase::Done;
                    return Step::Close;
                }
                Outcome::Moved(n) => self.lingered += n,
                Outcome::WouldBlock => self.readable = false,
            }
        }
        inbox.bytes.clear();
        if self.lingered >= LINGER_BYTES {
            self.phase = Phase::Done;
            return Step::Close;
        }
        Step::Wait
    }

    pub(super) fn refuse(&mut self, error: RequestError, stamp: &Stamp<'_>) -> Step {
        if self.header_due {
            // Whoever that is has not begun to speak HTTP: there is nothing that it would understand.
            self.phase = Phase::Done;
            return Step::Refused(error);
        }
        self.forget_body();
        self.cut_off = true;
        if self.h1.response_started() {
            // Half a response is out: nothing that could follow would be understood.
            self.abort();
        } else {
            if !self.h1.in_exchange() && error == RequestError::HeadTimeout {
                self.begin_tally(self.input.len());
            }
            let h1 = &mut self.h1;
            self.own_body = self.output.append(|out| own_body(out, |out| h1.send_error(error, stamp, out)));
            self.begin_close();
        }
        Step::Refused(error)
    }

    /// Takes what has arrived of the body, and whether that was the end of it.
    pub fn take_body(&mut self) -> (Vec<u8>, bool) {
        self.body_wanted = false;
        (std::mem::take(&mut self.body), self.h1.request_complete())
    }

    /// Whether [`Connection::take_body`] would bring bytes or the end.
    #[must_use]
    pub fn body_at_hand(&self) -> bool {
        !self.body.is_empty() || self.h1.request_complete()
    }

    /// The application waits for the body: invites a client that asked first (RFC 9110 §10.1.1), and from now on
    /// expects it to send.
    pub fn want_body(&mut self) {
        if !self.body_wanted {
            self.body_wanted = true;
            self.gave = true;
            let h1 = &mut self.h1;
            self.output.append(|out| h1.send_continue(out));
        }
    }

    /// A request begins, with so many bytes.
    fn begin_tally(&mut self, bytes: usize) {
        self.request_bytes = bytes as u64;
        self.output_before = self.output.added();
        self.own_body = 0;
    }

    pub(super) fn forget_body(&mut self) {
        self.body = Vec::new();
        self.body_wanted = false;
    }
}

/// Has `write` write a whole response behind what is there; the length of its body.
pub(super) fn own_body(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> u64 {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";
    let before = out.len();
    write(out);
    let response = out.get(before..).unwrap_or_default();
    let head = response.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD);
    head.map_or(0, |head| (response.len() - head - END_OF_HEAD.len()) as u64)
}
