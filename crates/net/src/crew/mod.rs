//! A crew of threads on one reactor: leader and followers.
//!
//! The driver of gateways whose applications block (WSGI, CGI). One thread waits in the poll; what it finds it works on
//! itself: read, parse, run the application, write. Nothing is handed over, so that on the way of a request there is no
//! lock, no queue and no wake-up. When all threads that take part are inside the application, another is let in.
//!
//! | question | file |
//! |---|---|
//! | Which thread has a connection? | `ownership` |
//! | Who works on what a poll has brought? | `batch` |
//! | How many threads take part? | `controller` (pure) |
//! | Does anybody wait while all of them are busy? | `waiting` |
//! | Where do threads wait? | this file |
//!
//! A connection that cannot be owned by one thread at a time, because it carries many requests at once (HTTP/2), goes
//! another way: whoever reads it puts a request that is ready into the queue that [`Crew::again`] feeds, as a token of
//! its own, and any thread takes it from there in [`Crew::next`]. That way costs a lock for each request; HTTP/1.1 uses
//! it only for turns that were cut short.

mod batch;
mod controller;
mod ownership;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod waiting;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crate::clock;
use crate::reactor::{Events, Reactor};
use crate::table::Token;
use batch::Batch;
use controller::{LOOK_MICROS, Sight, Verdict, Watch};

pub use controller::Door;
pub use ownership::{Claim, News, Shared};

/// What a thread has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The reactor, or [`Crew::again`], speaks of this token: a connection's, a listener's, or the alarm.
    Event(u64, News),
    /// The crew is dismissed.
    Stop,
}

/// What a thread of the crew keeps to itself.
#[allow(missing_debug_implementations)] // `Events` has none
#[derive(Default)]
pub struct Member {
    events: Events,
    /// How entering the interpreter went lately.
    pub door: Door,
    arrived: bool,
    /// The last thing it took came from the queue.
    took_again: bool,
}

/// The threads that serve one reactor.
#[derive(Debug)]
pub struct Crew {
    reactor: Reactor,
    batch: Batch,
    /// A thread waits for events, or is about to.
    polling: AtomicBool,
    /// How often threads have come for an event.
    visits: AtomicU64,
    /// Threads that take part.
    active: AtomicUsize,
    /// The watch sleeps: who finds work wakes it.
    watch_rests: AtomicBool,
    parked: Mutex<Parked>,
    again: Mutex<VecDeque<(u64, News)>>,
    /// Whether there is anything in `again`.
    has_again: AtomicBool,
    stopping: AtomicBool,
}

#[derive(Debug, Default)]
struct Parked {
    watch: Option<Arc<Seat>>,
    /// The last to come is the first to go in: as few threads as possible are in use, and with them as few of what
    /// applications keep for each thread, such as database connections.
    others: Vec<Arc<Seat>>,
}

/// Where one parked thread waits.
#[derive(Debug)]
struct Seat {
    thread: Thread,
    watches: AtomicBool,
}

