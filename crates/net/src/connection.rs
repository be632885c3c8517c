//! One client: its socket, its protocol, its buffers and its deadline.
//!
//! The driver tells the connection what the reactor said ([`Connection::on_ready`]) and then calls
//! [`Connection::advance`] until it answers [`Step::Wait`] or [`Step::Close`]. `advance` reads, parses, and moves body
//! bytes; it never blocks and never calls anybody back. The gateway answers a request with the `respond_…` methods,
//! which only queue; [`Connection::flush`] writes.
//!
//! Back-pressure is the absence of reading: while the body buffer is full, or a response is in progress, nothing is
//! read, TCP's window fills, and the client waits. Readiness is edge-triggered, so the connection remembers it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use yett_proto::error::RequestError;
use yett_proto::h1::{self, BodyEnd, Event, Frame, Next, Stamp};
use yett_proto::headers::FieldBlock;
use yett_proto::limits::Limits;
use yett_proto::request::{HeadSpans, RequestHead};
use yett_proto::response::ResponseHead;

use crate::buffer::{FilePart, Flush, OutQueue, Shared};
use crate::clock::Millis;
use crate::listener::{NewConnection, Peer};
use crate::reactor::{Reactor, Readiness};
use crate::socket::{Outcome, Socket};
use crate::table::Token;
use crate::timer::{Deadlines, NEVER};

/// Bytes asked of the kernel in one read: a loopback or jumbo burst, and the size of most peers' read buffers.
const READ_SIZE: usize = 64 * 1024;

/// Request body bytes held for an application that has not asked for them yet; above it, reading stops.
pub const BODY_HIGH_WATER: usize = 64 * 1024;

/// Response bytes held for a client that does not read; above it, the application's `send` waits.
pub const OUTPUT_HIGH_WATER: u64 = 64 * 1024;

/// Below it, an application that waited in `send` goes on. A quarter: waking costs more than a `writev`.
pub const OUTPUT_LOW_WATER: u64 = 16 * 1024;

/// What one turn of one connection may read, so that a fast uploader does not keep the thread.
const READ_PER_TURN: usize = 256 * 1024;

/// Pipelined requests begun in one turn of one connection, for the same reason.
const REQUESTS_PER_TURN: usize = 16;

/// What a lingering connection may still send us before it is cut: about one window of a client in full flight.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// How long a closing connection is kept to read what the client still sends (nginx: `lingering_timeout` 5 s).
const LINGER: Duration = Duration::from_secs(5);

/// How long somebody may be waited for. All finite.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between two requests, and before the first.
    pub keep_alive: Duration,
    /// Between two pieces of a request body that the application waits for.
    pub body: Duration,
    /// Between two moments in which the client took something of a response.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
        }
    }
}

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
    /// The head that [`Step::Request`] spoke of; valid until the next call of [`Connection::advance`].
    #[must_use]
    pub fn head(&self) -> RequestHead<'_> {
        self.spans.view(self.bytes.get(self.head..).unwrap_or_default())
    }
}

/// What became of a piece of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// How many of its bytes go to the client.
    pub taken: u64,
    /// It exceeded what the response may have (its Content-Length): the excess was cut off.
    pub overflow: bool,
}

/// What the driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request has begun: [`Inbox::head`]. Start the application.
    Request,
    /// There is more of the body, or its end: whoever waits for it goes on.
    Body,
    /// The client has sent FIN while its response is being made. It may still read (a half-closed client gets its
    /// answer), but an application that waits for the client to leave is told.
    HalfClosed,
    /// A request was refused: before any application saw it, or because its body turned out malformed or late. An
    /// exchange in progress has lost its client; an answer is queued if none had begun.
    Refused(RequestError),
    /// Nothing more can be done until the reactor reports this connection again.
    Wait,
    /// The work of one turn is done although there is more: call again in the next.
    Yield,
    /// It is over: drop the connection. An exchange in progress has lost its client.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last response is on its way out; nothing more is read.
    Closing,
    /// FIN is sent; what the client still sends is read and thrown away, so that no reset overtakes the response.
    Lingering,
    /// To be dropped.
    Done,
}

/// What the connection waits for, which decides which timeout runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Idle,
    Head,
    Body,
    Write,
    Application,
    Linger,
}

