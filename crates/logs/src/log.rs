//! One log: a bounded buffer that any thread adds to, and behind it the writer.
//!
//! Nobody who adds a line waits for anything but others who add one. When what takes the lines takes none, the buffer
//! fills; then lines are dropped and counted, and both the beginning and the end of that are told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use yett_settings::LogLevel;

use crate::sink::{self, Batch, Mark, Sink, Written};
use crate::target::Target;
use crate::writer::{self, Process};

/// Bytes that may wait, those being written included. A mebibyte is about three thousand lines of JSON: what a busy
/// server writes in a tenth of a second, while a disk or a pipe recovers.
const MOST_WAITING: usize = 1024 * 1024;

/// From so many bytes on, lines are written without waiting for more: waking the thread costs as much as making ten
/// lines. A quarter of what may wait.
const GROUP: usize = 256 * 1024;

/// How long the first line of a group waits for others.
const GATHER: Duration = Duration::from_millis(20);

/// When a lock that another process holds is tried again: it writes a group in much less, unless its reader has stopped,
/// and then nobody should be kept busy by that.
const LOCK_AGAIN: Duration = Duration::from_millis(10);

/// A log. Made by [`Log::open`]; it ends when its owner calls [`Log::close`] and what it holds is written.
#[derive(Debug)]
pub struct Log {
    /// `access log`, `error log`; for messages.
    name: &'static str,
    /// Written at once, not in groups.
    urgent: bool,
    target: Target,
    coloured: bool,
    process: &'static Process,
    queue: Mutex<Queue>,
    sink: Mutex<Sink>,
    closed: AtomicBool,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Queue {
    batch: Batch,
    /// Bytes that the writer has taken, but not written.
    taken: usize,
    /// Lines left out since that was last looked at.
    dropped: u64,
}

/// What the writer is to do next about a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Nothing,
    /// To come again then.
    Until(Instant),
    /// To wait until the sink's descriptor takes something.
    Blocked,
}

/// Something that people should hear of.
#[derive(Debug)]
pub(crate) enum Event {
    /// From now on lines are lost.
    Losing(String),
    /// So many were.
    Lost(u64),
    /// The file is not the one it should be, and the old one is still written.
    NotReopened(String),
}

impl Log {
    /// A log of `target` in this process. `urgent`: each line is written as soon as possible, and nothing waits for a
    /// group.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(name: &'static str, target: Target, urgent: bool) -> std::io::Result<Arc<Self>> {
        let sink = Sink::open(&target)?;
        let log = Arc::new(Self {
            name,
            urgent,
            coloured: sink.is_coloured(),
            target,
            process: writer::process(),
            queue: Mutex::default(),
            sink: Mutex::new(sink),
            closed: AtomicBool::new(false),
        });
        log.process.add(&log);
        Ok(log)
    }

    /// Makes sure that `target` can be opened.
    ///
    /// # Errors
    /// The file cannot be opened, or is a named pipe that nobody reads.
    pub fn check(target: &Target) -> std::io::Result<()> {
        sink::check(target)
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Where it goes.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether its lines may be coloured: it is a terminal, and the user has not said NO_COLOR.
    #[must_use]
    pub fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Adds `lines`, which ends with a newline, or drops it if too much waits already.
    pub fn push(&self, level: LogLevel, lines: &[u8]) {
        if !self.process.is_this() {
            // A forked child of the application: the writer is not here, and the parent writes what was added before.
            return;
        }
        let mut queue = lock(&self.queue);
        let waiting = queue.batch.bytes.len();
        if waiting + queue.taken > 0 && waiting + queue.taken + lines.len() > MOST_WAITING {
            queue.dropped += 1;
            // The writer says so, the first time.
            let first = queue.dropped == 1;
            drop(queue);
            if first || self.process.is_refused() {
                self.process.wake();
            }
            return;
        }
        queue.batch.bytes.extend_from_slice(lines);
        if self.target.is_framed() {
            let end = queue.batch.bytes.len();
            queue.batch.marks.push(Mark { end, level });
        }
        drop(queue);
        let enough = waiting < GROUP && waiting + lines.len() >= GROUP;
        if waiting == 0 || enough || self.process.is_refused() {
            self.process.wake();
        }
    }

    /// Nothing more is added: when what waits is written, the log is forgotten.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if self.process.is_this() {
            self.process.wake();
        }
    }

    // ---- for the writer ----

    pub(crate) fn is_over(&self) -> bool {
        self.closed.load(Ordering::Acquire) && self.is_empty()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        let queue = lock(&self.queue);
        queue.batch.bytes.is_empty() && queue.taken == 0 && queue.dropped == 0
    }

    pub(crate) fn sink(&self) -> MutexGuard<'_, Sink> {
        lock(&self.sink)
    }

    /// Writes what is due; `hurry`: all there is. What people should hear of goes to `events`.
    pub(crate) fn work(&self, sink: &mut Sink, now: Instant, hurry: bool, events: &mut Vec<Event>) -> Next {
        loop {
            {
                let mut queue = lock(&self.queue);
                let dropped = std::mem::take(&mut queue.dropped);
                if dropped > 0 && sink.lose(dropped) {
                    events.push(Event::Losing("what takes its lines takes none at the moment".into()));
                }
                if sink.batch.bytes.is_empty() {
                    let waiting = queue.batch.bytes.len();
                    if waiting == 0 {
                        sink.since = None;
                        return Next::Nothing;
                    }
                    if !self.urgent && !hurry && waiting < GROUP {
                        let due = *sink.since.get_or_insert(now) + GATHER;
                        if now < due {
                            return Next::Until(due);
                        }
                    }
                    sink.since = None;
                    std::mem::swap(&mut queue.batch, &mut sink.batch);
                    queue.taken = waiting;
                }
            }
            match sink.write(now) {
                Written::All => {
                    if let Some(lost) = sink.take_lost() {
                        events.push(Event::Lost(lost));
                    }
                }
                Written::Failed { error, lines } => {
                    if sink.lose(lines) {
                        events.push(Event::Losing(error.to_string()));
                    }
                }
                Written::Blocked => return Next::Blocked,
                Written::Busy => return Next::Until(now + LOCK_AGAIN),
            }
            sink.batch.clear();
            lock(&self.queue).taken = 0;
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
