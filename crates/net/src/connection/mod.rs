//! One client: its socket, its protocol, its buffers and its deadline.
//!
//! The driver tells the connection what the reactor said ([`Connection::on_ready`]) and then calls
//! [`Connection::advance`] until it answers [`Step::Wait`] or [`Step::Close`]. `advance` reads, parses, and moves body
//! bytes; it never blocks and never calls anybody back. The gateway answers a request with the `respond_…` methods,
//! which only queue; [`Connection::flush`] writes.
//!
//! | question | file |
//! |---|---|
//! | What comes in, and when does reading stop? | `receive` |
//! | How is a response queued, written, and the connection closed? | `respond` |
//! | Who is waited for, and how long? | `deadline` |
//! | Who is behind a proxy that speaks the PROXY protocol? | `proxied` |
//! | How does a thread wait for one client? | `wait` (not in an event loop) |
//!
//! Back-pressure is the absence of reading: while the body buffer is full, or a response is in progress, nothing is
//! read, TCP's window fills, and the client waits. Readiness is edge-triggered, so the connection remembers it.

mod deadline;
mod proxied;
mod receive;
mod respond;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod wait;

use std::net::SocketAddr;
use std::sync::Arc;

use yett_proto::error::RequestError;
use yett_proto::h1;
use yett_proto::limits::Limits;

use crate::buffer::OutQueue;
use crate::clock::Millis;
use crate::listener::{NewConnection, Peer};
use crate::reactor::{Reactor, Readiness};
use crate::socket::Socket;
use crate::table::Token;
use crate::timer::NEVER;
use deadline::Waiting;

pub use deadline::Timeouts;
pub use receive::Inbox;
pub use respond::Sent;
pub use wait::Wait;

/// Request body bytes held for an application that has not asked for them yet; above it, reading stops.
pub const BODY_HIGH_WATER: usize = 64 * 1024;

/// Response bytes held for a client that does not read; above it, the application's `send` waits.
pub const OUTPUT_HIGH_WATER: u64 = 64 * 1024;

/// Below it, an application that waited in `send` goes on. A quarter: waking costs more than a `writev`.
pub const OUTPUT_LOW_WATER: u64 = 16 * 1024;

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

/// Bytes of one request and its response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of the request, on the wire: head and body with their framing, as far as they were read and understood; of a
    /// request that was not, what was at hand of it.
    pub bytes_in: u64,
    /// Of the response, on the wire: what was queued.
    pub bytes_out: u64,
    /// Of the body, if the answer is one of ours: a refusal, or that the application failed.
    pub own_body: u64,
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
    /// Since the deadline was last set, the client has taken bytes of a response.
    took: bool,
    /// Since the deadline was last set, the client has given bytes, or begun to be waited for.
    gave: bool,
    /// When the first byte of a request arrived whose head is not complete.
    head_began: Option<Millis>,
    head_deadline: Millis,
    /// The server ends: the connection is closed as soon as it is idle.
    draining: bool,
    lingered: usize,
    /// The connection ends although the client was not done sending: closing it now would reset it, and the reset could
    /// overtake the response.
    cut_off: bool,
    /// What the kernel still held for a client that is behind, when that was last looked at.
    untaken: u32,
    /// Bytes consumed of the current request, and what the output had held in all before it.
    request_bytes: u64,
    output_before: u64,
    /// Bytes of the body of an answer of ours.
    own_body: u64,
    /// The client took nothing of its response for too long.
    gave_up: bool,
    /// A file that was to be sent ended early.
    file_ended: bool,
    peer: Peer,
    /// A proxy has opened the connection for somebody whom it could not name: `peer` is not who speaks here.
    peer_unnamed: bool,
    /// A header of the PROXY protocol has to come before anything else.
    header_due: bool,
    /// The address that the client has connected to, as a proxy has told it.
    told_local: Option<SocketAddr>,
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
            took: false,
            gave: false,
            head_began: None,
            head_deadline: NEVER,
            draining: false,
            lingered: 0,
            cut_off: false,
            untaken: 0,
            request_bytes: 0,
            output_before: 0,
            own_body: 0,
            gave_up: false,
            file_ended: false,
            peer: new.peer,
            peer_unnamed: false,
            header_due: new.proxied,
            told_local: None,
        })
    }

    /// Who it is; with the PROXY protocol, from its first request on, the client that the proxy speaks for.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Whose word the requests are; `None` for somebody whom a proxy could not name, or not by an address.
    #[must_use]
    pub fn speaker(&self) -> Option<Peer> {
        (!self.peer_unnamed).then_some(self.peer)
    }

    /// The address that the client has connected to, if that is another than ours: one of a proxy that speaks the PROXY
    /// protocol.
    #[must_use]
    pub fn told_local_address(&self) -> Option<SocketAddr> {
        self.told_local
    }

    /// What the current or last request and its response have come to up to now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            bytes_in: self.request_bytes,
            bytes_out: self.output.added().saturating_sub(self.output_before),
            own_body: self.own_body,
        }
    }

    /// Whether the connection was given up because the client took nothing of its response for too long.
    #[must_use]
    pub fn timed_out_writing(&self) -> bool {
        self.gave_up
    }

    /// Whether the connection was cut because a file ended before its promised length.
    #[must_use]
    pub fn was_cut_short(&self) -> bool {
        self.file_ended
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

    /// Whether FIN is sent, and what the client still sends is thrown away.
    #[must_use]
    pub fn is_lingering(&self) -> bool {
        self.phase == Phase::Lingering
    }

    /// Whether it is over: to be dropped.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether the client is owed something: a request has begun to arrive, is being answered, or its answer is on its
    /// way (also in the sense that a client which is still sending might not get to see it).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.output.is_empty()
            || (self.phase == Phase::Lingering && self.cut_off)
            || (self.phase == Phase::Open
                && ((self.draining && self.readable)
                    || self.h1.in_exchange()
                    || self.h1.in_head()
                    || !self.input.is_empty()))
    }
}
