//! Which connections are left to other workers: between the scoreboard, which knows whose each is, and the acceptor, which
//! takes it or not.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use yett_net::acceptor::{Sharing, Told, Watching};
use yett_net::clock;
use yett_supervisor::scoreboard::{OwnSlot, balance};

/// Which of the workers that watch a listener learn of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// One that waits for events.
    One {
        /// It has so many threads for what it takes.
        threads: usize,
    },
    /// All of them.
    All,
}

/// By what the workers have to do.
#[derive(Debug)]
pub struct Balanced {
    slot: Arc<OwnSlot>,
    woken: Woken,
    /// Connections are left to others.
    balance: bool,
    /// To whom the last one was left.
    left_to: AtomicUsize,
}

impl Balanced {
    /// `slot`: this worker's. Without `balance` all connections are its own, but others are still called for those that it
    /// cannot take.
    pub fn new(slot: Arc<OwnSlot>, woken: Woken, balance: bool) -> Self {
        Self { slot, woken, balance, left_to: AtomicUsize::new(usize::MAX) }
    }

    /// Nobody else may have been told of the connection, and nobody may be free to see when patience is over.
    fn may_be_forgotten(&self, told: Told) -> bool {
        told == Told::ByKernel && self.is_full(1)
    }

    /// No thread may be left when so many `more` requests have come.
    fn is_full(&self, more: u32) -> bool {
        match self.woken {
            Woken::One { threads } => self.slot.slot().in_flight() as usize + more as usize >= threads,
            Woken::All => false,
        }
    }
}

impl Sharing for Balanced {
    fn is_ours(&self, told: Told, waits: &dyn Fn() -> bool) -> bool {
        if !self.balance {
            return true;
        }
        let now = clock::now_micros();
        let Some(other) = self.slot.leave_to(now) else { return true };
        // If none does, accepting finds that out, and there is nothing to be left.
        if !waits() {
            return true;
        }
        self.left_to.store(other, Ordering::Relaxed);
        self.slot.call(other, self.woken == Woken::All);
        // The other may have become busy, too. Whoever is called here does not pass it on in his turn.
        if self.may_be_forgotten(told)
            && let Some(second) = self.slot.second_to(other, now)
        {
            self.slot.call(second, false);
        }
        false
    }

    fn did_not_come(&self) {
        self.slot.did_not_come(self.left_to.load(Ordering::Relaxed), clock::now_micros());
    }

    fn others_are_late(&self) -> bool {
        let now = clock::now_micros();
        // Whoever looks away must have somebody to look again.
        self.balance && !self.is_full(self.slot.slot().share().fresh(now)) && self.slot.is_anybody_late(now)
    }

    fn call_others(&self) {
        self.slot.call_others();
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
