//! The supervisor as a process: it waits for what can happen, tells the machine ([`crate::state`]), and does what that asks
//! for. What takes an interpreter (forking, settings, hooks) is left to the caller, as a [`Task`].
//!
//! | question | file |
//! |---|---|
//! | What is waited for, and how is it told? | `hear` |
//! | How is done what is asked for? | `act` |
//! | Which signals mean something? | [`signals`] |
//! | Which child has ended, and how? | [`children`] |
//! | How is a zygote told to fork? | [`zygote`] |
//!
//! Nothing is polled: signals, the end of children, the *bell* (a pipe that workers write to when the supervisor should
//! look at the scoreboard) and zygotes wake it; between them it looks every few seconds whether all workers still beat.

mod act;
pub mod children;
mod hear;
pub mod signals;
mod workers;
pub mod zygote;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use rustix::process::Signal as SystemSignal;
use rustix::time::{ClockId, clock_gettime};

use crate::cgroup;
use crate::scoreboard::Scoreboard;
use crate::state::{Config, Event, Exit, Machine, Millis, WorkerId};
use crate::systemd::{Notifier, Watchdog};
use signals::Signals;
use workers::Workers;
use zygote::Zygote;

/// How often workers are looked at that say nothing by themselves: often enough for timeouts of many seconds.
const LOOK_EVERY: Millis = 5000;

/// What is looked at every few seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How long a worker's watch thread may not have looked before the worker is killed, beyond the time that a watch has
    /// for telling what is stuck ([`GRACE`]); 0: for ever.
    pub beat: Millis,
    /// Bytes of memory after which a worker is replaced; 0: no matter how many.
    pub resident: u64,
    /// Requests after which a worker is replaced; 0: no matter how many.
    pub requests: u64,
    /// Up to so many are added, for each worker anew, so that they do not all end together.
    pub requests_jitter: u64,
}

/// What the caller is to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Fork a worker, here, for this place in the scoreboard, and tell [`Supervisor::forked`].
    Fork {
        /// The worker.
        worker: WorkerId,
        /// Its place in the scoreboard.
        slot: usize,
    },
    /// Fork a zygote, and tell [`Supervisor::zygote_forked`].
    StartZygote {
        /// The generation that it imports.
        generation: u32,
    },
    /// Read the settings, and tell [`Supervisor::event`].
    ReadSettings,
    /// Make new files of logs that others can open, and tell [`Supervisor::reopen_logs`].
    ReopenLogs,
    /// Start a new supervisor, and tell [`Supervisor::event`] what becomes of it.
    SpawnSuccessor,
    /// All workers are ready for the first time.
    Started,
    /// What a reload has brought has proven itself: the settings that were read for it are in force.
    Proven {
        /// The generation that serves now.
        generation: u32,
    },
    /// A reload begins.
    Reloading,
    /// A reload has ended.
    Reloaded {
        /// It went through.
        success: bool,
    },
    /// The end begins.
    Stopping,
    /// Close the listeners.
    CloseListeners {
        /// And remove the files of Unix sockets.
        remove: bool,
    },
    /// By a signal there are to be so many workers from now on.
    WorkerCount(u32),
    /// A worker is no more. What it has left in its place of the scoreboard can be looked at until
    /// [`Supervisor::forget`].
    Removed {
        /// Its place.
        slot: usize,
        /// Its process, if it ever was one.
        pid: Option<u32>,
    },
    /// A child has ended that is neither a worker nor a zygote.
    OtherEnded {
        /// Its process.
        pid: u32,
        /// How it ended.
        how: Exit,
    },
    /// One of the descriptors of [`Supervisor::watch`] has something to read.
    Readable(RawFd),
    /// A line for the error log.
    Log(yett_settings::LogLevel, String),
    /// Nothing is left: end with this code.
    Exit(i32),
}

/// The process that looks after the workers.
#[derive(Debug)]
pub struct Supervisor {
    machine: Machine,
    scoreboard: Arc<Scoreboard>,
    signals: Signals,
    /// Both ends: workers inherit the second.
    bell: (UnixStream, Arc<OwnedFd>),
    /// Both ends: workers inherit the first, and see when the second, which only we have, is gone.
    lifeline: (Arc<OwnedFd>, OwnedFd),
    workers: Workers,
    zygotes: BTreeMap<u32, Zygote>,
    watched: Vec<OwnedFd>,
    limits: Limits,
    /// Those of a reload that has yet to prove itself.
    limits_tried: Option<Limits>,
    /// How many processes of our control group the kernel had killed for want of memory.
    oom_kills: Option<u64>,
    next_look: Millis,
    /// This process was itself kept from looking in time: what stands still may have been stopped together with it.
    was_late: bool,
    watchdog: Option<Watchdog>,
    tasks: VecDeque<Task>,
}

