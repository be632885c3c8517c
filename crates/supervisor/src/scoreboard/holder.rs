//! Whose a slot is: in one word, so that of two who think that it is theirs only one can be right.
//!
//! A worker that a zygote forks is a process before the supervisor knows which one. If the zygote is killed in between, that
//! process may have come already, or may be about to.

use std::sync::atomic::{AtomicU64, Ordering};

/// The word.
#[derive(Debug, Default)]
pub struct Holder(AtomicU64);

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    /// The worker of this number, whose process has not come yet.
    Expected(u64),
    /// This process.
    Process(u32),
}

impl Holder {
    /// It is for the worker of this number, from 1 on: whichever process comes with it.
    pub fn expect(&self, worker: u64) {
        self.0.store(Who::Expected(worker).pack(), Ordering::Release);
    }

    /// A process comes for the worker of this number. False: nobody waits for that worker any more. The process is to end,
    /// for nobody knows it.
    #[must_use]
    pub fn arrive(&self, worker: u64, pid: u32) -> bool {
        let here = Who::Process(pid);
        self.change(Who::Expected(worker), here) == Ok(()) || self.who() == here
    }

    /// Nobody may come for the worker of this number any more.
    ///
    /// # Errors
    /// The process that has come already.
    pub fn revoke(&self, worker: u64) -> Result<(), u32> {
        match self.change(Who::Expected(worker), Who::Nobody) {
            Err(Who::Process(pid)) => Err(pid),
            Ok(()) | Err(Who::Nobody | Who::Expected(_)) => Ok(()),
        }
    }

    /// The supervisor has learned which process it is.
    pub fn set_pid(&self, pid: u32) {
        self.0.store(Who::Process(pid).pack(), Ordering::Release);
    }

    /// The process, if it is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.who() {
            Who::Process(pid) => Some(pid),
            Who::Nobody | Who::Expected(_) => None,
        }
    }

    /// It is nobody's.
    pub fn clear(&self) {
        self.0.store(Who::Nobody.pack(), Ordering::Relaxed);
    }

    fn who(&self) -> Who {
        Who::unpack(self.0.load(Ordering::Acquire))
    }

    /// Or who it is instead.
    fn change(&self, from: Who, to: Who) -> Result<(), Who> {
        let changed = self.0.compare_exchange(from.pack(), to.pack(), Ordering::AcqRel, Ordering::Acquire);
        changed.map(|_| ()).map_err(Who::unpack)
    }
}

impl Who {
    fn pack(self) -> u64 {
        match self {
            Self::Nobody => 0,
            Self::Expected(worker) => worker << 1,
            Self::Process(pid) => u64::from(pid) << 1 | 1,
        }
    }

    #[allow(clippy::cast_possible_truncation)] // as it was packed
    fn unpack(word: u64) -> Self {
        match (word >> 1, word & 1) {
            (0, 0) => Self::Nobody,
            (worker, 0) => Self::Expected(worker),
            (pid, _) => Self::Process(pid as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_is_known() {
        let holder = Holder::default();
        holder.expect(7);
        assert_eq!(holder.pid(), None);
        assert!(!holder.arrive(6, 100));
        assert!(holder.arrive(7, 100));
        assert!(holder.arrive(7, 100), "the supervisor may have learned of it first");
        assert!(!holder.arrive(7, 101));
        assert_eq!((holder.pid(), holder.revoke(7)), (Some(100), Err(100)));
        holder.clear();
        assert_eq!(holder.pid(), None);
    }

    #[test]
    fn who_comes_too_late_is_told() {
        let holder = Holder::default();
        holder.expect(8);
        assert_eq!(holder.revoke(8), Ok(()));
        assert!(!holder.arrive(8, 102));
        holder.expect(9);
        assert_eq!(holder.revoke(8), Ok(()), "that is another worker's");
        assert!(!holder.arrive(8, 102));
        assert!(holder.arrive(9, 103));
    }
}
