//! When several processes accept from the same listeners: a connection may be left to another.
//!
//! Whose it is others decide ([`Sharing`]); here is what follows. Whoever leaves a connection to another stops watching, for
//! the listeners are level-triggered and would go on telling of it. He looks again when he is called, or when his patience
//! is over: then he takes one all the same, for whoever it was left to has not come.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;

use crate::clock::Millis;

/// How long a connection may wait for whom it was left to: what a busy one needs to come back to its loop, and less than
/// anybody notices. (The kernel's clock may make it a few more.)
pub(super) const PATIENCE_MS: Millis = 2;

/// Decides whose the next connection is.
pub trait Sharing: Debug + Send + Sync {
    /// Whether the next connection is for this process. If it is better left to another, and one `waits`, that one has
    /// been told when this returns false.
    fn is_ours(&self, waits: &dyn Fn() -> bool) -> bool;

    /// The process that the last connection was left to has not come for it, and it was taken here.
    fn did_not_come(&self);

    /// Whether the listeners are watched, or will be in a moment.
    fn watches(&self, watching: Watching);

    /// Becomes readable, again each time, when others leave connections to this process. It is watched edge-triggered, and
    /// never read.
    fn called(&self) -> Option<BorrowedFd<'_>>;
}

/// Whether listeners are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// They are not.
    No,
    /// They are.
    Yes,
    /// They are not, because a connection was left to another; they will be when that is over.
    Later,
}

/// A connection was left to another.
#[derive(Debug, Default)]
pub(super) struct Deferral {
    /// Until when; `None`: it was not, or that is over.
    pub until: Option<Millis>,
    /// An entry among the deadlines will come up.
    pub armed: bool,
}
