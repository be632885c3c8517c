//! How long somebody is waited for: what for, since when, and what happens when it is too long.

use std::time::Duration;

use yett_proto::error::RequestError;
use yett_proto::h1::Stamp;

use super::{Connection, Phase, Step};
use crate::clock::Millis;
use crate::table::Token;
use crate::timer::{Deadlines, NEVER};

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

impl Connection {
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
            if waiting == Waiting::Write {
                self.untaken = self.socket.untaken();
            }
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

    /// Whether a timer entry that was set for `at` is the one that counts.
    #[must_use]
    pub fn expects_timer(&self, at: Millis) -> bool {
        self.armed == at
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
                if self.client_takes() {
                    self.since = now;
                    return Step::Wait;
                }
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

    /// Whether the client has taken anything of a response since that was last looked at. A socket becomes writable
    /// only when a good part of the kernel's buffer is free, which may be megabytes: a client that reads slowly, but
    /// reads, would look dead.
    fn client_takes(&mut self) -> bool {
        let before = std::mem::replace(&mut self.untaken, self.socket.untaken());
        self.untaken < before
    }
}
