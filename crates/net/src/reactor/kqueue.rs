//! The reactor on macOS and the BSDs. `EV_CLEAR` is kqueue's edge-triggering; a kqueue's own descriptor nests in
//! another kqueue, or in `select`, as an epoll's does.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::kqueue::{Event, EventFilter, EventFlags, kqueue};

use super::{ALARM, Events, Readiness};
use crate::clock::{self, Millis};
use crate::ffi;

/// The timer of the alarm.
const ALARM_TIMER: isize = 0;
/// The one that ends a wait: the alarm's is set anew by others.
const BELL_TIMER: isize = 1;

/// A kqueue with its timers.
#[derive(Debug)]
pub struct Reactor {
    queue: OwnedFd,
}

impl Reactor {
    /// # Errors
    /// Those of `kqueue`: the process or system limit on descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { queue: kqueue()? })
    }

    /// The descriptor to watch for reading in an outer loop.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    /// Registers a connected socket, once, for everything, edge-triggered.
    ///
    /// # Errors
    /// Those of `kevent`.
    pub fn add_stream(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let fd = socket.as_fd().as_raw_fd();
        let flags = EventFlags::ADD | EventFlags::CLEAR;
        self.change(&[
            Event::new(EventFilter::Read(fd), flags, token as *mut _),
            Event::new(EventFilter::Write(fd), flags, token as *mut _),
        ])
    }

    /// Registers a listening socket, level-triggered.
    ///
    /// # Errors
    /// Those of `kevent`.
    pub fn add_listener(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let fd = socket.as_fd().as_raw_fd();
        self.change(&[Event::new(EventFilter::Read(fd), EventFlags::ADD, token as *mut _)])
    }

    /// Forgets a listener. Streams need not be forgotten before they are closed.
    ///
    /// # Errors
    /// Those of `kevent`.
    pub fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        let fd = socket.as_fd().as_raw_fd();
        self.change(&[Event::new(EventFilter::Read(fd), EventFlags::DELETE, std::ptr::null_mut())])
    }

    /// Sets the one alarm; an earlier setting is replaced. `None` switches it off.
    ///
    /// # Errors
    /// Those of `kevent`.
    pub fn set_alarm(&self, at: Option<Millis>) -> io::Result<()> {
        let (after, flags) = match at {
            // A zero would go off for ever on some systems: what is due already goes off in a millisecond.
            Some(at) => (
                Duration::from_millis(at.saturating_sub(clock::now()).max(1)),
                EventFlags::ADD | EventFlags::ONESHOT,
            ),
            None => (Duration::ZERO, EventFlags::DELETE),
        };
        let timer = EventFilter::Timer { ident: ALARM_TIMER, timer: Some(after) };
        match self.change(&[Event::new(timer, flags, ALARM as *mut _)]) {
            // Switching off what has gone off already.
            Err(error) if at.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Has a poll report [`ALARM`] in a millisecond, whatever the alarm is set to. From any thread.
    ///
    /// # Errors
    /// Those of `kevent`.
    pub fn wake(&self) -> io::Result<()> {
        // Not a user event, which not every BSD has.
        let timer = EventFilter::Timer { ident: BELL_TIMER, timer: Some(Duration::from_millis(1)) };
        self.change(&[Event::new(timer, EventFlags::ADD | EventFlags::ONESHOT, ALARM as *mut _)])
    }

    /// Collects up to [`super::EVENTS_PER_POLL`] events. `wait_ms`: 0 returns at once, `None` waits for the first.
    ///
    /// # Errors
    /// Those of `kevent`; an interrupted wait is an empty result.
    pub fn poll(&self, events: &mut Events, wait_ms: Option<u32>) -> io::Result<()> {
        events.raw.clear();
        let timeout = wait_ms.map(|ms| Duration::from_millis(u64::from(ms)));
        match ffi::kevent(&self.queue, &[], &mut events.raw, timeout) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn change(&self, changes: &[Event]) -> io::Result<()> {
        ffi::kevent(&self.queue, changes, &mut Vec::new(), Some(Duration::ZERO))
    }
}

/// An event as the system tells it.
pub(super) type RawEvent = Event;

/// Its token and what it says.
pub(super) fn decode(event: &RawEvent) -> (u64, Readiness) {
    let ended = event.flags().contains(EventFlags::EOF);
    let reading = matches!(event.filter(), EventFilter::Read(_));
    let readiness = Readiness {
        readable: reading,
        writable: !reading,
        peer_closed: ended && reading,
        // EOF on the writing side: the peer reads no more.
        hung_up: ended && !reading,
    };
    (event.udata() as u64, readiness)
}
