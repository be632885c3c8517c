//! Asking a zygote to fork.
//!
//! Both sides speak in records of 16 bytes, in the machine's own byte order, since they are one program: a worker's name
//! (u64), then for the zygote the worker's place in the scoreboard (u32) and 0 (u32), and from the zygote a process (u32)
//! and what happened (u32).

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::state::WorkerId;

/// Bytes of a record.
pub const RECORD: usize = 16;

/// What a zygote tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromZygote {
    /// The application is imported.
    Ready,
    /// A worker is a process now.
    Forked {
        /// The worker.
        worker: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// A worker could not be forked.
    Failed {
        /// The worker.
        worker: WorkerId,
    },
}

/// A zygote, as the supervisor sees it.
#[derive(Debug)]
pub struct Zygote {
    /// Its process.
    pub pid: u32,
    channel: UnixStream,
    /// It has imported the application.
    ready: bool,
    /// It was told to end.
    dismissed: bool,
    /// The beginning of a record.
    heard: Vec<u8>,
    /// Workers that it was asked for.
    pub(super) unanswered: Vec<WorkerId>,
}

impl Zygote {
    pub(super) fn new(pid: u32, channel: UnixStream) -> Self {
        // Failure: it stays blocking, and the zygote always answers at once.
        let _ = channel.set_nonblocking(true);
        Self { pid, channel, ready: false, dismissed: false, heard: Vec::new(), unanswered: Vec::new() }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Asks it for a worker.
    ///
    /// # Errors
    /// It is gone, or has read nothing for some hundred requests: it will not answer.
    pub(super) fn ask(&mut self, worker: WorkerId, slot: usize) -> io::Result<()> {
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        let mut record = [0; RECORD];
        record[..8].copy_from_slice(&worker.0.to_ne_bytes());
        record[8..12].copy_from_slice(&slot.to_ne_bytes());
        // A record is in the socket's buffer as a whole, or not at all.
        self.channel.write_all(&record)?;
        self.unanswered.push(worker);
        Ok(())
    }

    /// It has imported the application, and listens.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// It is to end.
    pub(super) fn dismiss(&mut self) {
        self.dismissed = true;
        let _ = self.channel.shutdown(std::net::Shutdown::Write);
    }

    /// What it has told, one at a time.
    pub(super) fn hear(&mut self) -> Option<FromZygote> {
        let mut record = [0; RECORD];
        while self.heard.len() < RECORD {
            match self.channel.read(&mut record) {
                Ok(0) => return None,
                Ok(count) => self.heard.extend_from_slice(record.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        let rest = self.heard.split_off(RECORD);
        let record = std::mem::replace(&mut self.heard, rest);
        let worker = WorkerId(u64::from_ne_bytes(record.get(..8)?.try_into().ok()?));
        let pid = u32::from_ne_bytes(record.get(8..12)?.try_into().ok()?);
        self.unanswered.retain(|asked| *asked != worker);
        Some(match u32::from_ne_bytes(record.get(12..16)?.try_into().ok()?) {
            0 => {
                self.ready = true;
                FromZygote::Ready
            }
            1 => FromZygote::Forked { worker, pid },
            _ => FromZygote::Failed { worker },
        })
    }
}
