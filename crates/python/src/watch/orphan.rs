//! A worker whose supervisor is gone. It drains by itself if it can; what it cannot do is seen to here, without the
//! interpreter: the port is to be free for the next server, and nobody else would end a worker that stands still.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::net::Shutdown;
use yett_net::reactor::is_readable;
use yett_supervisor::stuck::Millis;

use crate::log;

/// By then a worker that gets on has left its listeners.
const LEAVING_MS: Millis = 2000;

/// The worker's exit code when it did not end by itself.
const EXIT_CODE: i32 = 1;

/// What is needed for that.
#[derive(Debug)]
pub struct Orphan {
    /// At its end when the supervisor is gone. Who our parent is would not say so: a worker that a zygote has forked is
    /// for a moment the child of another, and given to the supervisor when that one ends.
    lifeline: Arc<OwnedFd>,
    listeners: Vec<OwnedFd>,
    /// How long a worker may take to end.
    patience: Millis,
}

/// How far the end has come.
#[derive(Debug, Default)]
pub struct Since {
    found: Option<Millis>,
    shut: bool,
}

impl Orphan {
    /// `listeners`: descriptors of their own.
    pub fn new(lifeline: Arc<OwnedFd>, listeners: Vec<OwnedFd>, patience: Millis) -> Self {
        Self { lifeline, listeners, patience }
    }

    /// Does what is due, once a second.
    pub fn look(&self, since: &mut Since, now: Millis) {
        // Nothing is ever written there.
        if !is_readable(self.lifeline.as_fd()) {
            return;
        }
        let alone = now.saturating_sub(*since.found.get_or_insert(now));
        if alone >= LEAVING_MS && !since.shut {
            since.shut = true;
            for listener in &self.listeners {
                // Ends the listening for all who have the socket, all of whom are orphans, too.
                let _ = rustix::net::shutdown(listener, Shutdown::Read);
            }
        }
        if alone >= self.patience {
            log::error("the supervisor is gone, and this worker does not come to its end: it is ended");
            yett_logs::writer::flush(std::time::Duration::from_secs(1));
            signal_hook::low_level::exit(EXIT_CODE);
        }
    }
}
