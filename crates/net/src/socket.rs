//! How a connected, non-blocking socket is read and written.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};

use crate::ffi;

/// A connected stream socket: TCP or unix, non-blocking.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

/// What came of a read or a write that could not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many bytes were moved; 0 from a read is the end of the stream.
    Moved(usize),
    /// Nothing can be moved now: wait for readiness.
    WouldBlock,
    /// The connection is gone (reset, broken pipe, timed out, …).
    Gone,
    /// The file that was to be sent cannot be read.
    Unreadable,
}

impl Socket {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Reads at most `room` bytes to the end of `into`.
    pub(crate) fn read(&self, into: &mut Vec<u8>, room: usize) -> Outcome {
        into.reserve(room);
        let spare = spare_capacity(into);
        // Answers the count, and has advanced the vector's length by it.
        outcome(rustix::net::recv(&self.0, spare, RecvFlags::empty()).map(|(read, _)| read))
    }

    /// Writes one slice. `NOSIGNAL`: a broken pipe is an error to return, not a signal to die of.
    pub(crate) fn write(&self, bytes: &[u8]) -> Outcome {
        outcome(rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL))
    }

    /// Writes several slices in one call.
    pub(crate) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> Outcome {
        outcome(rustix::net::sendmsg(
            &self.0,
            slices,
            &mut SendAncillaryBuffer::default(),
            SendFlags::NOSIGNAL,
        ))
    }

    /// Sends `count` bytes of `file` from `offset` on without bringing them into this process.
    #[cfg(target_os = "linux")]
    pub(crate) fn send_file(&self, file: BorrowedFd<'_>, offset: u64, count: usize) -> Outcome {
        let mut offset = offset;
        match rustix::fs::sendfile(&self.0, file, Some(&mut offset), count) {
            // sendfile(2): these speak of the file, all others of the socket.
            Err(Errno::IO | Errno::INVAL | Errno::OVERFLOW | Errno::SPIPE | Errno::BADF) => {
                Outcome::Unreadable
            }
            result => outcome(result),
        }
    }

    /// Sends `count` bytes of `file` from `offset` on, through a buffer: this system's `sendfile` differs.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn send_file(&self, file: BorrowedFd<'_>, offset: u64, count: usize) -> Outcome {
        let mut block = Vec::with_capacity(count.min(64 * 1024));
        match rustix::io::pread(file, spare_capacity(&mut block), offset) {
            Ok(0) => Outcome::Moved(0),
            Ok(_) => self.write(&block),
            Err(_) => Outcome::Unreadable,
        }
    }

    /// Sends FIN: the peer learns that nothing follows, while we can still read what it sends.
    pub(crate) fn shutdown_write(&self) {
        // The only failure is a connection that is gone already, which the next read tells.
        let _ = rustix::net::shutdown(&self.0, Shutdown::Write);
    }

    /// How many bytes that were written the peer has not taken yet; 0 where the system does not tell.
    pub(crate) fn untaken(&self) -> u32 {
        ffi::untaken(self.0.as_fd()).unwrap_or(0)
    }

    /// Makes the coming `close` a reset: the peer sees an error, not an end (a body cut short must not look whole).
    pub(crate) fn reset_on_close(&self) {
        // Failure leaves an ordinary close, which for a chunked or counted body is still visibly short.
        let _ = rustix::net::sockopt::set_socket_linger(&self.0, Some(std::time::Duration::ZERO));
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn outcome(result: Result<usize, Errno>) -> Outcome {
    match result {
        Ok(n) => Outcome::Moved(n),
        // A non-blocking call is never interrupted half-way (signal(7)), so that EINTR needs no branch of its own.
        Err(Errno::AGAIN) => Outcome::WouldBlock,
        Err(_) => Outcome::Gone,
    }
}

/// Whether an accept failed because this process or system has no descriptor left (or no memory for a socket).
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
