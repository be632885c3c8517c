//! What waits to be written.
//!
//! Small pieces are copied into one run of bytes; large ones are kept as they are, whoever owns them, and go out with
//! `writev`; files go out with `sendfile`. An idle connection holds no memory here.
//!
//! | question | file |
//! |---|---|
//! | What waits, and how is it written? | this file |
//! | Which part of which file? | `file_part` |
//! | What if the client takes nothing for long? | `spooled`: bytes move from memory to a temporary file |

mod file_part;
mod spooled;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::AsFd;

use crate::socket::{Outcome, Socket};
use spooled::SpooledPart;

pub use file_part::FilePart;

/// From this size on, a piece is not copied but kept by reference: copying 16 KiB costs about as much as the
/// bookkeeping of a reference and one more entry in `writev`.
pub const KEEP_BY_REFERENCE: usize = 16 * 1024;

/// Pieces offered to one `writev`.
const SLICES: usize = 32;

/// The most that one `sendfile` moves.
const FILE_SLICE: usize = 256 * 1024;

/// What one turn may write, so that one fast client of a large body does not keep the thread.
const MOVED_PER_TURN: usize = 1024 * 1024;

/// Bytes that somebody else owns (an object of the application), kept alive until they have been written.
pub type Shared = Box<dyn AsRef<[u8]> + Send>;

enum Segment {
    Memory(Piece),
    File(FilePart),
    Spooled(SpooledPart),
}

/// Bytes in memory, of which the first `gone` need no place in the queue any more.
struct Piece {
    bytes: Held,
    gone: usize,
}

enum Held {
    Own(Vec<u8>),
    Shared(Shared),
}

impl Piece {
    fn new(bytes: Held) -> Self {
        Self { bytes, gone: 0 }
    }

    /// What is still to be written.
    fn rest(&self) -> &[u8] {
        let bytes: &[u8] = match &self.bytes {
            Held::Own(bytes) => bytes,
            Held::Shared(shared) => (**shared).as_ref(),
        };
        bytes.get(self.gone..).unwrap_or_default()
    }
}

/// How far a flush got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// Everything has gone to the kernel.
    Empty,
    /// The kernel takes no more for now.
    Blocked,
    /// The work of one turn is done, the kernel would take more: come again.
    Yield,
    /// The connection is gone.
    Gone,
    /// A file ended before its promised length, or cannot be read: the response cannot be completed.
    ShortFile,
}

/// The bytes of one connection that the kernel has not taken yet.
#[derive(Default)]
pub struct OutQueue {
    queue: VecDeque<Segment>,
    /// The newest bytes, behind everything in `queue`.
    tail: Vec<u8>,
    /// How much of `tail` has been written: something only if `queue` is empty.
    sent: usize,
    /// Bytes still to be written.
    pending: u64,
    /// Bytes ever added.
    added: u64,
}

impl std::fmt::Debug for OutQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutQueue")
            .field("pending", &self.pending)
            .field("segments", &self.queue.len())
            .finish()
    }
}

impl OutQueue {
    /// Bytes still to be written.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Bytes that were ever added.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Whether everything has gone to the kernel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Bytes still to be written that are held in memory, not in files.
    #[must_use]
    pub fn in_memory(&self) -> u64 {
        let queued = self.queue.iter().map(|segment| match segment {
            Segment::Memory(piece) => piece.rest().len() as u64,
            Segment::File(_) | Segment::Spooled(_) => 0,
        });
        queued.sum::<u64>() + self.tail.len().saturating_sub(self.sent) as u64
    }

