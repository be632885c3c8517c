//! A worker whose supervisor is gone. It drains by itself if it can; what it cannot do is seen to here, without the
//! interpreter: the port is to be free for the next server, and nobody else would end a worker that stands still.

use std::os::fd::OwnedFd;

use rustix::net::Shutdown;
use rustix::process::Pid;
use yett_supervisor::stuck::Millis;

use crate::log;

/// By then a worker that gets on has left its listeners.
const LEAVING_MS: Millis = 2000;

/// The worker's exit code when it did not end by itself.
const EXIT_CODE: i32 = 1;

/// What is needed for that.
#[derive(Debug)]
pub struct Orphan {
    parent: Option<Pid>,
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
    /// To be made while the supervisor is there. `listeners`: descriptors of their own.
    pub fn new(listeners: Vec<OwnedFd>, patience: Millis) -> Self {
        Self { parent: rustix::process::getppid(), listeners, patience }
    }

    /// Does what is due, once a second.
    pub fn look(&self, since: &mut Since, now: Millis) {
        if rustix::process::getppid() == self.parent {
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
