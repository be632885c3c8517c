//! What bytes mean: HTTP for Yett, without I/O.
//!
//! No socket, no clock, no thread, no Python in here: bytes go in, events come out, and bytes to send are
//! written into a buffer of the caller. That is what makes every rule testable at every byte boundary.
//!
//! | module | what it holds |
//! |---|---|
//! | [`h1`] | an HTTP/1.1 server connection: head parser, framing, chunked coding, the state machine (`h1/LIFECYCLE.md`) |
//! | [`request`] | a request head as every protocol shows it |
//! | [`response`] | a response head as an application gave it, checked |
//! | [`gateway`] | what a proxy says of the client: Forwarded, X-Forwarded-…, the PROXY protocol |
//! | [`headers`] | field syntax, and blocks of checked fields |
//! | [`target`] | request targets, authorities, percent-decoding |
//! | [`date`] | the `Date` field's format |
//! | [`limits`] | what a request may cost |
//! | [`error`] | what peers and applications got wrong, and the status that answers it |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod date;
pub mod error;
pub mod gateway;
pub mod h1;
pub mod headers;
pub mod limits;
pub mod request;
pub mod response;
mod scan;
pub mod target;
