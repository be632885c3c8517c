//! When several processes accept from the same listeners: a connection may be left to another.
//!
//! Whose it is others decide ([`Sharing`]); here is what follows. Whoever leaves a connection to another stops watching, for
//! the listeners are level-triggered and would go on telling of it. He looks again when he is called, or when his patience
//! is over: then he takes one all the same, for whoever it was left to has not come. From then on all may be his own; but
//! who has not come may only be waiting for a processor, so for a while he takes a few at a time, and leaves that one time in
//! between.
//!
//! The kernel tells one process of a connection and no other (`EPOLLEXCLUSIVE`). Whoever has been told and cannot take it
//! calls the others.

use std::fmt::Debug;
use std::ops::DerefMut;
use std::os::fd::BorrowedFd;

use super::{Acceptor, Notice, PATIENCE_OVER, arm};
use crate::clock::{self, Millis};
use crate::listener::{Accepted, NewConnection};
use crate::reactor::Reactor;
use crate::timer::Deadlines;

/// How long a connection may wait for whom it was left to: what a busy one needs to come back to its loop, and less than
/// anybody notices. (The kernel's clock may make it a few more.)
pub(super) const PATIENCE_MS: Millis = 2;

/// Decides whose the next connection is.
pub trait Sharing: Debug + Send + Sync {
    /// Whether the next connection is for this process, which was `told` of it. If it is better left to another, and one
    /// `waits`, that one has been called when this returns false.
    fn is_ours(&self, told: Told, waits: &dyn Fn() -> bool) -> bool;

    /// The process that the last connection was left to has not come for it, and it was taken here.
    fn did_not_come(&self);

    /// Whether there are others who have not come just now, and may soon; and this process is sure to look again if it
    /// leaves them time.
    fn others_are_late(&self) -> bool;

    /// Calls all others who watch: what this process was told of, and perhaps no other, it does not take.
    fn call_others(&self);

    /// Whether the listeners are watched, or will be in a moment.
    fn watches(&self, watching: Watching);

    /// Becomes readable, again each time, when others leave connections to this process. It is watched edge-triggered, and
    /// never read.
    fn called(&self) -> Option<BorrowedFd<'_>>;
}

/// How a process has learned that there may be a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// From its reactor. Perhaps nobody else was told.
    ByKernel,
    /// Another one has called.
    ByCall,
}

/// Whether listeners are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// They are not.
    No,
    /// They are.
    Yes,
    /// They are not, because others have their turn; they will be when that is over.
    Later,
}

/// Others have their turn.
#[derive(Debug, Default)]
pub(super) struct Deferral {
    /// Until when; `None`: they have not, or that is over.
    pub until: Option<Millis>,
    /// A connection was left to another, who is known to have less to do.
    pub left: bool,
    /// An entry among the deadlines will come up.
    pub armed: bool,
}

impl Acceptor {
    /// Leaves what waits to others; `left`: to one of them.
    pub(super) fn defer(&mut self, left: bool, reactor: &Reactor, deadlines: &mut Deadlines) -> Vec<Notice> {
        let mut notices = self.watch(false, reactor);
        let until = clock::now() + PATIENCE_MS;
        self.deferral.until = Some(until);
        self.deferral.left = left;
        if let Some(sharing) = &self.sharing {
            sharing.watches(Watching::Later);
        }
        notices.extend(self.arm_patience(until, reactor, deadlines));
        notices
    }

    fn arm_patience(
        &mut self,
        until: Millis,
        reactor: &Reactor,
        deadlines: &mut Deadlines,
    ) -> Option<Notice> {
        // One entry is enough: it is put back if it comes up early.
        if std::mem::replace(&mut self.deferral.armed, true) {
            return None;
        }
        arm(PATIENCE_OVER, until, reactor, deadlines)
    }

    /// Another process has left connections to this one, or cannot take them.
    pub(super) fn take_called<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: &impl Fn() -> D,
        admit: &mut impl FnMut(NewConnection, usize),
    ) -> Vec<Notice> {
        let mut notices = Vec::new();
        if self.deferral.until.take().is_some() && !self.stopped {
            notices.extend(self.watch_all(reactor, deadlines));
        }
        // The reactor tells of them only if nobody else was woken for them.
        for index in 0..self.listeners.len() {
            if self.listeners.get(index).is_some_and(|listening| listening.watched) {
                notices.extend(self.take(index, Told::ByCall, self.at_once(), reactor, deadlines, admit));
            }
        }
        notices
    }

    /// Patience is over: takes one if it still waits, and watches again.
    pub(super) fn take_deferred<D: DerefMut<Target = Deadlines>>(
        &mut self,
        reactor: &Reactor,
        deadlines: &impl Fn() -> D,
        admit: &mut impl FnMut(NewConnection, usize),
    ) -> Vec<Notice> {
        self.deferral.armed = false;
        let Some(until) = self.deferral.until.filter(|_| !self.stopped) else { return Vec::new() };
        if clock::now() < until {
            return self.arm_patience(until, reactor, &mut deadlines()).into_iter().collect();
        }
        self.deferral.until = None;
        // One of each listener, so that none has to wait for another. What else may come of an accept is seen when it is
        // watched.
        let mut taken = false;
        for (index, listening) in self.listeners.iter().enumerate() {
            if let Ok(Accepted::Connection(new)) = listening.listener.accept() {
                admit(new, index);
                taken = true;
            }
        }
        if let Some(sharing) = self.sharing.as_ref().filter(|_| taken && self.deferral.left) {
            sharing.did_not_come();
        }
        self.watch_all(reactor, deadlines)
    }
}
