//! Where bytes come from: sockets, readiness, time.
//!
//! | question | file |
//! |---|---|
//! | Which sockets have news? | [`reactor`] (epoll or kqueue, nestable in another loop) |
//! | Where do connections come from? | [`listener`] |
//! | How many are accepted at a time, and what if no descriptor is left? | [`acceptor`] |
//! | What if descriptors become many? | [`descriptors`] |
//! | How is a socket read and written? | `socket` |
//! | What waits to be written? | [`buffer`] |
//! | Where does a large request body go? | [`spool`] (memory, then a temporary file) |
//! | One client, its protocol, its buffers and its deadline | [`connection`] |
//! | Which connection does a token name? | [`table`] |
//! | When has somebody waited too long? | [`timer`] |
//! | What time is it? | [`clock`] |
//!
//! This crate knows no Python. A *driver* (ASGI: the user's event loop; WSGI: a pool of threads) owns a
//! [`reactor::Reactor`], asks it for events, and calls [`connection::Connection::advance`] for each.

#![warn(missing_docs)]

pub mod acceptor;
pub mod buffer;
pub mod clock;
pub mod connection;
pub mod crew;
pub mod descriptors;
pub mod ffi;
pub mod listener;
pub mod reactor;
mod socket;
pub mod spool;
pub mod table;
pub mod timer;

pub use acceptor::Acceptor;
pub use connection::{Connection, Inbox, Sent, Step, Tally, Timeouts};
pub use listener::{Address, Listener, Peer};
pub use reactor::{Events, Reactor, Readiness};
pub use table::{Table, Token};
pub use yett_proto::h1::Stamp;
