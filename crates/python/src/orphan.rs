//! A worker whose supervisor is gone. It drains by itself if it can; what it cannot do is seen to here, by a thread without
//! the interpreter: the port is to be free for the next server, and nobody else would end a worker that stands still,
//! be it in the application's start-up, in a request, or in its shutdown.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::net::Shutdown;
use yett_supervisor::process::Ties;

use crate::log;

/// By then, or after the delay before it drains, a worker that gets on has left its listeners.
const LEAVING: Duration = Duration::from_secs(2);

/// What it may take beyond the graceful timeout before it is ended: its application's shutdown.
const AFTER_DRAINING: Duration = Duration::from_secs(5);

/// The worker's exit code when it did not end by itself.
const EXIT_CODE: i32 = 1;

/// How long a worker takes to end that gets on.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// It goes on accepting for so long.
    pub delay: Duration,
    /// Its requests have so long then.
    pub graceful: Duration,
}

/// Watches for the end of the supervisor, as long as the process lives.
#[derive(Debug)]
pub struct Orphan {
    /// Descriptors of their own, until the worker leaves its listeners itself.
    listeners: Arc<Mutex<Vec<OwnedFd>>>,
}

impl Orphan {
    /// # Errors
    /// The system refuses a thread.
    pub fn watch(ties: Ties, listeners: Vec<OwnedFd>, patience: Patience) -> io::Result<Self> {
        let listeners = Arc::new(Mutex::new(listeners));
        let theirs = Arc::clone(&listeners);
        let body = move || {
            // The parent would not say so: it is another process for a moment when a zygote has forked the worker.
            wait_for_end(&ties.lifeline);
            std::thread::sleep(patience.delay.saturating_add(LEAVING));
            let left = std::mem::take(&mut *theirs.lock().unwrap_or_else(PoisonError::into_inner));
            if !ties.scoreboard.sockets_are_shared() {
                for listener in &left {
                    // Ends the listening for all who have the socket, all of whom are orphans, too.
                    let _ = rustix::net::shutdown(listener, Shutdown::Read);
                }
            }
            drop(left);
            std::thread::sleep(patience.graceful.saturating_add(AFTER_DRAINING).saturating_sub(LEAVING));
            log::error("the supervisor is gone, and this worker does not come to its end: it is ended");
            yett_logs::writer::flush(Duration::from_secs(1));
            signal_hook::low_level::exit(EXIT_CODE);
        };
        std::thread::Builder::new().name("yett-orphan".to_owned()).spawn(body)?;
        Ok(Self { listeners })
    }

    /// The worker leaves its listeners itself: nothing is to hold them open.
    pub fn leave(&self) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Returns when nobody holds the other end any more. Nothing is ever written there.
fn wait_for_end(lifeline: &OwnedFd) {
    loop {
        let mut watched = [PollFd::from_borrowed_fd(lifeline.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut watched, None) {
            Ok(_) => return,
            Err(rustix::io::Errno::INTR) => {}
            // For want of memory: later.
            Err(_) => std::thread::sleep(LEAVING),
        }
    }
}
