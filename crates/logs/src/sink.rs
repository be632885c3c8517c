//! How lines get out: to a file, a stream, syslog, or a function. Never waits.
//!
//! While lines are written, the file or pipe is locked (a POSIX record lock, which belongs to a process, so that it works
//! for an inherited descriptor too): processes that write to the same one take turns, and no line is torn, however long.
//! Who does not know of the lock cannot be kept from writing in between.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, FlockOperation, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::net::SendFlags;
use yett_settings::LogLevel;

use crate::log::lock;
use crate::syslog::Syslog;
use crate::target::Target;

/// What a pipe takes in one piece or not at all (POSIX: PIPE_BUF; Linux and macOS take at least so much).
const ONE_PIECE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// How long another process may keep the lock of a file before it is taken for dead or stopped. Appending works without
/// the lock, too; only a full disk would then show half a line.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Bytes that one process writes into a pipe whose reader is slow before another has its turn: enough of them that the
/// pauses cost little, and little of what may wait in the other.
const TURN: u64 = 64 * 1024;

/// How long that turn is left to others: longer than they wait between two looks at the lock.
const REST: Duration = Duration::from_millis(15);

/// Lines on their way, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub bytes: Vec<u8>,
    /// Where each message ends; only for targets that want to know.
    pub marks: Vec<Mark>,
}

/// Where a message ends, and how bad it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub end: usize,
    pub level: LogLevel,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Written {
    /// All is out.
    All,
    /// So many lines are lost.
    Failed { error: io::Error, lines: u64 },
    /// Nothing is taken at the moment: wait for the descriptor.
    Blocked,
    /// Another process is writing.
    Busy,
}

/// The writer's end of a log.
#[derive(Debug)]
pub(crate) struct Sink {
    out: Out,
    /// What is being written.
    pub batch: Batch,
    /// So much of it is out.
    done: usize,
    locked: bool,
    /// Since when the lock has been waited for.
    locking: Option<Instant>,
    /// What of this turn is written, whether the reader was too slow for it, and until when it is the others'.
    turn: u64,
    stalled: bool,
    resting: Option<Instant>,
    /// Lines lost since the last that was written.
    lost: u64,
    /// When the first line of the next group was seen.
    pub since: Option<Instant>,
    /// The file is to be opened anew, once no batch is under way.
    pub reopens: bool,
}

enum Out {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(File),
    Syslog(Syslog),
    Function(std::sync::Arc<crate::target::Receiver>),
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stdout(_) => "Stdout",
            Self::Stderr(_) => "Stderr",
            Self::File(_) => "File",
            Self::Syslog(_) => "Syslog",
            Self::Function(_) => "Function",
        })
    }
}

impl Batch {
    pub fn clear(&mut self) {
        self.bytes.clear();
        // What one burst needed is not kept for ever.
        self.bytes.shrink_to(128 * 1024);
        self.marks.clear();
    }
}

impl Out {
    fn open(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Stdout => Self::Stdout(io::stdout()),
            Target::Stderr => Self::Stderr(io::stderr()),
            Target::File(path) => {
                if let Some(file) = take_kept(path) {
                    return Ok(Self::File(file));
                }
                // A named pipe without a reader is an error then, not something to wait for. Files do not mind.
                let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
                Self::File(File::options().append(true).create(true).custom_flags(flags).open(path)?)
            }
            Target::Syslog { server, facility } => Self::Syslog(Syslog::new(server.clone(), *facility)),
            Target::Function(function) => Self::Function(function.clone()),
        })
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Stdout(out) => Some(out.as_fd()),
            Self::Stderr(out) => Some(out.as_fd()),
            Self::File(file) => Some(file.as_fd()),
            Self::Syslog(syslog) => syslog.fd(),
            Self::Function(_) => None,
        }
    }
}

impl Sink {
    /// # Errors
    /// The file cannot be opened for appending.
    pub fn open(target: &Target) -> io::Result<Self> {
        Ok(Self {
            out: Out::open(target)?,
            batch: Batch::default(),
            done: 0,
            locked: false,
            locking: None,
            turn: 0,
            stalled: false,
            resting: None,
            lost: 0,
            since: None,
            reopens: false,
        })
    }

    /// Whether it is a terminal, and colours are wanted (<https://no-color.org>).
    pub fn is_coloured(&self) -> bool {
        let terminal = match &self.out {
            Out::Stdout(out) => out.is_terminal(),
            Out::Stderr(out) => out.is_terminal(),
            _ => false,
        };
        terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
    }

