//! The one thread of each process that writes its logs.
//!
//! It is started when there is something to write, and ends when there was nothing for a while, so that a quiet process
//! has no thread of ours; only while a log goes to a file it stays, for a signal may ask it to reopen it.
//!
//! A forked child has no thread but the one that forked, and a copy of every lock, held by somebody who does not exist.
//! So each process has its own set of everything in here, chosen by how many forks lie between it and the first; what
//! waits in the parent's is the parent's to write.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::SigId;
use yett_settings::LogLevel;

use crate::errors;
use crate::log::{Event, Log, Next, lock};
use crate::message::Message;
use crate::request_id;

/// Processes that can come from each other by forking and still log. A server, its workers, and what an application
/// forks in them need four.
const GENERATIONS: usize = 64;

/// When nothing has been written for so long, the thread ends.
const IDLE: Duration = Duration::from_secs(1);

static PROCESSES: [Process; GENERATIONS] = [const { Process::new() }; GENERATIONS];

/// How many forks lie between this process and the first one.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// A signal has asked for the files to be reopened.
static REOPEN: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// What belongs to one process.
#[derive(Debug)]
pub(crate) struct Process {
    state: Mutex<State>,
    /// The error log, once there is one.
    pub error_log: Mutex<Option<Arc<Log>>>,
    /// Told when what was asked to be written is written.
    flushed: Condvar,
    /// The system has refused the thread: whoever adds a line tries again.
    refused: AtomicBool,
}

#[derive(Debug)]
struct State {
    logs: Vec<Arc<Log>>,
    running: bool,
    /// A signal may ask for files to be reopened.
    watching: bool,
    /// What wakes the thread, and the other end of it.
    wake: Option<(Arc<UnixStream>, Arc<UnixStream>)>,
    /// How often somebody has asked to have all written, and up to which of these it was done.
    asked: u64,
    done: u64,
}

/// What belongs to this process.
pub(crate) fn process() -> &'static Process {
    PROCESSES.get(forks()).unwrap_or(&PROCESSES[GENERATIONS - 1])
}

/// How many forks lie between this process and the first one.
#[must_use]
pub fn forks() -> usize {
    FORKS.load(Ordering::Relaxed)
}

/// To be called first thing in every forked child, by its only thread.
pub fn note_fork() {
    let parent = process();
    FORKS.fetch_add(1, Ordering::Relaxed);
    request_id::forget_process();
    // Held, by a thread that is not here, if the parent was just changing it.
    let target =
        parent.error_log.try_lock().ok().and_then(|log| log.as_ref().map(|log| log.target().clone()));
    if let Some(target) = target {
        // A file that cannot be opened any more: standard error it is, then.
        let _ = errors::open(target);
    }
}

/// Writes what waits in all logs, and returns when that is done, or after `patience`. Not to be called with a lock held
/// that a log's function needs.
pub fn flush(patience: Duration) {
    let process = process();
    let mut state = lock(&process.state);
    if state.logs.iter().all(|log| log.is_empty()) {
        return;
    }
    state.asked += 1;
    let asked = state.asked;
    process.rouse(&mut state);
    let end = Instant::now() + patience;
    while state.done < asked {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        state =
            process.flushed.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
    }
}

/// Has `signal` reopen all files, as long as what is returned lives.
///
/// # Errors
/// The system refuses it.
pub fn reopen_on(signal: i32) -> std::io::Result<Reopening> {
    let process = process();
    let mut state = lock(&process.state);
    let waker = state.wake()?.0.try_clone()?;
    let mut reopening = Reopening { process, registered: Vec::new() };
    let flag = signal_hook::flag::register(signal, Arc::clone(&REOPEN))?;
    reopening.registered.push(flag);
    let pipe = signal_hook::low_level::pipe::register(signal, waker);
    state.watching = true;
    if state.keeps_thread() {
        process.rouse(&mut state);
    }
    drop(state);
    reopening.registered.push(pipe?);
    Ok(reopening)
}

/// A signal reopens the files while this lives.
#[derive(Debug)]
pub struct Reopening {
    process: &'static Process,
    registered: Vec<SigId>,
}

impl Drop for Reopening {
    fn drop(&mut self) {
        self.registered.drain(..).for_each(|id| {
            signal_hook::low_level::unregister(id);
        });
        if self.process.is_this() {
            let mut state = lock(&self.process.state);
            state.watching = false;
            // The thread may have stayed for this alone.
            if state.running {
                self.process.rouse(&mut state);
            }
        }
    }
}

impl State {
    const fn new() -> Self {
        Self { logs: Vec::new(), running: false, watching: false, wake: None, asked: 0, done: 0 }
    }

    /// Whether the thread is needed although there is nothing to write.
    fn keeps_thread(&self) -> bool {
        self.watching && self.logs.iter().any(|log| log.target().is_file())
    }

    fn wake(&mut self) -> std::io::Result<&(Arc<UnixStream>, Arc<UnixStream>)> {
        match &mut self.wake {
            Some(wake) => Ok(wake),
            none => {
                let (ours, theirs) = UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                theirs.set_nonblocking(true)?;
                Ok(none.insert((Arc::new(ours), Arc::new(theirs))))
            }
        }
    }
}

impl Process {
    const fn new() -> Self {
        Self {
            state: Mutex::new(State::new()),
            error_log: Mutex::new(None),
            flushed: Condvar::new(),
            refused: AtomicBool::new(false),
        }
    }

