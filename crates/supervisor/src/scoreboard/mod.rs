//! What supervisor and workers see of each other: one block of shared memory, made before the first fork.
//!
//! | question | file |
//! |---|---|
//! | What is known of one process? | [`slot`] |
//! | Whose is a slot? | [`holder`] |
//! | What is known of one request? | [`entry`] |
//! | How does a worker write it? | [`own`] |
//! | Whose is the next connection? | [`balance`] |
//! | Where does the memory come from? | `ffi` |
//!
//! Everything in it is atomic, and nobody ever waits for anybody: a process may die between any two writes. Nothing here
//! looks at a clock; times are told by the caller, in the units that each field names, of the monotonic clock, which all
//! processes of a machine share.

pub mod balance;
pub mod entry;
mod ffi;
pub mod holder;
pub mod own;
pub mod slot;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use balance::Watching;

pub use entry::{EntryId, Running, Summary};
pub use own::OwnSlot;
pub use slot::{Order, Slot, State, Why};

/// What concerns all processes.
#[derive(Debug, Default)]
#[repr(C, align(4096))]
struct Header {
    draining: AtomicBool,
    failure_told: AtomicBool,
    started: AtomicBool,
    sockets_shared: AtomicBool,
    /// Slots that anybody has ever had are the first so many.
    used: AtomicUsize,
}

/// The shared block. Made once, before the first fork; children find it where their parent had it. To be kept in an
/// `Arc`: it unmaps itself, in this process, when it is dropped.
#[derive(Debug)]
pub struct Scoreboard {
    memory: ffi::Shared,
    /// One for each of the first slots: becomes readable when others leave connections to its worker. Empty where the system
    /// has nothing that need not be read afterwards.
    calls: Vec<OwnedFd>,
}

impl Scoreboard {
    /// One with room for `slots` processes. Only what is used costs memory: a page for each process, and one for each 16
    /// requests that run in it at once.
    ///
    /// # Errors
    /// The system has no memory to give (`ENOMEM`), or there are too many slots to be counted (`EINVAL`).
    pub fn new(slots: usize) -> io::Result<Self> {
        Ok(Self { memory: ffi::Shared::new(slots)?, calls: Vec::new() })
    }

    /// Makes the workers of the first `slots` slots ones that can be called ([`Scoreboard::call`]). It takes a descriptor
    /// for each, which every process has; where there are not so many, fewer can be called.
    #[must_use]
    pub fn can_call(mut self, slots: usize) -> Self {
        self.calls = (0..slots.min(self.slots().len())).map_while(|_| new_call().ok().flatten()).collect();
        self
    }

    /// Has the worker of a slot look for connections. Where that cannot be done, it looks by itself in a moment.
    pub fn call(&self, index: usize) {
        if let Some(call) = self.calls.get(index) {
            // Failure: it was called 2⁶⁴ times.
            let _ = rustix::io::write(call, &1_u64.to_ne_bytes());
        }
    }

    /// Calls the workers of all slots that watch, but for that of slot `except`: somebody was told of connections that he
    /// does not take, and perhaps nobody else was.
    pub fn call_watching(&self, except: Option<usize>) {
        for (index, _) in self.watching().filter(|(index, _)| Some(*index) != except) {
            self.call(index);
        }
    }

    /// The slots whose workers watch for connections, with their numbers.
    fn watching(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.used().iter().enumerate().filter(|(_, slot)| slot.share().watching() != Watching::No)
    }

    /// What becomes readable, again each time, when [`Scoreboard::call`] was called. To be watched edge-triggered, and
    /// never read.
    #[must_use]
    pub fn called(&self, index: usize) -> Option<BorrowedFd<'_>> {
        self.calls.get(index).map(AsFd::as_fd)
    }

    /// All slots, used or free.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.memory.slots()
    }

    /// Those that a worker has, or has had: for whoever looks at all workers. To look at a slot that nobody has had takes a
    /// page for it, which then counts as memory of whoever has looked.
    #[must_use]
    pub fn used(&self) -> &[Slot] {
        let used = self.memory.header().used.load(Ordering::Acquire);
        self.slots().get(..used).unwrap_or_else(|| self.slots())
    }

    /// A worker has come to the slot of this number. The lowest are given away first ([`Scoreboard::find_free`]).
    fn note_used(&self, index: usize) {
        self.memory.header().used.fetch_max(index + 1, Ordering::AcqRel);
    }

    /// One slot; `None` if there are not so many.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<&Slot> {
        self.slots().get(index)
    }

    /// The first slot that nobody has. Only the supervisor gives them away, so that nobody takes it in between.
    #[must_use]
    pub fn find_free(&self) -> Option<usize> {
        self.slots().iter().position(Slot::is_free)
    }

    /// The server is about to stop: health checks are to say that it is not ready.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.memory.header().draining.load(Ordering::Acquire)
    }

    /// See [`Scoreboard::is_draining`].
    pub fn set_draining(&self, draining: bool) {
        self.memory.header().draining.store(draining, Ordering::Release);
    }

    /// True for the one that asks first, in all processes: whoever gets it tells a failure that all of them see. Until
    /// [`Scoreboard::forget_failure`].
    #[must_use]
    pub fn tells_failure(&self) -> bool {
        !self.memory.header().failure_told.swap(true, Ordering::AcqRel)
    }

    /// All workers of the first generation have been ready once.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.memory.header().started.load(Ordering::Acquire)
    }

    /// See [`Scoreboard::has_started`].
    pub fn set_started(&self) {
        self.memory.header().started.store(true, Ordering::Release);
    }

    /// Whether others listen to the same sockets who are none of the server's workers: another server that takes over, or
    /// has given them; a service manager. Then nobody may end the listening for all.
    #[must_use]
    pub fn sockets_are_shared(&self) -> bool {
        self.memory.header().sockets_shared.load(Ordering::Acquire)
    }

    /// See [`Scoreboard::sockets_are_shared`].
    pub fn share_sockets(&self, shared: bool) {
        self.memory.header().sockets_shared.store(shared, Ordering::Release);
    }

    /// The next failure is another one, to be told anew.
    pub fn forget_failure(&self) {
        self.memory.header().failure_told.store(false, Ordering::Release);
    }
}

#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_wraps)] // elsewhere there is none
fn new_call() -> io::Result<Option<OwnedFd>> {
    use rustix::event::{EventfdFlags, eventfd};
    Ok(Some(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // as above
fn new_call() -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
