//! How connections come in, and what happens when no descriptor is left for them.
//!
//! Accepting is bounded: a call takes at most [`ACCEPTS_PER_CALL`] connections and leaves the rest to the next poll,
//! since listeners are level-triggered. When the descriptors run out, accepting *pauses*: no listener is watched, so
//! that the queue that cannot be emptied does not keep the reactor busy. The pause ends with [`Acceptor::resume`], which
//! the driver calls whenever it has closed a connection and when the entry [`RESUME_ACCEPTING`] comes up.
//!
//! Where several processes have the same listeners, a connection may be left to another of them ([`sharing`]).
//!
//! What a person must be told is returned as [`Notice`]s; the driver logs them.

pub mod sharing;

use std::fmt;
use std::io;
use std::ops::DerefMut;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::clock::{self, Millis};
use crate::listener::{Accepted, Address, Listener, NewConnection};
use crate::reactor::Reactor;
use crate::table::Token;
use crate::timer::Deadlines;
use sharing::Deferral;

pub use sharing::{Sharing, Told, Watching};

/// The reactor's tokens from here on name listeners, in their order; a connection's generation never gets there.
pub const FIRST_LISTENER: u64 = u64::MAX - 1024;

/// The token under which the end of a pause in accepting stands among the deadlines.
pub const RESUME_ACCEPTING: u64 = FIRST_LISTENER - 1;

/// The token under which the end of patience with another process stands among the deadlines. It is for
/// [`Acceptor::accept`].
pub const PATIENCE_OVER: u64 = FIRST_LISTENER - 2;

/// The reactor's token for the call of another process; there are fewer listeners.
const CALLED: u64 = u64::MAX - 1;

/// Connections accepted from one listener in one call: as many as a poll brings events, so that newcomers do not keep
/// those who are connected waiting.
pub const ACCEPTS_PER_CALL: usize = 64;

/// As [`ACCEPTS_PER_CALL`], where other processes may accept from the same listeners: few, for those have been told as well
/// and may only be waiting for a processor. Whoever has one first would take a large part of a burst before they come.
const SHARED_ACCEPTS_PER_CALL: usize = 16;

/// Connections that the kernel may hold for one listener: more than any backlog that can be asked for, so that draining
/// ends also while new ones arrive.
const LONGEST_BACKLOG: usize = 65_536;

/// How long accepting pauses without descriptors, if none is closed before: other code of the process may free some.
const PAUSE_MS: Millis = 1000;

/// What the person who runs the server must be told. Its text is a line of the log, at level error.
#[derive(Debug)]
pub enum Notice {
    /// No descriptor is left, and accepting pauses. Told once, until a queue has been emptied again.
    Exhausted(io::Error),
    /// A listener cannot be accepted from and is not watched any more.
    ListenerFailed(Address, io::Error),
    /// The reactor has refused to watch a listener, or to stop watching it.
    CannotWatch(Address, io::Error),
    /// The alarm for the end of a pause could not be set: the pause ends when a connection is closed.
    NoAlarm(io::Error),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(error) => write!(
                f,
                "cannot accept connections: {error}; accepting pauses until one is closed (raise the limit on open \
                 files: ulimit -n, LimitNOFILE=)"
            ),
            Self::ListenerFailed(_, error) => {
                write!(f, "a listener has failed and is given up: {error}")
            }
            Self::CannotWatch(address, error) => write!(f, "cannot watch {address}: {error}"),
            Self::NoAlarm(error) => write!(f, "cannot set the alarm: {error}"),
        }
    }
}

/// A listener and whether the reactor watches it.
#[derive(Debug)]
struct Listening {
    listener: Listener,
    watched: bool,
}

/// The listeners of one driver. All calls must be given the same reactor and the same deadlines.
#[derive(Debug)]
pub struct Acceptor {
    /// Until they are closed.
    listeners: Vec<Listening>,
    /// Where they listen; known for as long as there are connections.
    addresses: Vec<Address>,
    /// Accepting pauses for want of descriptors, or not every listener can be watched. An alarm is set for another try.
    paused: bool,
    exhaustion_told: bool,
    /// No pause is ended any more.
    stopped: bool,
    /// With whom the listeners are shared.
    sharing: Option<Arc<dyn Sharing>>,
    deferral: Deferral,
}

impl Acceptor {
    /// None of them is watched yet.
    #[must_use]
    pub fn new(listeners: Vec<Listener>) -> Self {
        Self {
            addresses: listeners.iter().map(|listener| listener.address().clone()).collect(),
            listeners: listeners.into_iter().map(|listener| Listening { listener, watched: false }).collect(),
            paused: false,
            exhaustion_told: false,
            stopped: false,
            sharing: None,
            deferral: Deferral::default(),
        }
    }

