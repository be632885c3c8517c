//! How connections come in, and what happens when there is no descriptor left for them.

use std::os::fd::AsFd;
use std::rc::Rc;

use pyo3::prelude::*;
use yett_net::listener::{Accepted, NewConnection};
use yett_net::timer::NEVER;
use yett_net::{Address, Connection, Listener, Token, clock};

use super::awaitable::disconnected;
use super::driver::{Driver, Slot};
use super::scope::Addresses;
use crate::log;

/// Tokens from here on name listeners; a connection's generation never gets there.
pub const FIRST_LISTENER: u64 = u64::MAX - 1024;

/// The token under which the end of a pause in accepting stands among the deadlines.
pub const RESUME_ACCEPTING: u64 = FIRST_LISTENER - 1;

/// Connections accepted from one listener in one tick.
const ACCEPTS_PER_TICK: usize = 64;

/// How long accepting pauses without descriptors, if none is closed before: other code of the process may free some.
const PAUSE_MS: u64 = 1000;

/// Timer entries of connections that have gone are forgotten when there are so many more than connections.
const SPARE_ENTRIES: usize = 4096;

/// A listener and whether the reactor watches it.
pub struct Listening {
    pub listener: Listener,
    pub watched: bool,
}

impl Driver {
    /// Watches all listeners, or stops to.
    pub fn watch_listeners(&self, watch: bool) {
        for (index, listening) in self.listeners.borrow_mut().iter_mut().enumerate() {
            if listening.watched == watch {
                continue;
            }
            let result = if watch {
                self.reactor.add_listener(listening.listener.as_fd(), FIRST_LISTENER + index as u64)
            } else {
                self.reactor.remove(listening.listener.as_fd())
            };
            match result {
                Ok(()) => listening.watched = watch,
                Err(error) => log::error(&format!("cannot watch {}: {error}", listening.listener.address())),
            }
        }
    }

    /// Takes what waits at one listener, within bounds; the rest is reported again.
    pub fn accept(&self, index: u64) {
        let Ok(index) = usize::try_from(index) else { return };
        for _ in 0..ACCEPTS_PER_TICK {
            let accepted = match self.listeners.borrow().get(index) {
                Some(listening) if listening.watched => listening.listener.accept(),
                _ => return,
            };
            match accepted {
                Ok(Accepted::Connection(new)) => self.admit(new, index),
                Ok(Accepted::Empty) => {
                    self.exhaustion_told.set(false);
                    return;
                }
                Ok(Accepted::Exhausted(error)) => return self.pause_accepting(&error),
                Err(error) => {
                    log::error(&format!("a listener has failed and is given up: {error}"));
                    if let Some(listening) = self.listeners.borrow_mut().get_mut(index) {
                        // Failure means that it is not watched any more, which is what is wanted.
                        let _ = self.reactor.remove(listening.listener.as_fd());
                        listening.watched = false;
                    }
                    return;
                }
            }
        }
    }

    fn admit(&self, new: NewConnection, index: usize) {
        let now = clock::now();
        let mut failed = None;
        let mut slots = self.slots.borrow_mut();
        let mut armed = None;
        slots.insert_with(|token| {
            match Connection::new(new, &self.options.limits, &self.reactor, token, now) {
                Ok(mut connection) => {
                    let mut deadlines = self.deadlines.borrow_mut();
                    connection.settle(token, now, &self.options.timeouts, &mut deadlines);
                    armed = deadlines.next_alarm(false);
                    Some(Slot { connection, exchange: None, addresses: None, listener: index, busy: false })
                }
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        });
        let mut deadlines = self.deadlines.borrow_mut();
        if deadlines.len() > 2 * slots.len() + SPARE_ENTRIES {
            deadlines.retain(|at, token| {
                token.as_u64() == RESUME_ACCEPTING
                    || slots.get(token).is_some_and(|slot| slot.connection.expects_timer(at))
            });
        }
        drop((slots, deadlines));
        if let Some(at) = armed
            && let Err(error) = self.reactor.set_alarm(Some(at))
        {
            failed = Some(error);
        }
        if let Some(error) = failed {
            log::error(&format!("a new connection: {error}"));
        }
    }

    /// The addresses of a connection as the scope has them.
    pub fn addresses(&self, py: Python<'_>, token: Token) -> PyResult<Rc<Addresses>> {
        // Copied out: making Python objects may run the collector, and with it code that comes back here.
        let (peer, local, actual) = {
            let slots = self.slots.borrow();
            let listeners = self.listeners.borrow();
            let Some(slot) = slots.get(token) else { return Err(disconnected()) };
            if let Some(addresses) = &slot.addresses {
                return Ok(Rc::clone(addresses));
            }
            let local = listeners.get(slot.listener).map(|listening| listening.listener.address().clone());
            let wildcard = local.as_ref().is_some_and(Address::is_wildcard);
            let actual = if wildcard { slot.connection.local_address() } else { None };
            (slot.connection.peer(), local, actual)
        };
        let addresses = Rc::new(Addresses::new(py, peer, local.as_ref(), actual)?);
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            slot.addresses = Some(Rc::clone(&addresses));
        }
        Ok(addresses)
    }

    fn pause_accepting(&self, error: &std::io::Error) {
        self.watch_listeners(false);
        self.accepting_paused.set(true);
        if !self.exhaustion_told.replace(true) {
            log::error(&format!(
                "cannot accept connections: {error}; accepting pauses until one is closed (raise the limit on open \
                 files: ulimit -n, LimitNOFILE=)"
            ));
        }
        self.arm_resumption();
    }

    fn arm_resumption(&self) {
        let mut deadlines = self.deadlines.borrow_mut();
        deadlines.arm(Token::from_u64(RESUME_ACCEPTING), clock::now() + PAUSE_MS, &mut { NEVER });
        if let Some(at) = deadlines.next_alarm(false)
            && let Err(error) = self.reactor.set_alarm(Some(at))
        {
            log::error(&format!("cannot set the alarm: {error}"));
        }
    }

    /// Ends a pause in accepting: a descriptor has become free, or it is time to see whether one has.
    pub fn resume_accepting(&self) {
        if !self.accepting_paused.replace(false) || self.draining.get() {
            return;
        }
        self.watch_listeners(true);
        if self.listeners.borrow().iter().any(|listening| !listening.watched) {
            self.accepting_paused.set(true);
            self.arm_resumption();
        }
    }
}
