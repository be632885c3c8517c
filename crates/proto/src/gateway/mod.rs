//! What stands in front of us: what a gateway (a reverse proxy, RFC 9110 §3.7) says of the client whose request it
//! passes on.
//!
//! | question | file |
//! |---|---|
//! | Where did a request come from, as far as its header fields are believed? | [`forwarded`] |
//! | What does a Forwarded field say? | `elements` (RFC 7239) |
//! | Who is at the other end of a connection that a proxy opened? | [`proxy_protocol`] |
//!
//! Whether a peer may be believed at all is not decided here: nothing in here is to be asked about a peer that is not
//! trusted.

mod elements;
pub mod forwarded;
pub mod proxy_protocol;
