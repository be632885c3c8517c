//! Which sockets have news: one small interface over epoll (Linux) and kqueue (macOS, BSD).
//!
//! The reactor is itself one file descriptor ([`Reactor::fd`]) that becomes readable when [`Reactor::poll`] would
//! return something. That lets it be nested in any event loop: `loop.add_reader(fd, tick)`.
//!
//! * Streams are registered once, edge-triggered, for reading and writing: no re-arming system call ever. The
//!   connection remembers what it was told ([`crate::Connection`]).
//! * Listeners are level-triggered: a tick may leave connections in the queue and is called again.
//! * One alarm serves all deadlines ([`crate::timer::Deadlines`] knows which).
//! * Another thread can end a wait ([`Reactor::wake`]).

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "epoll.rs"]
mod system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "kqueue.rs"]
mod system;

use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec};

pub use system::Reactor;

/// The token that [`Reactor::poll`] reports when the alarm went off, or after [`Reactor::wake`].
pub const ALARM: u64 = u64::MAX;

/// The most events one [`Reactor::poll`] returns: bounded work per tick, so that the application's own sockets and
/// timers, which share the thread, get their turn (design, section 4, rule 7).
pub const EVENTS_PER_POLL: usize = 64;

/// What happened on a socket since it was last reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There may be bytes to read (or an end, or an error to learn of by reading).
    pub readable: bool,
    /// The socket may take bytes again.
    pub writable: bool,
    /// The peer has sent FIN: nothing follows what is in the socket's buffer.
    pub peer_closed: bool,
    /// The connection is gone in both directions (reset, or both sides closed).
    pub hung_up: bool,
}

/// Room for the events of one poll.
#[allow(missing_debug_implementations)] // the system's event has none
pub struct Events {
    raw: Vec<system::RawEvent>,
}

impl Default for Events {
    fn default() -> Self {
        Self { raw: Vec::with_capacity(EVENTS_PER_POLL) }
    }
}

impl Events {
    /// How many events the last poll returned.
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether the last poll returned nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Whether the last poll returned all it may: there is probably more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.raw.len() >= EVENTS_PER_POLL
    }

    /// Token and readiness of event `index`, if there are that many.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(u64, Readiness)> {
        self.raw.get(index).map(system::decode)
    }
}

impl Reactor {
    /// Whether a poll would return at once with something.
    #[must_use]
    pub fn has_events(&self) -> bool {
        is_readable(self.fd())
    }
}

/// Whether a descriptor has something to read.
#[must_use]
pub fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut watched = [PollFd::new(&fd, PollFlags::IN)];
    rustix::event::poll(&mut watched, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;
    use crate::clock;

    fn poll(reactor: &Reactor, wait_ms: u32) -> Vec<(u64, Readiness)> {
        let mut events = Events::default();
        reactor.poll(&mut events, Some(wait_ms)).unwrap();
        (0..events.len()).filter_map(|index| events.get(index)).collect()
    }

    #[test]
    fn a_stream_is_reported_once_for_each_piece_of_news() {
        let reactor = Reactor::new().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        reactor.add_stream(&ours, 7).unwrap();
        assert!(poll(&reactor, 0).iter().all(|(token, readiness)| *token == 7 && readiness.writable));
        assert_eq!(poll(&reactor, 0), []);
        theirs.write_all(b"x").unwrap();
        assert!(matches!(
            poll(&reactor, 1000)[..],
            [(7, Readiness { readable: true, peer_closed: false, .. })]
        ));
        assert_eq!(poll(&reactor, 0), [], "nobody has read it, and nothing is new");
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(matches!(poll(&reactor, 1000)[..], [(7, Readiness { peer_closed: true, .. })]));
    }

    #[test]
    fn a_listener_is_reported_until_it_has_been_served() {
        let path = std::env::temp_dir().join(format!("yett-reactor-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let reactor = Reactor::new().unwrap();
        reactor.add_listener(&listener, 9).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(poll(&reactor, 1000).len(), 1);
        assert_eq!(poll(&reactor, 1000).len(), 1);
        reactor.remove(&listener).unwrap();
        assert_eq!(poll(&reactor, 0), []);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_alarm_goes_off_once_and_can_be_moved_and_switched_off() {
        let reactor = Reactor::new().unwrap();
        reactor.set_alarm(Some(clock::now())).unwrap();
        assert!(matches!(poll(&reactor, 5000)[..], [(ALARM, _)]));
        assert_eq!(poll(&reactor, 0), []);
        reactor.set_alarm(Some(clock::now() + 3_600_000)).unwrap();
        reactor.set_alarm(Some(clock::now() + 1)).unwrap();
        assert!(matches!(poll(&reactor, 5000)[..], [(ALARM, _)]));
        reactor.set_alarm(Some(clock::now() + 1)).unwrap();
        reactor.set_alarm(None).unwrap();
        assert_eq!(poll(&reactor, 50), []);
    }

    #[test]
    fn a_wait_is_ended_as_often_as_somebody_wants_whatever_the_alarm_is_set_to() {
        let reactor = Reactor::new().unwrap();
        for _ in 0..3 {
            reactor.wake().unwrap();
            reactor.set_alarm(Some(clock::now() + 3_600_000)).unwrap();
            assert!(matches!(poll(&reactor, 5000)[..], [(ALARM, _)]));
        }
        assert_eq!(poll(&reactor, 0), []);
        reactor.set_alarm(Some(clock::now() + 1)).unwrap();
        assert!(matches!(poll(&reactor, 5000)[..], [(ALARM, _)]), "nor is the alarm's place taken");
    }

    #[test]
    fn an_outer_loop_sees_its_descriptor_become_readable() {
        let reactor = Reactor::new().unwrap();
        let readable = || reactor.has_events();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        reactor.add_stream(&ours, 1).unwrap();
        poll(&reactor, 0);
        assert!(!readable());
        theirs.write_all(b"x").unwrap();
        assert!(readable());
        assert_eq!(poll(&reactor, 0).len(), 1);
        assert!(!readable(), "what has been polled is no news any more");
    }
}