/// One client.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    h1: h1::Connection,
    /// Received but not consumed: a partial head, or read-ahead. Empty (and without memory) when idle.
    input: Vec<u8>,
    /// Received and decoded, but not yet taken by the application.
    body: Vec<u8>,
    output: OutQueue,
    phase: Phase,
    waiting: Waiting,
    /// When `waiting` began or last made progress.
    since: Millis,
    deadline: Millis,
    armed: Millis,
    /// The application waits for the body: its timeout runs.
    body_wanted: bool,
    readable: bool,
    writable: bool,
    /// FIN has arrived (but bytes before it may be unread).
    peer_closed: bool,
    /// FIN has been read.
    ended: bool,
    /// `Step::HalfClosed` was reported for the current exchange.
    half_close_told: bool,
    /// Bytes were moved since the deadline was last set.
    progressed: bool,
    lingered: usize,
    peer: Peer,
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
    /// Takes over an accepted socket and registers it under `token`.
    ///
    /// # Errors
    /// The reactor cannot take it (a system limit).
    pub fn new(
        new: NewConnection,
        limits: &Arc<Limits>,
        reactor: &Reactor,
        token: Token,
        now: Millis,
    ) -> std::io::Result<Self> {
        reactor.add_stream(&new.socket, token.as_u64())?;
        Ok(Self {
            socket: new.socket,
            h1: h1::Connection::new(Arc::clone(limits)),
            input: Vec::new(),
            body: Vec::new(),
            output: OutQueue::default(),
            phase: Phase::Open,
            waiting: Waiting::Idle,
            since: now,
            deadline: NEVER,
            armed: NEVER,
            body_wanted: false,
            // Edge-triggered registration reports at once what is there already; until then nothing is known.
            readable: false,
            writable: true,
            peer_closed: false,
            ended: false,
            half_close_told: false,
            progressed: false,
            lingered: 0,
            peer: new.peer,
        })
    }

    /// Who it is.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The address on our side, for a listener on all addresses.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        rustix::net::getsockname(&self.socket)
            .ok()
            .and_then(|name| SocketAddr::try_from(name).ok())
            .map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// Notes what the reactor said.
    pub fn on_ready(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.peer_closed |= readiness.peer_closed;
        if readiness.hung_up && self.awaits_response() && self.h1.request_complete() {
            // Reset, or closed for good: no response can reach anybody. (Between requests, and inside one, reading
            // finds the same out, after the bytes that came before it.)
            self.phase = Phase::Done;
        }
    }

    // ---- the way in ----

    /// Brings the connection's unconsumed bytes to the inbox, before a turn of [`Connection::advance`].
    pub fn begin_turn(&mut self, inbox: &mut Inbox) {
        inbox.start = 0;
        inbox.head = 0;
        inbox.bytes.clear();
        inbox.read_budget = READ_PER_TURN;
        inbox.request_budget = REQUESTS_PER_TURN;
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
            if self.ended {
                match self.h1.handle_eof() {
                    Err(error) => return self.refuse(error, stamp),
                    Ok(()) => self.begin_close(),
                }
                continue;
            }
            if !self.readable {
                return Step::Wait;
            }
            if inbox.read_budget == 0 {
                return Step::Yield;
            }
            match self.socket.read(&mut inbox.bytes, READ_SIZE) {
                Outcome::Moved(0) => self.ended = true,
                Outcome::Moved(n) => {
                    inbox.read_budget = inbox.read_budget.saturating_sub(n);
                    self.progressed = true;
                    // A short read has emptied a stream socket (epoll(7)); after FIN one more read is needed to see it.
                    if n < READ_SIZE && !self.peer_closed {
                        self.readable = false;
                    }
                }
                Outcome::WouldBlock => self.readable = false,
                Outcome::Gone => self.phase = Phase::Done,
            }
        }
    }

    fn parse(&mut self, inbox: &mut Inbox, stamp: &Stamp<'_>) -> Parsed {
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
                Err(error) => return Parsed::Step(self.refuse(error, stamp)),
            };
            let begin = inbox.start;
            inbox.start += progress.consumed;
            match progress.event {
                Event::Request => {
                    inbox.head = begin;
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
                Outcome::Moved(0) | Outcome::Gone => {
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

    fn refuse(&mut self, error: RequestError, stamp: &Stamp<'_>) -> Step {
        self.forget_body();
        if self.h1.response_started() {
            // Half a response is out: nothing that could follow would be understood.
            self.abort();
        } else {
            let h1 = &mut self.h1;
            self.output.append(|out| h1.send_error(error, stamp, out));
            self.begin_close();
        }
        Step::Refused(error)
    }

    /// Whether a request is being answered: the driver has an exchange for it.
    #[must_use]
    pub fn awaits_response(&self) -> bool {
        self.h1.in_exchange() && !self.h1.response_complete()
    }

    /// Whether a turn would find something to do, so that nobody has to wait for the reactor to say it again.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.readable || !self.input.is_empty() || self.phase == Phase::Done
    }

    // ---- the body, towards the application ----

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
            self.progressed = true;
            let h1 = &mut self.h1;
            self.output.append(|out| h1.send_continue(out));
        }
    }

    fn forget_body(&mut self) {
        self.body = Vec::new();
        self.body_wanted = false;
    }

    // ---- the way out ----

    /// Queues an interim response (103); false if this client cannot take one.
    pub fn respond_interim(&mut self, status: u16, fields: &FieldBlock) -> bool {
        let h1 = &mut self.h1;
        self.output.append(|out| h1.send_interim(status, fields, out))
    }

    /// Queues the final head. `complete`: the length of the body, if all of it is at hand.
    pub fn respond_head(&mut self, head: &ResponseHead, complete: Option<u64>, stamp: &Stamp<'_>) {
        let h1 = &mut self.h1;
        self.output.append(|out| h1.send_head(head, complete, stamp, out));
    }

    /// Queues body bytes, by copying them.
    pub fn respond_bytes(&mut self, bytes: &[u8]) -> Sent {
        let frame = self.h1.send_data(bytes.len() as u64);
        let take = usize::try_from(frame.take).unwrap_or(usize::MAX).min(bytes.len());
        self.output.append(|out| {
            out.extend_from_slice(frame.prefix.as_ref());
            out.extend_from_slice(bytes.get(..take).unwrap_or_default());
            out.extend_from_slice(frame.suffix);
        });
        Sent { taken: frame.take, overflow: frame.overflow }
    }

    /// Queues body bytes that somebody else owns, without copying them.
    pub fn respond_shared(&mut self, shared: Shared) -> Sent {
        let frame = self.h1.send_data((*shared).as_ref().len() as u64);
        self.framed(&frame, |output| {
            output.push_shared(shared, usize::try_from(frame.take).unwrap_or(usize::MAX));
        })
    }

    /// Queues a part of a file as body.
    pub fn respond_file(&mut self, mut part: FilePart) -> Sent {
        let frame = self.h1.send_data(part.count);
        part.count = part.count.min(frame.take);
        self.framed(&frame, |output| output.push_file(part))
    }

    fn framed(&mut self, frame: &Frame, push: impl FnOnce(&mut OutQueue)) -> Sent {
        self.output.push_slice(frame.prefix.as_ref());
        push(&mut self.output);
        self.output.push_slice(frame.suffix);
        Sent { taken: frame.take, overflow: frame.overflow }
    }

    /// The response is finished.
    pub fn respond_end(&mut self, trailers: Option<&FieldBlock>) -> BodyEnd {
        let h1 = &mut self.h1;
        let end = self.output.append(|out| h1.send_end(trailers, out));
        match end {
            BodyEnd::Complete => self.finish_exchange(),
            BodyEnd::Short { .. } => self.abort(),
        }
        end
    }

    /// The application failed before its response began: 500.
    pub fn respond_failure(&mut self, stamp: &Stamp<'_>) {
        let h1 = &mut self.h1;
        self.output.append(|out| h1.send_failure(stamp, out));
        self.finish_exchange();
    }

    fn finish_exchange(&mut self) {
        self.forget_body();
        self.progressed = true;
        match self.h1.finish_exchange() {
            Next::KeepAlive | Next::Discard => {}
            Next::Close => self.begin_close(),
        }
    }

    /// Gives up a response that has begun: the client must notice that it is not whole.
    pub fn abort(&mut self) {
        self.forget_body();
        if self.h1.delimited_by_close() {
            // To this client the end of the connection means the end of the body: only a reset tells the difference.
            self.socket.reset_on_close();
            self.phase = Phase::Done;
        } else {
            self.begin_close();
        }
    }

    /// From now on responses say that the connection will be closed; an idle connection is closed at once.
    pub fn drain(&mut self) {
        self.h1.set_draining();
        if !self.is_busy() {
            self.begin_close();
        }
    }

    fn begin_close(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Closing;
        }
    }

    /// Bytes of responses that the client has not taken.
    #[must_use]
    pub fn output_pending(&self) -> u64 {
        self.output.pending()
    }

    /// Writes what is queued, as far as the client takes it, and closes what is to be closed.
    pub fn flush(&mut self) -> Flush {
        if self.phase == Phase::Done {
            return Flush::Gone;
        }
        let before = self.output.pending();
        let flush = if before == 0 {
            Flush::Empty
        } else if self.writable {
            self.output.flush(&self.socket)
        } else {
            Flush::Blocked
        };
        self.progressed |= self.output.pending() != before;
        match flush {
            Flush::Empty if self.phase == Phase::Closing => {
                self.phase = if self.ended {
                    Phase::Done
                } else {
                    self.socket.shutdown_write();
                    self.input = Vec::new();
                    Phase::Lingering
                };
            }
            Flush::Empty | Flush::Yield => {}
            Flush::Blocked => self.writable = false,
            Flush::Gone => self.phase = Phase::Done,
            Flush::ShortFile => {
                self.socket.reset_on_close();
                self.phase = Phase::Done;
            }
        }
        flush
    }

    /// Whether it is over: to be dropped.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether the client is owed something: a request has begun to arrive, is being answered, or its answer is on its
    /// way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.output.is_empty()
            || (self.phase == Phase::Open
                && (self.h1.in_exchange() || self.h1.in_head() || !self.input.is_empty()))
    }

    // ---- time ----

    /// Notes what is being waited for now, and makes sure that `deadlines` bring it up. Call after every turn and
    /// every response.
    pub fn settle(&mut self, token: Token, now: Millis, timeouts: &Timeouts, deadlines: &mut Deadlines) {
        let waiting = match self.phase {
            Phase::Lingering | Phase::Done => Waiting::Linger,
            _ if !self.output.is_empty() => Waiting::Write,
            _ if self.awaits_response() && !self.body_wanted => Waiting::Application,
            _ if self.h1.in_exchange() && !self.h1.request_complete() => Waiting::Body,
            _ if self.awaits_response() => Waiting::Application,
            _ if self.h1.in_head() => Waiting::Head,
            _ => Waiting::Idle,
        };
        // A head's time runs from its first byte, and lingering's from FIN, whatever arrives.
        let extends = self.progressed && !matches!(waiting, Waiting::Head | Waiting::Linger);
        if waiting != self.waiting || extends {
            self.since = now;
            self.waiting = waiting;
        }
        self.progressed = false;
        let allowed = match waiting {
            Waiting::Idle => timeouts.keep_alive,
            Waiting::Head => timeouts.head,
            Waiting::Body => timeouts.body,
            Waiting::Write => timeouts.write,
            Waiting::Linger => LINGER,
            Waiting::Application => Duration::MAX,
        };
        self.deadline = self.since.saturating_add(u64::try_from(allowed.as_millis()).unwrap_or(NEVER));
        deadlines.arm(token, self.deadline, &mut self.armed);
    }

    /// A timer entry that was set for `at` has come up. If its time is over, the connection is ended as
    /// [`Connection::advance`] would tell; the driver then flushes and settles as after a turn.
    pub fn on_timer(&mut self, at: Millis, now: Millis, stamp: &Stamp<'_>) -> Step {
        if at != self.armed {
            return Step::Wait;
        }
        self.armed = NEVER;
        if self.deadline > now {
            return Step::Wait;
        }
        match self.waiting {
            Waiting::Head => self.refuse(RequestError::HeadTimeout, stamp),
            Waiting::Body if self.awaits_response() => self.refuse(RequestError::BodyTimeout, stamp),
            Waiting::Idle | Waiting::Body => {
                self.begin_close();
                Step::Wait
            }
            Waiting::Write => {
                // Closing would leave the rest in the kernel's buffer, to be offered for minutes.
                self.socket.reset_on_close();
                self.phase = Phase::Done;
                Step::Close
            }
            Waiting::Linger => {
                self.phase = Phase::Done;
                Step::Close
            }
            Waiting::Application => Step::Wait,
        }
    }
}