    /// Lets `write` add bytes at the end.
    pub fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.tail.capacity() == 0 {
            // A typical head with a small body; more grows.
            self.tail.reserve(512);
        }
        let before = self.tail.len();
        let result = write(&mut self.tail);
        let added = (self.tail.len() - before) as u64;
        self.pending += added;
        self.added += added;
        result
    }

    /// Adds bytes at the end by copying them.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        self.append(|tail| tail.extend_from_slice(bytes));
    }

    /// Adds the first `take` bytes of `shared` without copying them.
    pub fn push_shared(&mut self, shared: Shared, take: usize) {
        let take = take.min((*shared).as_ref().len());
        if take == 0 {
            return;
        }
        self.seal_tail();
        self.pending += take as u64;
        self.added += take as u64;
        let whole = (*shared).as_ref().len() == take;
        self.queue.push_back(Segment::Memory(Piece::new(if whole {
            Held::Shared(shared)
        } else {
            // Only a body that exceeds its Content-Length is cut: rare enough to copy.
            Held::Own((*shared).as_ref().iter().take(take).copied().collect())
        })));
    }

    /// Adds a part of a file.
    pub fn push_file(&mut self, part: FilePart) {
        if part.count == 0 {
            return;
        }
        self.seal_tail();
        self.pending += part.count;
        self.added += part.count;
        self.queue.push_back(Segment::File(part));
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            let bytes = Held::Own(std::mem::take(&mut self.tail));
            self.queue.push_back(Segment::Memory(Piece { bytes, gone: std::mem::take(&mut self.sent) }));
        }
    }

    /// Drops everything: the connection is gone.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes until nothing is left, the kernel takes no more, or it has been one turn's work.
    pub(crate) fn flush(&mut self, socket: &Socket) -> Flush {
        if self.queue.is_empty() {
            return self.flush_tail(socket);
        }
        let mut moved = 0;
        while let Some(front) = self.queue.front_mut() {
            if moved >= MOVED_PER_TURN {
                return Flush::Yield;
            }
            let (file, offset, left) = match front {
                Segment::File(part) => (part.file.as_fd(), &mut part.offset, &mut part.count),
                Segment::Spooled(part) => (part.file.as_fd(), &mut part.offset, &mut part.count),
                Segment::Memory(_) => {
                    match self.write_run(socket) {
                        Outcome::Moved(n) => {
                            moved += n;
                            self.advance(n);
                        }
                        Outcome::WouldBlock => return Flush::Blocked,
                        Outcome::Gone | Outcome::Unreadable => return Flush::Gone,
                    }
                    continue;
                }
            };
            let count = usize::try_from(*left).unwrap_or(usize::MAX).min(FILE_SLICE);
            match socket.send_file(file, *offset, count) {
                Outcome::Moved(0) | Outcome::Unreadable => return Flush::ShortFile,
                Outcome::Moved(n) => {
                    moved += n;
                    *offset += n as u64;
                    *left -= (n as u64).min(*left);
                    self.pending -= (n as u64).min(self.pending);
                    if *left == 0 {
                        self.queue.pop_front();
                    }
                }
                Outcome::WouldBlock => return Flush::Blocked,
                Outcome::Gone => return Flush::Gone,
            }
        }
        self.queue = VecDeque::new();
        self.flush_tail(socket)
    }

    /// The common case: one run of bytes.
    fn flush_tail(&mut self, socket: &Socket) -> Flush {
        while let Some(rest) = self.tail.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let asked = rest.len();
            match socket.write(rest) {
                Outcome::Moved(n) => {
                    self.sent += n;
                    self.pending -= (n as u64).min(self.pending);
                    if n < asked {
                        // A short write of a stream socket: its buffer is full.
                        return Flush::Blocked;
                    }
                }
                Outcome::WouldBlock => return Flush::Blocked,
                Outcome::Gone | Outcome::Unreadable => return Flush::Gone,
            }
        }
        self.tail = Vec::new();
        self.sent = 0;
        Flush::Empty
    }

    /// Offers the run of byte segments at the front (and the tail, if no file is in between) to one `writev`.
    fn write_run(&self, socket: &Socket) -> Outcome {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut used = 0;
        let mut only_bytes = true;
        for segment in &self.queue {
            let Segment::Memory(piece) = segment else {
                only_bytes = false;
                break;
            };
            if used == SLICES {
                only_bytes = false;
                break;
            }
            slices[used] = IoSlice::new(piece.rest());
            used += 1;
        }
        if only_bytes && used < SLICES && !self.tail.is_empty() {
            slices[used] = IoSlice::new(&self.tail);
            used += 1;
        }
        socket.write_vectored(&slices[..used])
    }

    /// Takes `n` written bytes off the front.
    fn advance(&mut self, mut n: usize) {
        self.pending -= (n as u64).min(self.pending);
        while let Some(Segment::Memory(piece)) = self.queue.front_mut() {
            let rest = piece.rest().len();
            if n < rest {
                piece.gone += n;
                return;
            }
            n -= rest;
            self.queue.pop_front();
        }
        // `writev` offered the tail only if everything before it was in memory.
        self.sent += n;
    }
}
