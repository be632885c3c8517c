//! How long somebody is waited for: what for, since when, and what happens when it is too long.

use std::time::Duration;

use yett_proto::error::RequestError;
use yett_proto::h1::Stamp;

use super::{Connection, OUTPUT_HIGH_WATER, Phase, Step};
use crate::clock::Millis;
use crate::table::Token;
use crate::timer::{Deadlines, NEVER};

/// How long a closing connection is kept to read what the client still sends (nginx: `lingering_timeout` 5 s).
const LINGER: Duration = Duration::from_secs(5);

/// How long somebody may be waited for. All finite.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From a request's first byte to the end of its head; also for the header of the PROXY protocol, from the beginning
    /// of the connection.
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

/// What the connection waits for, which decides which timeout runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Idle,
    Head,
    Body,
    Write,
    Application,
    Linger,
}

fn after(since: Millis, allowed: Duration) -> Millis {
    since.saturating_add(u64::try_from(allowed.as_millis()).unwrap_or(NEVER))
}

impl Connection {
    /// Notes what is being waited for now, and makes sure that `deadlines` bring it up. Call after every turn and
    /// every response.
    pub fn settle(&mut self, token: Token, now: Millis, timeouts: &Timeouts, deadlines: &mut Deadlines) {
        if let Some(at) = self.await_next(now, timeouts) {
            deadlines.push(token, at);
        }
    }

    /// The first half of [`Connection::settle`], for drivers whose deadlines many threads share: notes what is being
    /// waited for now. `Some`: the caller must give the deadlines an entry for then. That is rarely so (see
    /// [`crate::timer`]).
    #[must_use]
    pub fn await_next(&mut self, now: Millis, timeouts: &Timeouts) -> Option<Millis> {
        // The head of the next request may begin while the last response is still on its way: it has a clock of its own.
        // (Above the mark it is we who do not read on.)
        // A proxy that owes its header is waited for in the same way, from when it has connected.
        let in_head = self.phase == Phase::Open
            && (self.header_due
                || (!self.h1.in_exchange()
                    && !self.input.is_empty()
                    && self.output.pending() < OUTPUT_HIGH_WATER));
        self.head_began = in_head.then(|| self.head_began.unwrap_or(now));
        let waiting = match self.phase {
            Phase::Lingering | Phase::Done => Waiting::Linger,
            _ if !self.output.is_empty() => Waiting::Write,
            _ if self.awaits_response() && !self.body_wanted => Waiting::Application,
            _ if self.h1.in_exchange() && !self.h1.request_complete() => Waiting::Body,
            _ if self.awaits_response() => Waiting::Application,
            _ if self.head_began.is_some() => Waiting::Head,
            _ => Waiting::Idle,
        };
        let extends = match waiting {
            // Only what is taken shows that a response is taken, and only what is given that a body comes.
            Waiting::Write => self.took,
            Waiting::Body => self.gave,
            Waiting::Idle => self.took || self.gave,
            // A head's time runs from its first byte, and lingering's from FIN, whatever arrives.
            Waiting::Head | Waiting::Linger | Waiting::Application => false,
        };
        if waiting != self.waiting || extends {
            self.since = now;
            self.waiting = waiting;
            if waiting == Waiting::Write {
                self.untaken = self.socket.untaken();
            }
        }
        self.took = false;
        self.gave = false;
        let allowed = match waiting {
            Waiting::Idle => timeouts.keep_alive,
            // Its own clock, below.
            Waiting::Head => Duration::MAX,
            Waiting::Body => timeouts.body,
            Waiting::Write => timeouts.write,
            Waiting::Linger => LINGER,
            Waiting::Application => Duration::MAX,
        };
        self.head_deadline = self.head_began.map_or(NEVER, |began| after(began, timeouts.head));
        self.deadline = after(self.since, allowed).min(self.head_deadline);
        if self.deadline < self.armed {
            self.armed = self.deadline;
            return Some(self.deadline);
        }
        None
    }

    /// Whether a timer entry that was set for `at` is the one that counts.
    #[must_use]
    pub fn expects_timer(&self, at: Millis) -> bool {
        self.armed == at
    }

    /// A timer entry that was set for `at` has come up, and the client's time is over. If so, the driver takes one more turn
    /// before [`Connection::on_timer`]: an event loop that was held up learns of what has arrived or was taken meanwhile
    /// and of the time at once, and what is there came in time.
    pub fn looks_late(&mut self, at: Millis, now: Millis) -> bool {
        let late = at == self.armed && self.deadline <= now && self.waiting != Waiting::Linger;
        self.readable |= late;
        self.writable |= late;
        late
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
            _ if self.head_deadline <= now => self.refuse(RequestError::HeadTimeout, stamp),
            Waiting::Body if self.awaits_response() => self.refuse(RequestError::BodyTimeout, stamp),
            Waiting::Idle | Waiting::Body => {
                self.begin_close();
                Step::Wait
            }
            Waiting::Write => {
                if self.client_takes() {
                    self.since = now;
                    return Step::Wait;
                }
                // Closing would leave the rest in the kernel's buffer, to be offered for minutes.
                self.give_up();
                Step::Close
            }
            Waiting::Linger => {
                self.phase = Phase::Done;
                Step::Close
            }
            Waiting::Application | Waiting::Head => Step::Wait,
        }
    }

    /// [`Connection::on_timer`] for a driver that knows only that some entry has come up, and perhaps late: what has
    /// happened since may have moved the deadline, so [`Connection::await_next`] must be called before.
    pub fn on_some_timer(&mut self, now: Millis, stamp: &Stamp<'_>) -> Step {
        // One that was overtaken by an earlier entry says nothing any more: the one that counts is still to come. (Taken
        // for that one, each would be followed by another, and they would multiply.)
        if self.armed > now { Step::Wait } else { self.on_timer(self.armed, now, stamp) }
    }

    /// The client takes nothing any more: the connection is dropped, without offering it the rest for minutes.
    pub fn give_up(&mut self) {
        self.gave_up = true;
        self.socket.reset_on_close();
        self.phase = Phase::Done;
    }

    /// The body that the application waits for does not come: answers 408, if a response can still begin, and ends the
    /// connection. For drivers whose threads wait themselves.
    pub fn time_out_body(&mut self, stamp: &Stamp<'_>) -> RequestError {
        self.refuse(RequestError::BodyTimeout, stamp);
        RequestError::BodyTimeout
    }

    /// Whether the client has taken anything of a response since that was last looked at. A socket becomes writable
    /// only when a good part of the kernel's buffer is free, which may be megabytes: a client that reads slowly, but
    /// reads, would look dead.
    pub fn client_takes(&mut self) -> bool {
        let before = std::mem::replace(&mut self.untaken, self.socket.untaken());
        self.untaken < before
    }
}
