//! How the driver takes connections in, and which addresses they have.

use std::rc::Rc;

use pyo3::prelude::*;
use yett_net::acceptor::Acceptor;
use yett_net::listener::NewConnection;
use yett_net::{Address, Connection, Token, clock};

use super::awaitable::disconnected;
use super::driver::{Driver, Slot};
use super::overdue::BEAT;
use super::scope::Addresses;
use crate::log;

/// Timer entries of connections that have gone are forgotten when there are so many more than connections.
const SPARE_ENTRIES: usize = 4096;

impl Driver {
    /// Watches the listeners.
    pub fn start_accepting(&self) {
        log::notices(&self.acceptor.borrow_mut().start(&self.reactor, || self.deadlines.borrow_mut()));
    }

    /// Takes what waits at the listener that `token` names, within bounds; the rest is reported again.
    pub fn accept(&self, token: u64) {
        log::notices(&self.acceptor.borrow_mut().accept(
            token,
            &self.reactor,
            || self.deadlines.borrow_mut(),
            |new, index| self.admit(new, index),
        ));
    }

    /// Ends a pause in accepting: a descriptor has become free, or it is time to see whether one has.
    pub fn resume_accepting(&self) {
        log::notices(&self.acceptor.borrow_mut().resume(&self.reactor, || self.deadlines.borrow_mut()));
    }

    /// Takes who has been let in by the kernel, and closes the listeners: who comes from now on is refused, or for others.
    pub fn stop_accepting(&self) {
        log::notices(&self.acceptor.borrow_mut().drain(
            &self.reactor,
            || self.deadlines.borrow_mut(),
            |new, index| self.admit(new, index),
        ));
    }

    /// Closes the listeners and removes their socket files.
    pub fn close_listeners(&self) {
        log::notices(&self.acceptor.borrow_mut().close(&self.reactor));
    }

    fn admit(&self, new: NewConnection, index: usize) {
        if !self.options.proxies.admits(&new) {
            return;
        }
        self.options.count_accepted();
        let now = clock::now();
        let mut failed = None;
        let mut slots = self.slots.borrow_mut();
        let mut armed = None;
        slots.insert_with(|token| {
            match Connection::new(new, &self.options.limits, &self.reactor, token, now) {
                Ok(mut connection) => {
                    if self.closing.get() {
                        connection.close_soon();
                    }
                    let mut deadlines = self.deadlines.borrow_mut();
                    connection.settle(token, now, &self.options.timeouts, &mut deadlines);
                    armed = deadlines.next_alarm(false);
                    Some(Slot {
                        connection,
                        exchange: None,
                        addresses: None,
                        listener: index,
                        busy: false,
                        queued: false,
                        undelivered: None,
                    })
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
                Acceptor::is_alarm(token)
                    || token.as_u64() == BEAT
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
        let (peer, speaker, local, actual) = {
            let slots = self.slots.borrow();
            let acceptor = self.acceptor.borrow();
            let Some(slot) = slots.get(token) else { return Err(disconnected()) };
            if let Some(addresses) = &slot.addresses {
                return Ok(Rc::clone(addresses));
            }
            let local = acceptor.address(slot.listener).cloned();
            let wildcard = local.as_ref().is_some_and(Address::is_wildcard);
            let connection = &slot.connection;
            let told = connection.told_local_address();
            let actual = told.or_else(|| if wildcard { connection.local_address() } else { None });
            (connection.peer(), connection.speaker(), local, actual)
        };
        let addresses = Rc::new(Addresses::new(py, peer, speaker, local.as_ref(), actual)?);
        if let Some(slot) = self.slots.borrow_mut().get_mut(token) {
            slot.addresses = Some(Rc::clone(&addresses));
        }
        Ok(addresses)
    }
}
