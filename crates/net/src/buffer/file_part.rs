//! A file that is sent as it is.

use std::fs::File;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, SeekFrom};

use crate::ffi;

/// An open file, or a part of it, to be sent.
#[derive(Debug)]
pub struct FilePart {
    /// The file, ours.
    pub file: OwnedFd,
    /// Where to begin, in bytes.
    pub offset: u64,
    /// How much to send, in bytes. A file that turns out shorter breaks the response ([`super::Flush::ShortFile`]).
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
