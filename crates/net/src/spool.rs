//! Request bodies that are collected before anybody reads them: in memory, and what is large in a temporary file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where temporary files are made: `TMPDIR`, or else the system's place for them. It is looked up once, and a driver
/// whose threads run beside an application asks for it before they start: an application that changes its environment
/// (`putenv`) while another thread reads it is undefined behaviour in C, and thus a crash of the process.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(std::env::temp_dir)
}

/// A file without a name: it is gone as soon as it is closed, also if the process is killed.
///
/// # Errors
/// [`directory`] does not exist, is not writable, or is full; or this process has no descriptor left.
pub fn temporary_file() -> io::Result<File> {
    tempfile::tempfile_in(directory())
}

/// What was collected.
#[derive(Debug)]
pub enum Content {
    /// It has remained in memory.
    Memory(Vec<u8>),
    /// It is in a temporary file.
    File {
        /// At position 0; its last reference deletes it.
        file: File,
        /// Its size, in bytes.
        length: u64,
    },
}

/// Collects the pieces of one body.
#[derive(Debug)]
pub struct Spool {
    limit: usize,
    memory: Vec<u8>,
    /// Where everything is, once it was too much for the memory.
    file: Option<File>,
    length: u64,
}

impl Spool {
    /// Holds up to `memory` bytes in memory; with more, all of them in a file.
    #[must_use]
    pub fn new(memory: usize) -> Self {
        Self { limit: memory, memory: Vec::new(), file: None, length: 0 }
    }

    /// Adds bytes at the end, by copying them.
    ///
    /// # Errors
    /// The temporary file cannot be made or written. The content is then what it was before the call.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Written at a position of our own, not at the file's: it is behind what has been written whole, also after an
        // error, and the file's stays 0 for the reader.
        if let Some(file) = &self.file {
            file.write_all_at(bytes, self.length)?;
        } else if bytes.len() <= self.limit.saturating_sub(self.memory.len()) {
            self.memory.extend_from_slice(bytes);
        } else {
            let file = temporary_file()?;
            file.write_all_at(&self.memory, 0)?;
            file.write_all_at(bytes, self.length)?;
            self.file = Some(file);
            self.memory = Vec::new();
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Adds bytes at the end. The first piece is taken as it is, if it is within the limit.
    ///
    /// # Errors
    /// As [`Spool::push`].
    #[allow(clippy::needless_pass_by_value)] // the first piece is kept
    pub fn push_vec(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        if self.length > 0 || bytes.len() > self.limit {
            return self.push(&bytes);
        }
        self.length = bytes.len() as u64;
        self.memory = bytes;
        Ok(())
    }

    /// How much has been collected, in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// All that was collected.
    ///
    /// # Errors
    /// The end of the temporary file cannot be set.
    pub fn finish(self) -> io::Result<Content> {
        let Some(file) = self.file else {
            return Ok(Content::Memory(self.memory));
        };
        // A piece that failed half-way may stand behind it.
        file.set_len(self.length)?;
        Ok(Content::File { file, length: self.length })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::*;

    fn read(content: Content) -> (Vec<u8>, bool) {
        match content {
            Content::Memory(bytes) => (bytes, false),
            Content::File { mut file, length } => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, length);
                (bytes, true)
            }
        }
    }

    #[test]
    fn a_first_piece_within_the_limit_is_not_copied() {
        let piece = vec![b'x'; 1000];
        let place = piece.as_ptr();
        let mut spool = Spool::new(1000);
        spool.push_vec(piece).unwrap();
        let Content::Memory(bytes) = spool.finish().unwrap() else { panic!("it fits") };
        assert_eq!(bytes.as_ptr(), place);
        assert_eq!(bytes, [b'x'; 1000]);
    }

    #[test]
    fn the_file_has_no_name() {
        let mut spool = Spool::new(0);
        spool.push(b"x").unwrap();
        let Content::File { file, .. } = spool.finish().unwrap() else {
            panic!("nothing may stay in memory")
        };
        assert_eq!(file.metadata().unwrap().nlink(), 0);
    }

    #[test]
    fn a_piece_that_cannot_be_written_is_left_out_as_a_whole() {
        // Writing to a descriptor that is open for reading only fails.
        let mut spool = Spool::new(4);
        spool.push(b"good").unwrap();
        spool.push(b"-bytes").unwrap();
        let writable = spool.file.replace(File::open("/dev/null").unwrap());
        assert!(spool.push(b"bad").is_err());
        assert_eq!(spool.len(), 10);
        // Half of a piece has got into the file, and the next attempt succeeds.
        writable.as_ref().unwrap().write_all_at(b"ba", 10).unwrap();
        spool.file = writable;
        spool.push(b"!").unwrap();
        assert_eq!(read(spool.finish().unwrap()), (b"good-bytes!".to_vec(), true));
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(
            pieces in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..50), any::<bool>()),
                0..12,
            ),
            limit in 0usize..200,
        ) {
            let mut spool = Spool::new(limit);
            let mut expected = Vec::new();
            for (piece, owned) in pieces {
                expected.extend_from_slice(&piece);
                if owned {
                    spool.push_vec(piece).unwrap();
                } else {
                    spool.push(&piece).unwrap();
                }
                prop_assert_eq!(spool.len(), expected.len() as u64);
                prop_assert_eq!(spool.is_empty(), expected.is_empty());
                prop_assert!(spool.memory.len() <= limit);
                prop_assert!(spool.file.is_none() || spool.memory.capacity() == 0);
            }
            let in_file = expected.len() > limit;
            prop_assert_eq!(read(spool.finish().unwrap()), (expected, in_file));
        }
    }
}
