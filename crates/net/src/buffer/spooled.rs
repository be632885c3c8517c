//! What a client does not take moves from memory into a temporary file, and goes out from there with `sendfile`.
//!
//! The queue has no note of its file: the parts that wait own it, the last of them tells where it ends, and when the
//! last part has gone out, the file is closed, and with that deleted.
//!
//! The file is only ever appended to. `sendfile` lends the file's pages to the socket, which may have to send them
//! again: bytes that are overwritten after they went out could change on their way.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::{OutQueue, Segment};
use crate::spool::temporary_file;

/// A part of the queue's temporary file, never empty.
pub(super) struct SpooledPart {
    pub file: Arc<File>,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How much of it is still to be sent, in bytes.
    pub count: u64,
}

impl OutQueue {
    /// If more than `memory` bytes are held in memory, moves what is held there into a temporary file, which is never
    /// made larger than `limit` bytes. The order of everything is kept. Whether at most `memory` bytes are held in
    /// memory afterwards.
    ///
    /// # Errors
    /// The file cannot be made or written. What is not in it stays in memory, and the queue is as good as before.
    pub(crate) fn spool(&mut self, memory: u64, limit: u64) -> io::Result<bool> {
        self.spool_to(memory, limit, temporary_file)
    }

    /// [`OutQueue::spool`], with the file from `open` if the queue has none.
    pub(super) fn spool_to(
        &mut self,
        memory: u64,
        limit: u64,
        open: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<bool> {
        if self.in_memory() <= memory {
            return Ok(true);
        }
        let (file, mut end) = match self.last_spooled() {
            Some(part) => (Arc::clone(&part.file), part.offset + part.count),
            None if limit == 0 => return Ok(false),
            None => (Arc::new(open()?), 0),
        };
        if end >= limit {
            return Ok(false);
        }
        self.seal_tail();
        let mut result = Ok(());
        for segment in std::mem::take(&mut self.queue) {
            let Segment::Memory(mut piece) = segment else {
                self.queue.push_back(segment);
                continue;
            };
            // Nothing that follows may go into the file once something has been left behind in memory, so that the end
            // of the last part remains the end of the file. A full file has no room for it, and an error ends it.
            if result.is_ok() {
                let room = usize::try_from(limit.saturating_sub(end)).unwrap_or(usize::MAX);
                let rest = piece.rest();
                let (written, outcome) = write_at(&file, rest.get(..room).unwrap_or(rest), end);
                push_spooled(&mut self.queue, &file, end, written as u64);
                end += written as u64;
                piece.gone += written;
                result = outcome;
            }
            if !piece.rest().is_empty() {
                self.queue.push_back(Segment::Memory(piece));
            }
        }
        result.map(|()| self.in_memory() <= memory)
    }

    pub(super) fn last_spooled(&self) -> Option<&SpooledPart> {
        self.queue.iter().rev().find_map(|segment| match segment {
            Segment::Spooled(part) => Some(part),
            Segment::Memory(_) | Segment::File(_) => None,
        })
    }
}

/// Adds what was written to the last part if it follows on it, so that a slow client's queue does not grow in parts.
fn push_spooled(queue: &mut VecDeque<Segment>, file: &Arc<File>, offset: u64, count: u64) {
    if count == 0 {
        return;
    }
    match queue.back_mut() {
        Some(Segment::Spooled(last)) if last.offset + last.count == offset => last.count += count,
        _ => queue.push_back(Segment::Spooled(SpooledPart { file: Arc::clone(file), offset, count })),
    }
}

/// Writes all of `bytes`, or as much as can be: how much, and what prevented the rest.
fn write_at(file: &File, bytes: &[u8], offset: u64) -> (usize, io::Result<()>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset + written as u64) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