/// What a worker keeps of its supervisor.
#[derive(Clone, Debug)]
pub struct Ties {
    /// The shared block.
    pub scoreboard: Arc<Scoreboard>,
    /// A byte written here has the supervisor look at it.
    pub bell: Arc<OwnedFd>,
    /// At its end when the supervisor is gone.
    pub lifeline: Arc<OwnedFd>,
}

impl Supervisor {
    /// One that has not begun. Signals are watched from now on.
    ///
    /// # Errors
    /// The system refuses descriptors.
    pub fn new(config: Config, limits: Limits, scoreboard: Arc<Scoreboard>) -> io::Result<Self> {
        let now = now();
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let (held, hold) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        Ok(Self {
            machine: Machine::new(config, now),
            scoreboard,
            signals: Signals::watch()?,
            bell: (reader, Arc::new(writer.into())),
            lifeline: (Arc::new(held), hold),
            workers: Workers::default(),
            zygotes: BTreeMap::new(),
            watched: Vec::new(),
            limits,
            limits_tried: None,
            oom_kills: cgroup::oom_kills(Path::new("/")),
            next_look: now + LOOK_EVERY,
            was_late: false,
            watchdog: None,
            tasks: VecDeque::new(),
        })
    }

    /// What a forked child is to keep; the rest of this is to be dropped there.
    #[must_use]
    pub fn ties(&self) -> Ties {
        Ties {
            scoreboard: Arc::clone(&self.scoreboard),
            bell: Arc::clone(&self.bell.1),
            lifeline: Arc::clone(&self.lifeline.0),
        }
    }

    /// A further descriptor to wait for, until it is dropped by [`Supervisor::unwatch`].
    pub fn watch(&mut self, fd: OwnedFd) {
        self.watched.push(fd);
    }

    /// Not waited for any more.
    pub fn unwatch(&mut self, fd: RawFd) {
        self.watched.retain(|watched| watched.as_raw_fd() != fd);
    }

    /// From now on the service manager hears that this process is alive, if it wants to.
    pub fn keep_awake(&mut self, notifier: Arc<Notifier>) {
        self.watchdog = Watchdog::of(notifier, now());
    }

    /// Other limits, from the settings that a reload has read: for the workers that try them, and for all when they have
    /// proven themselves.
    pub fn try_limits(&mut self, limits: Limits) {
        self.limits_tried = Some(limits);
    }

    /// What is to be done next; waits until there is something.
    ///
    /// # Errors
    /// The system refuses to wait, for want of memory.
    pub fn next_task(&mut self) -> io::Result<Task> {
        loop {
            if let Some(task) = self.tasks.pop_front() {
                return Ok(task);
            }
            self.wait()?;
        }
    }

    /// Tells the machine something.
    pub fn event(&mut self, event: Event) {
        let before = self.machine.generation();
        let actions = self.machine.handle(now(), event);
        let generation = self.machine.generation();
        if generation != before {
            self.limits = self.limits_tried.take().unwrap_or(self.limits);
            self.tasks.push_back(Task::Proven { generation });
        }
        for action in actions {
            self.carry_out(action);
        }
    }

    /// A worker is a process now.
    pub fn forked(&mut self, worker: WorkerId, pid: u32) {
        if let Some(known) = self.workers.get_mut(worker) {
            known.pid = Some(pid);
            if let Some(slot) = self.scoreboard.slot(known.slot) {
                slot.holder().set_pid(pid);
            }
        }
        self.event(Event::Forked { worker, pid });
    }

    /// A zygote is a process now; `channel` leads to it.
    pub fn zygote_forked(&mut self, generation: u32, pid: u32, channel: UnixStream) {
        self.zygotes.insert(generation, Zygote::new(pid, channel));
        self.event(Event::ZygoteForked { generation, pid });
    }

    /// The files of the logs can be reopened: tells all processes that write to them.
    pub fn reopen_logs(&self) {
        for pid in self.workers.pids().chain(self.zygotes.values().map(|zygote| zygote.pid)) {
            children::send(pid, SystemSignal::USR1);
        }
    }

    /// What a dead worker has left has been looked at: its place is free.
    pub fn forget(&self, slot: usize) {
        if let Some(slot) = self.scoreboard.slot(slot) {
            slot.free();
            // It may have been woken for a connection that it has not taken.
            self.scoreboard.call_watching(None);
        }
    }
}

/// The monotonic clock in milliseconds, the same for all processes.
#[must_use]
pub fn now() -> Millis {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}