impl Crew {
    /// # Errors
    /// The reactor cannot be made (a system limit).
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            reactor: Reactor::new()?,
            batch: Batch::default(),
            polling: AtomicBool::new(false),
            visits: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            watch_rests: AtomicBool::new(false),
            parked: Mutex::default(),
            again: Mutex::default(),
            has_again: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    /// Where the crew's sockets are registered.
    #[must_use]
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// Whether the calling thread, which takes part, is the only one that does.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.active.load(Ordering::Relaxed) == 1
    }

    /// Waits for something to do. `idle` is called before the thread waits for events. Must not be called while the
    /// thread holds what others may need: the interpreter's lock, or a connection.
    ///
    /// # Errors
    /// The poll has failed, which it does only if the process has lost its descriptor.
    pub fn next(&self, member: &mut Member, mut idle: impl FnMut()) -> io::Result<Task> {
        if !member.arrived {
            member.arrived = true;
            self.arrive(member);
        } else if member.door.is_crowded() && self.leave() {
            idle();
            self.wait_to_be_let_in(member);
        }
        loop {
            if self.stopping.load(Ordering::Acquire) {
                self.active.fetch_sub(1, Ordering::AcqRel);
                member.arrived = false;
                return Ok(Task::Stop);
            }
            self.visits.fetch_add(1, Ordering::Relaxed);
            if let Some((token, news)) = self.batch.take() {
                return Ok(Task::Event(token, news));
            }
            // Those who were cut short do not keep the others from being looked at.
            if std::mem::take(&mut member.took_again) && self.look_for_events(member)? {
                continue;
            }
            if let Some((token, news)) = self.take_again() {
                member.took_again = true;
                return Ok(Task::Event(token, news));
            }
            idle();
            if self.poll_alone(&mut member.events, None)? {
                continue;
            }
            if self.leave() {
                self.wait_to_be_let_in(member);
            } else {
                // The other one has just gone: its place at the poll is free, or soon will be.
                std::hint::spin_loop();
            }
        }
    }

    /// Polls, unless another thread does already: then false.
    fn poll_alone(&self, events: &mut Events, wait_ms: Option<u32>) -> io::Result<bool> {
        if self.polling.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return Ok(false);
        }
        let polled = self.poll(events, wait_ms);
        self.stop_polling();
        polled.map(|()| true)
    }

    /// Nobody polls any more. However short the poll was meant to be: the system may have held the thread up in it for so
    /// long that the watch went to rest, and this thread may now be in the application for as long as it likes.
    fn stop_polling(&self) {
        // One stores `polling` and then reads `watch_rests`, the watch (in `rest`) stores that and then reads this. All four
        // are sequentially consistent: with less, each could read what was there before the other's store, and the watch
        // would sleep while nobody polls.
        self.polling.store(false, Ordering::SeqCst);
        if self.watch_rests.load(Ordering::SeqCst) && self.watch_rests.swap(false, Ordering::SeqCst) {
            self.wake_watch();
        }
    }

    /// Waits for events and puts them where every thread finds them. By the thread that holds `polling`.
    fn poll(&self, events: &mut Events, wait_ms: Option<u32>) -> io::Result<()> {
        // Another thread may have polled, and gone, since this one found nothing: what it has brought would be lost.
        if !self.batch.is_empty() {
            return Ok(());
        }
        // Who puts something into the queue sees that this thread polls, or this thread sees what is in it.
        let urgent = self.has_again.load(Ordering::SeqCst) || self.stopping.load(Ordering::SeqCst);
        self.reactor.poll(events, if urgent { Some(0) } else { wait_ms })?;
        self.batch.fill(events);
        Ok(())
    }

    /// Looks for events without waiting, unless another thread does already. Whether there are any.
    fn look_for_events(&self, member: &mut Member) -> io::Result<bool> {
        Ok(self.poll_alone(&mut member.events, Some(0))? && !self.batch.is_empty())
    }

    /// Has `token` come up again, with `news`: there is more to do for it. From any thread.
    ///
    /// # Errors
    /// The thread that waits cannot be woken; the token is in the queue all the same.
    pub fn again(&self, token: Token, news: News) -> io::Result<()> {
        {
            let mut again = self.lock_again();
            again.push_back((token.as_u64(), news));
            self.has_again.store(true, Ordering::SeqCst);
        }
        self.wake_poll()
    }

    /// There is something in the queue. A thread that waits for events does not see it, and the caller may be stuck in the
    /// application before it comes for it. (Either this sees that it polls, or it sees that there is something before it
    /// does.)
    fn wake_poll(&self) -> io::Result<()> {
        if self.polling.load(Ordering::SeqCst) { self.reactor.wake() } else { Ok(()) }
    }

    /// Dismisses the crew: every thread gets [`Task::Stop`] when it comes the next time.
    ///
    /// # Errors
    /// As [`Crew::again`].
    pub fn stop(&self) -> io::Result<()> {
        self.stopping.store(true, Ordering::SeqCst);
        let woken = self.reactor.wake();
        let mut parked = self.lock_parked();
        for seat in parked.watch.take().into_iter().chain(parked.others.drain(..)) {
            seat.thread.unpark();
        }
        woken
    }

    fn take_again(&self) -> Option<(u64, News)> {
        if !self.has_again.load(Ordering::Acquire) {
            return None;
        }
        let mut again = self.lock_again();
        let next = again.pop_front();
        self.has_again.store(!again.is_empty(), Ordering::SeqCst);
        next
    }

    // ---- taking part ----

    fn arrive(&self, member: &mut Member) {
        let first = self.active.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !first {
            self.wait_to_be_let_in(member);
        }
    }

    /// Takes part no more, unless nobody would be left.
    fn leave(&self) -> bool {
        let one_less = |active: usize| active.checked_sub(1).filter(|rest| *rest > 0);
        self.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok()
    }

    /// Waits among the parked until it is this thread's turn. Afterwards it takes part.
    fn wait_to_be_let_in(&self, member: &mut Member) {
        let seat = Arc::new(Seat { thread: std::thread::current(), watches: AtomicBool::new(false) });
        {
            let mut parked = self.lock_parked();
            if parked.watch.is_none() {
                seat.watches.store(true, Ordering::Relaxed);
                parked.watch = Some(Arc::clone(&seat));
            } else {
                parked.others.push(Arc::clone(&seat));
            }
        }
        while !seat.watches.load(Ordering::Acquire) && !self.stopping.load(Ordering::Acquire) {
            std::thread::park();
        }
        self.keep_watch();
        member.door = Door::default();
        self.active.fetch_add(1, Ordering::AcqRel);
        let mut parked = self.lock_parked();
        parked.watch = parked.others.pop();
        if let Some(next) = &parked.watch {
            next.watches.store(true, Ordering::Release);
            next.thread.unpark();
        }
    }

    fn keep_watch(&self) {
        let mut watch = Watch::new(self.sight());
        while !self.stopping.load(Ordering::Acquire) {
            std::thread::park_timeout(Duration::from_micros(LOOK_MICROS));
            match watch.look(self.sight(), || self.events_wait()) {
                Verdict::Look => {}
                Verdict::LetIn => return,
                Verdict::Rest => self.rest(),
            }
        }
    }

    fn sight(&self) -> Sight {
        Sight {
            visits: self.visits.load(Ordering::Relaxed),
            polling: self.polling.load(Ordering::SeqCst),
            now: clock::now_micros(),
            used: clock::processor_micros(),
        }
    }

    /// Whether there is something to do that nobody has taken: events, or what [`Crew::again`] was told.
    fn events_wait(&self) -> bool {
        !self.batch.is_empty() || self.has_again.load(Ordering::Relaxed) || self.reactor.has_events()
    }

    /// Sleeps until a thread finds work.
    fn rest(&self) {
        self.watch_rests.store(true, Ordering::SeqCst);
        // Either this sees that nobody polls any more, or the one that stops polling sees that the watch rests, however long
        // ago it was that the watch made up its mind: see `stop_polling`.
        while self.polling.load(Ordering::SeqCst)
            && self.watch_rests.load(Ordering::SeqCst)
            && !self.stopping.load(Ordering::SeqCst)
        {
            std::thread::park();
        }
        self.watch_rests.store(false, Ordering::SeqCst);
    }

    fn wake_watch(&self) {
        if let Some(watch) = &self.lock_parked().watch {
            watch.thread.unpark();
        }
    }

    fn lock_parked(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_again(&self) -> MutexGuard<'_, VecDeque<(u64, News)>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
