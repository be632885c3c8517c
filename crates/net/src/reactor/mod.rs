//! Which sockets have news: one small interface over epoll (Linux) and kqueue (macOS, BSD).
//!
//! The reactor is itself one file descriptor ([`Reactor::fd`]) that becomes readable when [`Reactor::poll`] would
//! return something. That lets it be nested in any event loop: `loop.add_reader(fd, tick)`.
//!
//! * Streams are registered once, edge-triggered, for reading and writing: no re-arming system call ever. The
//!   connection remembers what it was told ([`crate::Connection`]).
//! * Listeners are level-triggered: a tick may leave connections in the queue and is called again.
//! * One alarm serves all deadlines ([`crate::timer::Deadlines`] knows which).

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "epoll.rs"]
mod system;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "kqueue.rs"]
mod system;

pub use system::{Events, Reactor};

/// The token that [`Reactor::poll`] reports when the alarm went off.
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
