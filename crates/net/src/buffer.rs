//! What waits to be written.
//!
//! Small pieces are copied into one run of bytes; large ones are kept as they are, whoever owns them, and go out with
//! `writev`; files go out with `sendfile`. An idle connection holds no memory here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::SeekFrom;

use crate::ffi;
use crate::socket::{Outcome, Socket};

/// From this size on, a piece is not copied but kept by reference: copying 16 KiB costs about as much as the
/// bookkeeping of a reference and one more entry in `writev`.
pub const KEEP_BY_REFERENCE: usize = 16 * 1024;

/// Pieces offered to one `writev`.
const SLICES: usize = 32;

/// The most that one `sendfile` moves, so that one fast client of a large file does not keep the thread.
const FILE_SLICE: usize = 256 * 1024;

/// Bytes that somebody else owns (an object of the application), kept alive until they have been written.
pub type Shared = Box<dyn AsRef<[u8]> + Send>;

/// An open file, or a part of it, to be sent.
#[derive(Debug)]
pub struct FilePart {
    /// The file, ours.
    pub file: OwnedFd,
    /// Where to begin, in bytes.
    pub offset: u64,
    /// How much to send, in bytes. A file that turns out shorter breaks the response ([`Flush::ShortFile`]).
    pub count: u64,
}

impl FilePart {
    /// A whole regular file.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a file", path.display()),
            ));
        }
        Ok(Self { file: file.into(), offset: 0, count: metadata.len() })
    }

    /// A part of an open file: from `offset`, or the file's current position (which then moves on), `count` bytes, or
    /// all to its end.
    ///
    /// # Errors
    /// The descriptor is not open, or not of a file with positions.
    pub fn of_descriptor(descriptor: RawFd, offset: Option<u64>, count: Option<u64>) -> io::Result<Self> {
        let file = ffi::duplicate(descriptor)?;
        let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
        let begin = match offset {
            Some(offset) => offset,
            None => rustix::fs::seek(&file, SeekFrom::Current(0))?,
        };
        let available = size.saturating_sub(begin);
        let count = count.unwrap_or(available).min(available);
        if offset.is_none() {
            rustix::fs::seek(&file, SeekFrom::Start(begin + count))?;
        }
        Ok(Self { file, offset: begin, count })
    }
}

enum Segment {
    Bytes(Vec<u8>),
    Shared(Shared),
    File(FilePart),
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
    /// A file ended before its promised length: the response cannot be completed.
    ShortFile,
}

/// The bytes of one connection that the kernel has not taken yet.
#[derive(Default)]
pub struct OutQueue {
    queue: VecDeque<Segment>,
    /// The newest bytes, behind everything in `queue`.
    tail: Vec<u8>,
    /// How much of the front has been written.
    sent: usize,
    /// Bytes still to be written.
    pending: u64,
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

    /// Whether everything has gone to the kernel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Lets `write` add bytes at the end.
    pub fn append<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.tail.capacity() == 0 {
            // A typical head with a small body; more grows.
            self.tail.reserve(512);
        }
        let before = self.tail.len();
        let result = write(&mut self.tail);
        self.pending += (self.tail.len() - before) as u64;
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
        let whole = (*shared).as_ref().len() == take;
        self.queue.push_back(if whole {
            Segment::Shared(shared)
        } else {
            // Only a body that exceeds its Content-Length is cut: rare enough to copy.
            Segment::Bytes((*shared).as_ref().iter().take(take).copied().collect())
        });
    }

    /// Adds a part of a file.
    pub fn push_file(&mut self, part: FilePart) {
        if part.count == 0 {
            return;
        }
        self.seal_tail();
        self.pending += part.count;
        self.queue.push_back(Segment::File(part));
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(Segment::Bytes(std::mem::take(&mut self.tail)));
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
        let mut files = 0;
        while let Some(front) = self.queue.front_mut() {
            if let Segment::File(part) = front {
                if files == 4 {
                    return Flush::Yield;
                }
                files += 1;
                let count = usize::try_from(part.count).unwrap_or(usize::MAX).min(FILE_SLICE);
                match socket.send_file(part.file.as_fd(), part.offset, count) {
                    Outcome::Moved(0) => return Flush::ShortFile,
                    Outcome::Moved(n) => {
                        part.offset += n as u64;
                        part.count -= (n as u64).min(part.count);
                        self.pending -= (n as u64).min(self.pending);
                        if part.count == 0 {
                            self.queue.pop_front();
                        }
                    }
                    Outcome::WouldBlock => return Flush::Blocked,
                    Outcome::Gone => return Flush::Gone,
                }
                continue;
            }
            match self.write_run(socket) {
                Outcome::Moved(n) => self.advance(n),
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
                Outcome::Gone => return Flush::Gone,
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
        let mut skip = self.sent;
        let mut only_bytes = true;
        for segment in &self.queue {
            let bytes: &[u8] = match segment {
                Segment::Bytes(bytes) => bytes,
                Segment::Shared(shared) => (**shared).as_ref(),
                Segment::File(_) => {
                    only_bytes = false;
                    break;
                }
            };
            if used == SLICES {
                only_bytes = false;
                break;
            }
            slices[used] = IoSlice::new(bytes.get(skip..).unwrap_or_default());
            skip = 0;
            used += 1;
        }
        if only_bytes && used < SLICES && !self.tail.is_empty() {
            slices[used] = IoSlice::new(&self.tail);
            used += 1;
        }
        socket.write_vectored(&slices[..used])
    }

    /// Takes `n` written bytes off the front.
    fn advance(&mut self, n: usize) {
        self.pending -= (n as u64).min(self.pending);
        self.sent += n;
        while let Some(front) = self.queue.front() {
            let length = match front {
                Segment::Bytes(bytes) => bytes.len(),
                Segment::Shared(shared) => (**shared).as_ref().len(),
                Segment::File(_) => return,
            };
            if self.sent < length {
                return;
            }
            self.sent -= length;
            self.queue.pop_front();
        }
    }
}
