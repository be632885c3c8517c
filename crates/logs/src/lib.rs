//! What is written of requests and events, in which form, and by whom.
//!
//! | question | file |
//! |---|---|
//! | What is known of a request? | [`record`] (what has to be: [`needs`]; its user: `basic`) |
//! | How does its line look? | [`access`] (what can be asked for: `yett_settings::AccessFormat`) |
//! | How does a message look, and where does it go? | [`message`], [`errors`] |
//! | How is a request called? | [`request_id`] |
//! | Where can lines go? | [`target`] |
//! | What waits, and how much of it? | [`log`] |
//! | Who writes, and when; what if a signal or a fork comes? | [`writer`] |
//! | How do lines get out whole? | `sink` (files, streams), `syslog` |
//! | What time is it? | [`clock`], `civil` (the calendar) |
//! | What must not stand in a line as it is? | `escape` |
//!
//! This crate knows neither sockets of clients nor Python: gateways tell it what they know.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod access;
mod basic;
mod civil;
pub mod clock;
pub mod errors;
mod escape;
pub mod log;
pub mod message;
pub mod needs;
pub mod record;
pub mod request_id;
mod sink;
mod syslog;
pub mod target;
pub mod writer;

pub use access::{AccessLog, Form};
pub use log::Log;
pub use message::{About, Exception, Message};
pub use needs::Needs;
pub use record::{CLIENT_GONE, Client, Head, Interface, Outcome, Record};
pub use request_id::RequestId;
pub use target::Target;
