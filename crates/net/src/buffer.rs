//! What waits to be written.
//!
//! Small pieces are copied into one run of bytes; large ones are kept as they are, whoever owns them, and go out with
//! `writev`; files go out with `sendfile`. An idle connection holds no memory here.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, SeekFrom};

use crate::ffi;
use crate::socket::{Outcome, Socket};

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
        // Not blocking: a FIFO without a writer would hold up the thread. To a regular file it means nothing.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
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
    /// A file ended before its promised length, or cannot be read: the response cannot be completed.
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
        let mut moved = 0;
        while let Some(front) = self.queue.front_mut() {
            if moved >= MOVED_PER_TURN {
                return Flush::Yield;
            }
            if let Segment::File(part) = front {
                let count = usize::try_from(part.count).unwrap_or(usize::MAX).min(FILE_SLICE);
                match socket.send_file(part.file.as_fd(), part.offset, count) {
                    Outcome::Moved(0) | Outcome::Unreadable => return Flush::ShortFile,
                    Outcome::Moved(n) => {
                        moved += n;
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
                Outcome::Moved(n) => {
                    moved += n;
                    self.advance(n);
                }
                Outcome::WouldBlock => return Flush::Blocked,
                Outcome::Gone | Outcome::Unreadable => return Flush::Gone,
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (Socket, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Socket::new(ours.into()), theirs)
    }

    fn temporary(content: &[u8]) -> File {
        let path = std::env::temp_dir().join(format!("yett-buffer-{}-{:p}", std::process::id(), content));
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        file.write_all(content).unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }

    /// Flushes and reads in turns until all is out; what came.
    fn drain(queue: &mut OutQueue, socket: &Socket, peer: &mut UnixStream) -> Vec<u8> {
        let mut came = Vec::new();
        let mut block = vec![0; 64 * 1024];
        loop {
            let flush = queue.flush(socket);
            match flush {
                Flush::Empty => break,
                Flush::Blocked | Flush::Yield => {
                    let n = peer.read(&mut block).unwrap();
                    came.extend_from_slice(&block[..n]);
                }
                Flush::Gone | Flush::ShortFile => return came,
            }
        }
        peer.set_nonblocking(true).unwrap();
        while let Ok(n @ 1..) = peer.read(&mut block) {
            came.extend_from_slice(&block[..n]);
        }
        came
    }

    #[test]
    fn pieces_of_every_kind_go_out_in_order_through_a_small_socket_buffer() {
        let (socket, mut peer) = pair();
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4096).unwrap();
        let large: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let content: Vec<u8> = (0..300_000u32).map(|n| (n % 241) as u8).collect();
        let mut queue = OutQueue::default();
        let mut expected = Vec::new();
        for round in 0..3 {
            queue.push_slice(b"head");
            queue.push_shared(Box::new(large.clone()), large.len());
            queue.push_slice(b"between");
            let file = temporary(&content);
            queue.push_file(FilePart { file: file.into(), offset: 1000 * round, count: 250_000 });
            queue.push_slice(b"end");
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&large);
            expected.extend_from_slice(b"between");
            let offset = usize::try_from(1000 * round).unwrap();
            expected.extend_from_slice(&content[offset..offset + 250_000]);
            expected.extend_from_slice(b"end");
        }
        assert_eq!(queue.pending(), expected.len() as u64);
        assert!(drain(&mut queue, &socket, &mut peer) == expected, "bytes are lost, doubled or out of order");
        assert!(queue.is_empty());
        assert_eq!(queue.flush(&socket), Flush::Empty);
    }

    #[test]
    fn bytes_queued_behind_a_partly_written_run_keep_their_place() {
        let (socket, mut peer) = pair();
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, 4096).unwrap();
        let mut queue = OutQueue::default();
        let first = vec![b'a'; 100_000];
        queue.push_slice(&first);
        assert_eq!(queue.flush(&socket), Flush::Blocked);
        // The run is sealed in the middle of being written.
        queue.push_shared(Box::new(vec![b'b'; 50_000]), 50_000);
        queue.push_slice(b"c");
        let came = drain(&mut queue, &socket, &mut peer);
        let expected = [first, vec![b'b'; 50_000], b"c".to_vec()].concat();
        assert!(came == expected);
    }

    #[test]
    fn only_the_promised_part_of_a_shared_piece_is_sent() {
        let (socket, mut peer) = pair();
        let mut queue = OutQueue::default();
        queue.push_shared(Box::new(b"0123456789".to_vec()), 4);
        queue.push_shared(Box::new(b"never".to_vec()), 0);
        assert_eq!(drain(&mut queue, &socket, &mut peer), b"0123");
    }

    #[test]
    fn a_file_that_shrinks_is_noticed() {
        let (socket, mut peer) = pair();
        let file = temporary(b"short");
        let mut queue = OutQueue::default();
        queue.push_file(FilePart { file: file.into(), offset: 0, count: 10 });
        assert_eq!(queue.flush(&socket), Flush::ShortFile);
        let mut came = [0; 5];
        peer.read_exact(&mut came).unwrap();
        assert_eq!(&came, b"short");
    }

    #[test]
    fn a_fifo_is_refused_and_does_not_block() {
        let path = std::env::temp_dir().join(format!("yett-fifo-{}", std::process::id()));
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert_eq!(FilePart::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_peer_that_has_gone_is_noticed() {
        let (socket, peer) = pair();
        drop(peer);
        let mut queue = OutQueue::default();
        queue.push_slice(b"too late");
        assert_eq!(queue.flush(&socket), Flush::Gone);
    }

    #[test]
    fn a_part_of_an_open_file_begins_at_its_position_which_moves_on() {
        use std::os::fd::AsRawFd;
        let mut file = temporary(b"0123456789");
        rustix::fs::seek(&file, SeekFrom::Start(3)).unwrap();
        let part = FilePart::of_descriptor(file.as_raw_fd(), None, Some(4)).unwrap();
        assert_eq!((part.offset, part.count), (3, 4));
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"789");
        let whole = FilePart::of_descriptor(file.as_raw_fd(), Some(0), None).unwrap();
        assert_eq!((whole.offset, whole.count), (0, 10));
        let beyond = FilePart::of_descriptor(file.as_raw_fd(), Some(99), Some(5)).unwrap();
        assert_eq!(beyond.count, 0);
        assert!(FilePart::of_descriptor(-1, None, None).is_err());
    }
}
