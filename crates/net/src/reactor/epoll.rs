//! The reactor on Linux.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::{ALARM, Events, Readiness};
use crate::clock::{self, Millis};

/// An epoll instance with one timer.
#[derive(Debug)]
pub struct Reactor {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// Ends a wait. Not the timer, which others set anew.
    bell: OwnedFd,
}

impl Reactor {
    /// # Errors
    /// Those of `epoll_create1`, `timerfd_create` and `eventfd`: the process or system limit on descriptors.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Edge-triggered: each expiry is reported once, and nobody has to read the timer to silence it.
        epoll::add(&epoll, &timer, EventData::new_u64(ALARM), EventFlags::IN | EventFlags::ET)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, EventData::new_u64(ALARM), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, timer, bell })
    }

    /// The descriptor to watch for reading in an outer loop.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Registers a connected socket, once, for everything, edge-triggered.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn add_stream(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags)?)
    }

    /// Registers a listening socket, level-triggered. `EPOLLEXCLUSIVE`: of several workers that watch the same
    /// listener, one wakes, not all.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn add_listener(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags)?)
    }

    /// Forgets a socket. Not needed before closing the last descriptor of it.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Sets the one alarm; an earlier setting is replaced. `None` switches it off.
    ///
    /// # Errors
    /// Those of `timerfd_settime`.
    pub fn set_alarm(&self, at: Option<Millis>) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = at.map_or(zero, |at| {
            // A zero would disarm the timer: what is due already goes off in a millisecond.
            let ms = at.saturating_sub(clock::now()).max(1);
            Timespec {
                tv_sec: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(ms % 1000).unwrap_or(0) * 1_000_000,
            }
        });
        let spec = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
        Ok(())
    }

    /// Has a poll report [`ALARM`], whatever the alarm is set to. From any thread.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn wake(&self) -> io::Result<()> {
        // Edge-triggered: each writing is reported, and nobody has to read what has gathered.
        rustix::io::write(&self.bell, &1u64.to_ne_bytes())?;
        Ok(())
    }

    /// Collects up to [`super::EVENTS_PER_POLL`] events. `wait_ms`: 0 returns at once, `None` waits for the first.
    ///
    /// # Errors
    /// Those of `epoll_wait`; an interrupted wait is an empty result.
    pub fn poll(&self, events: &mut Events, wait_ms: Option<u32>) -> io::Result<()> {
        events.raw.clear();
        let timeout = wait_ms
            .map(|ms| Timespec { tv_sec: i64::from(ms / 1000), tv_nsec: i64::from(ms % 1000) * 1_000_000 });
        match epoll::wait(&self.epoll, spare_capacity(&mut events.raw), timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// An event as the system tells it.
pub(super) type RawEvent = epoll::Event;

/// Its token and what it says.
pub(super) fn decode(event: &RawEvent) -> (u64, Readiness) {
    // `Event` is packed: copy the fields, never borrow them.
    let (flags, data) = (event.flags, event.data);
    let broken = flags.intersects(EventFlags::HUP | EventFlags::ERR);
    let readiness = Readiness {
        readable: broken || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
        writable: broken || flags.contains(EventFlags::OUT),
        peer_closed: broken || flags.contains(EventFlags::RDHUP),
        hung_up: broken,
    };
    (data.u64(), readiness)
}
