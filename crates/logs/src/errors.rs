//! The error log of this process: what happened, at once.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};
use yett_settings::LogLevel;

use crate::log::{Log, lock};
use crate::message::{Message, rank};
use crate::target::Target;
use crate::writer;

/// The rank of the least important level that is written: `info`.
static LEVEL: AtomicU8 = AtomicU8::new(2);

/// Objects for machines instead of lines for people.
static JSON: AtomicBool = AtomicBool::new(false);

/// Sets the least important level that is written.
pub fn set_level(level: LogLevel) {
    LEVEL.store(rank(level), Ordering::Relaxed);
}

/// Chooses between objects for machines and lines for people.
pub fn set_json(json: bool) {
    JSON.store(json, Ordering::Relaxed);
}

/// Whether messages of this level are written: to spare making them.
#[must_use]
pub fn enabled(level: LogLevel) -> bool {
    rank(level) <= LEVEL.load(Ordering::Relaxed)
}

/// Opens the error log, in the place of the one before. Until then it goes to standard error.
///
/// # Errors
/// The file cannot be opened: the log stays where it was.
pub fn open(target: Target) -> std::io::Result<()> {
    let log = Log::open("error log", target, true)?;
    let before = lock(&writer::process().error_log).replace(log);
    if let Some(before) = before {
        before.close();
    }
    Ok(())
}

/// Writes a message, if its level is to be written.
pub fn tell(message: &Message) {
    if !enabled(message.level) {
        return;
    }
    let Some(log) = current() else { return };
    let mut lines = Vec::with_capacity(256);
    match log.target() {
        Target::Function(_) => lines.extend_from_slice(format!("{}\n", message.in_words()).as_bytes()),
        _ if JSON.load(Ordering::Relaxed) => message.to_json(&mut lines),
        Target::Syslog { .. } => message.to_syslog(&mut lines),
        Target::Stdout | Target::Stderr | Target::File(_) => message.to_text(&mut lines, log.is_coloured()),
    }
    log.push(message.level, &lines);
}

fn current() -> Option<Arc<Log>> {
    let process = writer::process();
    if let Some(log) = &*lock(&process.error_log) {
        return Some(Arc::clone(log));
    }
    // Not with the lock held: opening a log takes others.
    let opened = Log::open("error log", Target::Stderr, true).ok()?;
    let mut place = lock(&process.error_log);
    if let Some(other) = &*place {
        opened.close();
        return Some(Arc::clone(other));
    }
    Some(Arc::clone(place.insert(opened)))
}

/// Whether `log` is the error log.
pub(crate) fn is(log: &Log) -> bool {
    lock(&writer::process().error_log).as_ref().is_some_and(|current| std::ptr::eq(Arc::as_ptr(current), log))
}

/// The error log itself fails: standard error, if that is another place and takes it at once.
pub(crate) fn last_resort(log: &Log, message: &Message) {
    if matches!(log.target(), Target::Stderr) {
        return;
    }
    straight_to_stderr(message);
}

/// Writes a message without the writer, to standard error, or not at all if that would have to be waited for.
pub fn straight_to_stderr(message: &Message) {
    let stderr = std::io::stderr();
    let mut watched = [PollFd::from_borrowed_fd(stderr.as_fd(), PollFlags::OUT)];
    if rustix::event::poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
        .is_ok_and(|ready| ready > 0)
    {
        let mut lines = Vec::new();
        message.to_text(&mut lines, false);
        // Nobody is left to be told that this failed, too.
        let _ = rustix::io::write(&stderr, &lines);
    }
}
