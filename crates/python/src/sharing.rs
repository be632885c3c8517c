//! Which connections are left to other workers: between the scoreboard, which knows whose each is, and the acceptor, which
//! takes it or not.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use yett_net::acceptor::{Sharing, Watching};
use yett_net::clock;
use yett_supervisor::scoreboard::{OwnSlot, balance};

/// Which of the workers that watch a listener learn of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// One that waits for events.
    One,
    /// All of them.
    All,
}

/// By what the workers have to do.
#[derive(Debug)]
pub struct Balanced {
    slot: Arc<OwnSlot>,
    woken: Woken,
    /// To whom the last one was left.
    left_to: AtomicUsize,
}

impl Balanced {
    /// `slot`: this worker's.
    pub fn new(slot: Arc<OwnSlot>, woken: Woken) -> Self {
        Self { slot, woken, left_to: AtomicUsize::new(usize::MAX) }
    }
}

impl Sharing for Balanced {
    fn is_ours(&self, waits: &dyn Fn() -> bool) -> bool {
        let Some(other) = self.slot.leave_to(clock::now_micros()) else { return true };
        // If none does, accepting finds that out, and there is nothing to be left.
        if !waits() {
            return true;
        }
        self.left_to.store(other, Ordering::Relaxed);
        self.slot.call(other, self.woken == Woken::All);
        false
    }

    fn did_not_come(&self) {
        self.slot.did_not_come(self.left_to.load(Ordering::Relaxed));
    }

    fn watches(&self, watching: Watching) {
        self.slot.slot().share().set_watching(match watching {
            Watching::No => balance::Watching::No,
            Watching::Yes => balance::Watching::Yes,
            Watching::Later => balance::Watching::Later,
        });
    }

    fn called(&self) -> Option<BorrowedFd<'_>> {
        self.slot.board().called(self.slot.index())
    }
}