    /// What to wait for when it is blocked.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.out.fd()
    }

    /// Opens the file of that name anew; not in the middle of a batch.
    ///
    /// # Errors
    /// It cannot be opened: the old one is written further.
    pub fn reopen(&mut self, target: &Target) -> io::Result<()> {
        self.reopens = false;
        self.unlock();
        self.out = Out::open(target)?;
        Ok(())
    }

    /// Whether a batch has been begun.
    pub fn is_midway(&self) -> bool {
        self.done > 0
    }

    /// Which file a line has been begun in. Our own locks do not keep us out: no other log of this process may write
    /// there until the line is whole.
    pub fn held(&self) -> Option<(u64, u64)> {
        if self.is_between_lines() { None } else { self.place() }
    }

    fn is_between_lines(&self) -> bool {
        let last = self.done.checked_sub(1).and_then(|last| self.batch.bytes.get(last));
        last.is_none_or(|b| *b == b'\n')
    }

    /// Whether others are to write now. A reader who is quick enough for all of it makes nobody wait.
    fn turn_is_over(&self) -> bool {
        self.stalled && self.turn >= TURN && self.is_between_lines()
    }

    /// Which file it is, by device and number.
    pub fn place(&self) -> Option<(u64, u64)> {
        // Syslog takes whole messages.
        if matches!(self.out, Out::Syslog(_)) {
            return None;
        }
        let stat = self.out.fd().and_then(|fd| rustix::fs::fstat(fd).ok())?;
        #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // other types elsewhere; only compared
        Some((stat.st_dev as u64, stat.st_ino as u64))
    }

    /// Counts lines as lost; true if they are the first.
    pub fn lose(&mut self, lines: u64) -> bool {
        let first = self.lost == 0;
        self.lost += lines;
        first && lines > 0
    }

    /// How many lines were lost since the last that was written, if any.
    pub fn take_lost(&mut self) -> Option<u64> {
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then_some(lost)
    }

    /// Writes the batch, as far as it is taken.
    pub fn write(&mut self, now: Instant) -> Written {
        let written = match &self.out {
            Out::Function(_) => self.call(),
            Out::Syslog(_) => self.send(),
            Out::Stdout(_) | Out::Stderr(_) | Out::File(_) => self.write_descriptor(now),
        };
        if matches!(written, Written::All | Written::Failed { .. }) {
            self.unlock();
            self.done = 0;
        }
        written
    }

    // ---- files and streams ----

    fn write_descriptor(&mut self, now: Instant) -> Written {
        let kind = self.out.fd().and_then(|fd| rustix::fs::fstat(fd).ok());
        let kind = kind.map(|stat| FileType::from_raw_mode(stat.st_mode));
        let regular = kind == Some(FileType::RegularFile);
        if self.resting.take_if(|end| *end <= now).is_some() {
            (self.turn, self.stalled) = (0, false);
        }
        if self.resting.is_some() || (!self.locked && !self.lock(now, regular)) {
            return Written::Busy;
        }
        let result =
            if regular { self.write_file() } else { self.write_stream(kind == Some(FileType::Socket)) };
        match result {
            Ok(true) => Written::All,
            Ok(false) if self.turn_is_over() => {
                self.resting = Some(now + REST);
                Written::Busy
            }
            Ok(false) => Written::Blocked,
            Err(error) => {
                let rest = self.batch.bytes.get(self.done..).unwrap_or_default();
                let lines = rest.iter().filter(|b| **b == b'\n').count() as u64;
                Written::Failed { error: error.into(), lines }
            }
        }
    }

    fn write_file(&mut self) -> Result<bool, Errno> {
        let Some(fd) = self.out.fd() else { return Ok(true) };
        let mut done = self.done;
        let result = loop {
            let Some(rest) = self.batch.bytes.get(done..).filter(|rest| !rest.is_empty()) else {
                break Ok(true);
            };
            match rustix::io::write(fd, rest) {
                Ok(0) => break Err(Errno::IO),
                Ok(written) => done += written,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break Ok(false),
                Err(error) => break Err(error),
            }
        };
        if result.is_err() {
            // The disk is full, or a limit is reached: half a line would be taken for a whole one, or run into the next.
            let whole = self.batch.bytes.get(..done).and_then(|out| out.iter().rposition(|b| *b == b'\n'));
            let whole = whole.map_or(0, |newline| newline + 1);
            if whole < done
                && let Ok(end) = rustix::fs::seek(fd, SeekFrom::Current(0))
                // Somebody who does not know of the lock has written behind it: that is not ours to take back.
                && rustix::fs::fstat(fd).is_ok_and(|stat| u64::try_from(stat.st_size) == Ok(end))
                && rustix::fs::ftruncate(fd, end.saturating_sub((done - whole) as u64)).is_ok()
            {
                // Without O_APPEND, the next line would leave a hole.
                let _ = rustix::fs::seek(fd, SeekFrom::End(0));
                done = whole;
            }
        }
        self.done = done;
        result
    }

    fn write_stream(&mut self, socket: bool) -> Result<bool, Errno> {
        while self.done < self.batch.bytes.len() {
            if self.turn_is_over() {
                self.unlock();
                return Ok(false);
            }
            let Some(fd) = self.out.fd() else { return Ok(true) };
            let rest = self.batch.bytes.get(self.done..).unwrap_or_default();
            let piece = whole_lines(rest);
            let written = if socket {
                rustix::net::send(fd, piece, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            } else if takes(fd) {
                rustix::io::write(fd, piece)
            } else {
                Err(Errno::AGAIN)
            };
            match written {
                Ok(written) => {
                    self.done += written;
                    self.turn += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.stalled = true;
                    // Between two lines others may have their turn; within one, none.
                    if self.is_between_lines() {
                        self.unlock();
                    }
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    // ---- syslog and functions ----

    fn send(&mut self) -> Written {
        let (mut lost, mut failed) = (0, None);
        while let Some((level, end)) = self.next_message() {
            let Out::Syslog(syslog) = &mut self.out else { break };
            let text = self.batch.bytes.get(self.done..end).unwrap_or_default();
            match syslog.send(level, text) {
                Ok(()) => {}
                Err(error) if error == Errno::AGAIN => return Written::Blocked,
                Err(error) => {
                    lost += 1;
                    failed = Some(error);
                }
            }
            self.done = end;
        }
        match failed {
            None => Written::All,
            Some(error) => Written::Failed { error: error.into(), lines: lost },
        }
    }

    fn call(&mut self) -> Written {
        let mut lost = 0;
        while let Some((level, end)) = self.next_message() {
            let Out::Function(function) = &self.out else { break };
            let text = self.batch.bytes.get(self.done..end).unwrap_or_default();
            if !function(level, String::from_utf8_lossy(text).trim_end_matches('\n')) {
                lost += 1;
            }
            self.done = end;
        }
        if lost == 0 {
            return Written::All;
        }
        Written::Failed { error: io::Error::other("it could not be called"), lines: lost }
    }

    fn next_message(&self) -> Option<(LogLevel, usize)> {
        let index = self.batch.marks.partition_point(|mark| mark.end <= self.done);
        self.batch.marks.get(index).map(|mark| (mark.level, mark.end))
    }

    // ---- the lock ----

    /// False if another process has it, and it is to be tried again.
    fn lock(&mut self, now: Instant, regular: bool) -> bool {
        let Some(fd) = self.out.fd() else { return true };
        match rustix::fs::fcntl_lock(fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => self.locked = true,
            Err(Errno::AGAIN | Errno::ACCESS) => {
                let since = *self.locking.get_or_insert(now);
                if !regular || now < since + LOCK_PATIENCE {
                    return false;
                }
            }
            // Not every descriptor can be locked, and a line may be torn rather than lost.
            Err(_) => {}
        }
        self.locking = None;
        true
    }

    fn unlock(&mut self) {
        if std::mem::take(&mut self.locked)
            && let Some(fd) = self.out.fd()
        {
            // Failure: it was not locked, and is not now.
            let _ = rustix::fs::fcntl_lock(fd, FlockOperation::NonBlockingUnlock);
        }
    }
}

/// Named pipes that were opened to see whether that is possible. Closed again, their readers would think that all is over.
static KEPT: Mutex<Vec<(PathBuf, File)>> = Mutex::new(Vec::new());

fn take_kept(path: &Path) -> Option<File> {
    let mut kept = lock(&KEPT);
    let place = kept.iter().position(|(known, _)| known == path)?;
    Some(kept.swap_remove(place).1)
}

/// Makes sure that `target` can be opened.
///
/// # Errors
/// It cannot.
pub(crate) fn check(target: &Target) -> io::Result<()> {
    let out = Out::open(target)?;
    if let (Target::File(path), Out::File(file)) = (target, out)
        && file.metadata()?.file_type().is_fifo()
    {
        lock(&KEPT).push((path.clone(), file));
    }
    Ok(())
}

/// As many whole lines as go in one piece; of a longer line, a piece.
fn whole_lines(rest: &[u8]) -> &[u8] {
    let Some(piece) = rest.get(..ONE_PIECE) else { return rest };
    let end = piece.iter().rposition(|b| *b == b'\n').map_or(ONE_PIECE, |newline| newline + 1);
    piece.get(..end).unwrap_or(piece)
}

/// Whether a write of [`ONE_PIECE`] would not wait, or would fail at once.
fn takes(fd: BorrowedFd<'_>) -> bool {
    let mut watched = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut watched, Some(&at_once)).is_ok_and(|ready| ready > 0)
}
