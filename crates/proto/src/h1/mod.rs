//! An HTTP/1.1 server connection (RFC 9110, RFC 9112), strict, without I/O. The rules are told in `LIFECYCLE.md`.
//!
//! * [`Connection`]: the state machine, its two halves in `connection` (what comes in) and `response` (what goes out).
//! * `head`: request line and field lines; `framing`: what the fields say about body and connection.
//! * `chunked`: the chunked coding, both ways.

mod chunked;
mod connection;
mod framing;
mod head;
mod response;
#[cfg(test)]
mod tests;

pub use chunked::{ChunkDecoder, ChunkPiece, FramePrefix};
pub use connection::{Connection, Event, Next, Progress};
pub use response::{BodyEnd, Frame, Stamp};