    /// Whether it is the one that runs.
    pub fn is_this(&'static self) -> bool {
        std::ptr::eq(self, process())
    }

    /// A log whose lines are to be written from now on.
    pub fn add(&'static self, log: &Arc<Log>) {
        let mut state = lock(&self.state);
        state.logs.push(Arc::clone(log));
        if state.keeps_thread() {
            self.rouse(&mut state);
        }
    }

    /// Whether what waits has nobody to write it.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// There is something to do.
    pub fn wake(&'static self) {
        self.rouse(&mut lock(&self.state));
    }

    fn rouse(&'static self, state: &mut State) {
        // Failure of any of this: no descriptors, no threads. What waits is written when there are some again.
        let running = state.running;
        let Ok((ours, theirs)) = state.wake() else {
            self.refused.store(true, Ordering::Relaxed);
            return;
        };
        if running {
            // Full: it is awake already.
            let mut ours: &UnixStream = ours;
            let _ = ours.write(&[0]);
            return;
        }
        let theirs = Arc::clone(theirs);
        let started =
            std::thread::Builder::new().name("yett-logs".into()).spawn(move || self.write_logs(&theirs));
        state.running = started.is_ok();
        self.refused.store(!state.running, Ordering::Relaxed);
    }

    // ---- the thread ----

    fn write_logs(&'static self, wake: &UnixStream) {
        let mut quiet_since = None;
        loop {
            let (logs, asked, hurry, keeps) = {
                let mut state = lock(&self.state);
                state.logs.retain(|log| !log.is_over());
                (state.logs.clone(), state.asked, state.asked > state.done, state.keeps_thread())
            };
            let now = Instant::now();
            let all = REOPEN.swap(false, Ordering::AcqRel);
            reopen(&logs, all);
            // Nobody else locks them: this is the only thread that writes.
            let mut sinks: Vec<_> = logs.iter().map(|log| log.sink()).collect();
            let mut next = Vec::with_capacity(logs.len());
            let held: Vec<_> =
                sinks.iter().enumerate().filter_map(|(n, sink)| Some((n, sink.held()?))).collect();
            for (number, (log, sink)) in logs.iter().zip(&mut sinks).enumerate() {
                if held.iter().any(|(other, place)| *other != number && sink.place() == Some(*place)) {
                    next.push(Next::Blocked);
                    continue;
                }
                let mut events = Vec::new();
                next.push(log.work(sink, now, hurry, &mut events));
                events.iter().for_each(|event| tell(log, event));
            }
            let idle = logs.iter().all(|log| log.is_empty());
            if idle {
                let mut state = lock(&self.state);
                state.done = state.done.max(asked);
                self.flushed.notify_all();
                drop(state);
                let since = *quiet_since.get_or_insert(now);
                if now >= since + IDLE && self.may_end() {
                    return;
                }
            } else {
                quiet_since = None;
            }
            if sinks.iter().any(|sink| sink.reopens && !sink.is_midway()) {
                continue;
            }
            let until = next.iter().filter_map(|next| match next {
                Next::Until(at) => Some(*at),
                Next::Nothing | Next::Blocked => None,
            });
            let end = quiet_since.filter(|_| !keeps).map(|since: Instant| since + IDLE);
            let until = until.chain(end).min();
            let mut watched = vec![PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN)];
            for (sink, next) in sinks.iter().zip(&next) {
                if *next == Next::Blocked
                    && let Some(fd) = sink.fd()
                {
                    watched.push(PollFd::from_borrowed_fd(fd, PollFlags::OUT));
                }
            }
            let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
            let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
            // Interrupted, or without memory: the next round looks again.
            if rustix::event::poll(&mut watched, timeout.as_ref()).is_err() {
                std::thread::yield_now();
            }
            let mut wake: &UnixStream = wake;
            while matches!(wake.read(&mut [0; 64]), Ok(1..)) {}
        }
    }

    /// Whether nothing has come meanwhile, and nothing can only be done by this thread. It is then said to have ended.
    fn may_end(&self) -> bool {
        let mut state = lock(&self.state);
        let needed = state.keeps_thread() || state.logs.iter().any(|log| !log.is_empty());
        state.running = needed;
        !needed
    }
}

/// Opens files anew: all of them, or those that were in the middle of a batch when that was asked for. Files are not
/// blocked, but a named pipe can be.
fn reopen(logs: &[Arc<Log>], all: bool) {
    for log in logs.iter().filter(|log| log.target().is_file()) {
        let mut sink = log.sink();
        sink.reopens |= all;
        if !sink.reopens || sink.is_midway() {
            continue;
        }
        if let Err(error) = sink.reopen(log.target()) {
            drop(sink);
            tell(log, &Event::NotReopened(error.to_string()));
        }
    }
}

fn tell(log: &Log, event: &Event) {
    let name = log.name();
    let (level, text) = match event {
        Event::Losing(why) => {
            (LogLevel::Error, format!("the {name} cannot be written, its lines are lost until it can: {why}"))
        }
        Event::Lost(lost) => {
            (LogLevel::Error, format!("the {name} is written again; {lost} lines were lost"))
        }
        Event::NotReopened(why) => (
            LogLevel::Error,
            format!("the {name} cannot be reopened, the old file is written further: {why}"),
        ),
    };
    let message = Message::new(level, text);
    // An error log that fails cannot say so itself.
    if matches!(event, Event::Losing(_)) && errors::is(log) {
        errors::last_resort(log, &message);
    } else {
        errors::tell(&message);
    }
}