    /// Has `sharing` decide about each connection. To be called before [`Acceptor::start`].
    pub fn share(&mut self, sharing: Arc<dyn Sharing>) {
        self.sharing = Some(sharing);
    }

    /// Whether a token among the deadlines is one of ours, and none of a connection.
    #[must_use]
    pub fn is_alarm(token: Token) -> bool {
        matches!(token.as_u64(), RESUME_ACCEPTING | PATIENCE_OVER)
    }

    /// Where listener `index` listens, or has listened; `None` if there is none of that number.
    #[must_use]
    pub fn address(&self, index: usize) -> Option<&Address> {
        self.addresses.get(index)
    }

    /// Whether accepting pauses: [`Acceptor::resume`] has something to do. For drivers that share an acceptor, to note it
    /// outside and spare the lock.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused && !self.stopped
    }

    /// Watches all listeners.
    #[must_use]
    pub fn start<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: impl FnOnce() -> D,
    ) -> Vec<Notice> {
        if let Some(called) = self.sharing.as_ref().and_then(|sharing| sharing.called()) {
            // Failure: it is not called, and looks again when its patience is over.
            let _ = reactor.add_stream(called, CALLED);
        }
        self.watch_all(reactor, deadlines)
    }

    /// Takes what waits at the listener that `token` (as the reactor has reported it) names, up to
    /// [`ACCEPTS_PER_CALL`] connections, or fewer if others may take them; the rest is reported again. Does nothing if the
    /// listener is not watched.
    ///
    /// The token may also be that of another process's call, or [`PATIENCE_OVER`].
    ///
    /// `admit` is given each connection and the number of its listener. `deadlines` is called only if none is taken for now,
    /// and never while `admit` runs: so `admit` may use, or lock, the same ones.
    #[must_use]
    pub fn accept<D: DerefMut<Target = Deadlines>>(
        &mut self,
        token: u64,
        reactor: &Reactor,
        deadlines: impl Fn() -> D,
        mut admit: impl FnMut(NewConnection, usize),
    ) -> Vec<Notice> {
        match token {
            CALLED => return self.take_called(reactor, &deadlines, &mut admit),
            PATIENCE_OVER => return self.take_deferred(reactor, &deadlines, &mut admit),
            _ => {}
        }
        let index = token.checked_sub(FIRST_LISTENER).and_then(|index| usize::try_from(index).ok());
        match index.and_then(|index| self.listeners.get(index).map(|listening| (index, listening.watched))) {
            Some((index, true)) => {
                self.take(index, Told::ByKernel, self.at_once(), reactor, &deadlines, &mut admit)
            }
            _ => Vec::new(),
        }
    }

    /// How many connections are taken in one call.
    fn at_once(&self) -> usize {
        if self.sharing.is_some() { SHARED_ACCEPTS_PER_CALL } else { ACCEPTS_PER_CALL }
    }

    /// Takes what waits at a listener, up to `most` connections.
    fn take<D: DerefMut<Target = Deadlines>>(
        &mut self,
        index: usize,
        told: Told,
        most: usize,
        reactor: &Reactor,
        deadlines: &impl Fn() -> D,
        admit: &mut impl FnMut(NewConnection, usize),
    ) -> Vec<Notice> {
        let Some(listening) = self.listeners.get_mut(index) else { return Vec::new() };
        for _ in 0..most {
            if let Some(sharing) = self.sharing.as_ref().filter(|_| !self.stopped)
                // Whether one waits is asked only if it would be left to another: that is rare, and costs a system call.
                && !sharing.is_ours(told, &|| listening.listener.has_waiting())
            {
                return self.defer(true, reactor, &mut deadlines());
            }
            match listening.listener.accept() {
                Ok(Accepted::Connection(new)) => admit(new, index),
                Ok(Accepted::Empty) => {
                    self.exhaustion_told = false;
                    return Vec::new();
                }
                Ok(Accepted::Exhausted(error)) => return self.pause(error, reactor, &mut deadlines()),
                Err(error) => {
                    // Failure means that it is not watched any more, which is what is wanted.
                    let _ = reactor.remove(listening.listener.as_fd());
                    listening.watched = false;
                    return vec![Notice::ListenerFailed(listening.listener.address().clone(), error)];
                }
            }
        }
        if !self.stopped
            && self.sharing.as_ref().is_some_and(|sharing| sharing.others_are_late())
            && listening.listener.has_waiting()
        {
            return self.defer(false, reactor, &mut deadlines());
        }
        Vec::new()
    }

    /// Ends a pause, if there is one: a descriptor has become free, or it is time to see whether one has.
    ///
    /// Watches every listener again, also one that had failed: it is given up anew if it still fails.
    #[must_use]
    pub fn resume<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: impl FnOnce() -> D,
    ) -> Vec<Notice> {
        if !self.paused || self.stopped {
            return Vec::new();
        }
        self.deferral.until = None;
        self.watch_all(reactor, deadlines)
    }

    /// Takes all that waits at each listener (who has been let in by the kernel is not turned away), as far as there are
    /// descriptors for them, and closes it. Whoever comes from now on is for other processes that have the same listeners;
    /// if there are none, he is refused.
    ///
    /// Also where others go on: the kernel may have told of those who wait here and nowhere else (`EPOLLEXCLUSIVE`), and
    /// then they would wait until another connection comes.
    #[must_use]
    pub fn drain<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: impl Fn() -> D,
        mut admit: impl FnMut(NewConnection, usize),
    ) -> Vec<Notice> {
        self.stopped = true;
        // First, so that nothing that comes later is told here.
        let mut notices = self.watch(false, reactor);
        // Each is closed as soon as nobody waits there: who comes in between is cut off if nobody else has it.
        while let Some(last) = self.listeners.len().checked_sub(1) {
            notices.extend(self.take(last, Told::ByKernel, LONGEST_BACKLOG, reactor, &deadlines, &mut admit));
            self.close_last();
        }
        notices
    }

    /// Closes the listeners and removes their socket files; whoever waits there is not taken.
    #[must_use]
    pub fn close(&mut self, reactor: &Reactor) -> Vec<Notice> {
        self.stopped = true;
        let notices = self.watch(false, reactor);
        while !self.listeners.is_empty() {
            self.close_last();
        }
        notices
    }

    /// Closes the listeners and takes nobody, for whoever is taken here would not be served; others who have the listeners
    /// are called.
    #[must_use]
    pub fn abandon(&mut self, reactor: &Reactor) -> Vec<Notice> {
        let notices = self.close(reactor);
        if let Some(sharing) = &self.sharing {
            sharing.call_others();
        }
        notices
    }

    fn close_last(&mut self) {
        if let Some(mut listening) = self.listeners.pop() {
            listening.listener.remove_file();
        }
    }

    /// Watches all listeners. What cannot be watched now is tried again in a moment: to watch takes memory of the kernel.
    fn watch_all<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: impl FnOnce() -> D,
    ) -> Vec<Notice> {
        let mut notices = self.watch(true, reactor);
        self.paused = self.listeners.iter().any(|listening| !listening.watched);
        if self.paused {
            notices.extend(arm(RESUME_ACCEPTING, clock::now() + PAUSE_MS, reactor, &mut deadlines()));
        }
        notices
    }

    /// Watches all listeners, or stops to.
    fn watch(&mut self, watch: bool, reactor: &Reactor) -> Vec<Notice> {
        let mut notices = Vec::new();
        for (listening, token) in self.listeners.iter_mut().zip(FIRST_LISTENER..) {
            if listening.watched == watch {
                continue;
            }
            let fd = listening.listener.as_fd();
            let result = if watch { reactor.add_listener(fd, token) } else { reactor.remove(fd) };
            match result {
                Ok(()) => listening.watched = watch,
                Err(error) => {
                    notices.push(Notice::CannotWatch(listening.listener.address().clone(), error));
                }
            }
        }
        if let Some(sharing) = &self.sharing {
            let watched = watch && self.listeners.iter().all(|listening| listening.watched);
            sharing.watches(if watched { Watching::Yes } else { Watching::No });
        }
        notices
    }

    fn pause(&mut self, error: io::Error, reactor: &Reactor, deadlines: &mut Deadlines) -> Vec<Notice> {
        let mut notices = self.watch(false, reactor);
        self.deferral.until = None;
        self.paused = true;
        if !self.exhaustion_told {
            self.exhaustion_told = true;
            notices.push(Notice::Exhausted(error));
        }
        notices.extend(arm(RESUME_ACCEPTING, clock::now() + PAUSE_MS, reactor, deadlines));
        if let Some(sharing) = &self.sharing {
            sharing.call_others();
        }
        notices
    }
}

/// Has `token` come up among the deadlines.
fn arm(token: u64, at: Millis, reactor: &Reactor, deadlines: &mut Deadlines) -> Option<Notice> {
    deadlines.push(Token::from_u64(token), at);
    let at = deadlines.next_alarm(false)?;
    reactor.set_alarm(Some(at)).err().map(Notice::NoAlarm)
}

#[cfg(test)]
mod tests;
