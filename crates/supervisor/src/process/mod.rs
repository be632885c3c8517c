//! The supervisor as a process: it waits for what can happen, tells the machine ([`crate::state`]), and does what that asks
//! for. What takes an interpreter (forking, settings, hooks) is left to the caller, as a [`Task`].
//!
//! | question | file |
//! |---|---|
//! | What is waited for, and what is done? | this file |
//! | Which signals mean something? | [`signals`] |
//! | Which child has ended, and how? | [`children`] |
//! | How is a zygote told to fork? | [`zygote`] |
//!
//! Nothing is polled: signals, the end of children, the *bell* (a pipe that workers write to when the supervisor should
//! look at the scoreboard) and zygotes wake it; between them it looks every few seconds whether all workers still beat.

pub mod children;
pub mod signals;
mod workers;
pub mod zygote;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal as SystemSignal;
use rustix::time::{ClockId, clock_gettime};

use crate::cgroup;
use crate::scoreboard::{self, Scoreboard};
use crate::state::{Action, Config, Event, Exit, Machine, Millis, Order, Why, WorkerId};
use crate::stuck::GRACE;
use crate::systemd::{Notifier, Watchdog};
use signals::{Arrived, Signals};
use workers::{Worker, Workers};
use zygote::{FromZygote, Zygote};

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
                slot.set_pid(pid);
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
        }
    }

    // ---- what can happen ----

    fn wait(&mut self) -> io::Result<()> {
        let watchdog = self.watchdog.as_ref().map(Watchdog::next);
        let timeouts = [self.machine.next_timeout(), watchdog, Some(self.next_look)];
        let until = timeouts.into_iter().flatten().min().unwrap_or(self.next_look);
        let left = until.saturating_sub(now());
        #[allow(clippy::cast_possible_wrap)] // seconds of a few weeks, nanoseconds of one
        let timeout = Timespec { tv_sec: (left / 1000) as i64, tv_nsec: ((left % 1000) * 1_000_000) as i64 };
        let fixed = [self.signals.fd(), self.bell.0.as_fd()];
        let zygotes = self.zygotes.values().map(Zygote::fd);
        let all: Vec<BorrowedFd<'_>> =
            fixed.into_iter().chain(zygotes).chain(self.watched.iter().map(AsFd::as_fd)).collect();
        let mut polled: Vec<PollFd<'_>> =
            all.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match rustix::event::poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = polled.iter().map(|one| !one.revents().is_empty()).collect();
        let readable: Vec<RawFd> = self
            .watched
            .iter()
            .zip(ready.iter().skip(fixed.len() + self.zygotes.len()))
            .filter_map(|(fd, ready)| ready.then_some(fd.as_raw_fd()))
            .collect();
        // A worker rings before it dies, and a zygote answers: what they said is heard first.
        let generations: Vec<u32> = self.zygotes.keys().copied().collect();
        for generation in generations {
            self.hear_zygote(generation);
        }
        let mut sink = [0; 256];
        while matches!(self.bell.0.read(&mut sink), Ok(1..)) {}
        self.look_at_scoreboard();
        for arrived in self.signals.take() {
            match arrived {
                Arrived::Child => self.reap(),
                Arrived::Sent(signal) => self.event(Event::Signal(signal)),
            }
        }
        self.tasks.extend(readable.into_iter().map(Task::Readable));
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.keep_awake(now());
        }
        let time = now();
        if time >= self.next_look {
            let late = time - self.next_look > LOOK_EVERY;
            self.next_look = time + LOOK_EVERY;
            self.look_closely(late || self.was_late);
            self.was_late = late;
        }
        if self.machine.next_timeout().is_some_and(|at| at <= now()) {
            self.event(Event::Timer);
        }
        Ok(())
    }

    fn reap(&mut self) {
        while let Some((pid, how)) = children::reap() {
            let pid = pid.unsigned_abs();
            // What it said last.
            self.look_at_scoreboard();
            let zygote = self.zygotes.iter().find(|(_, zygote)| zygote.pid == pid);
            let zygote = zygote.map(|(generation, _)| *generation);
            if let Some(generation) = zygote {
                self.hear_zygote(generation);
            } else if self.workers.of_pid(pid).is_none() {
                self.tasks.push_back(Task::OtherEnded { pid, how });
                // It may yet be a worker, whose zygote has not come to telling of it: the machine remembers that.
            }
            let zygote = zygote.and_then(|generation| self.zygotes.remove(&generation));
            let oom = matches!(how, Exit::Signal { .. }) && self.was_short_of_memory();
            self.event(Event::Exited { pid, how, oom });
            // After the machine knows that nobody else can be asked.
            for worker in zygote.into_iter().flat_map(|zygote| zygote.unanswered) {
                self.event(Event::ForkFailed { worker, error: "the zygote has ended".into() });
            }
        }
    }

    /// Whether the kernel has killed somebody for want of memory since this was last asked.
    fn was_short_of_memory(&mut self) -> bool {
        let before = self.oom_kills;
        self.oom_kills = cgroup::oom_kills(Path::new("/"));
        self.oom_kills > before
    }

    fn hear_zygote(&mut self, generation: u32) {
        while let Some(heard) = self.zygotes.get_mut(&generation).and_then(Zygote::hear) {
            match heard {
                FromZygote::Ready => self.event(Event::ZygoteReady { generation }),
                FromZygote::Forked { worker, pid } => self.forked(worker, pid),
                FromZygote::Failed { worker } => {
                    let error = "the zygote could not fork; its own message says why".into();
                    self.event(Event::ForkFailed { worker, error });
                }
            }
        }
    }

    /// Passes on what workers have written into it.
    fn look_at_scoreboard(&mut self) {
        let mut events = Vec::new();
        for (id, worker) in self.workers.iter_mut() {
            let Some(slot) = self.scoreboard.slot(worker.slot) else { continue };
            let state = slot.state();
            // One that drains, or has ended, need not ever have served.
            if slot.was_ready() && !worker.ready_told && worker.pid.is_some() {
                worker.ready_told = true;
                if self.scoreboard.has_started() {
                    self.scoreboard.forget_failure();
                }
                events.push(Event::Ready { worker: *id });
            }
            if let scoreboard::State::WantsReplacement(why) = state
                && worker.ready_told
                && worker.wish_told != Some(why)
            {
                worker.wish_told = Some(why);
                events.push(Event::WantsReplacement { worker: *id, why });
            }
        }
        for event in events {
            self.event(event);
        }
    }

    /// Looks for what workers do not say themselves.
    /// `spare`: those that stand still have one more round to come round again.
    fn look_closely(&mut self, spare: bool) {
        let now = now();
        let mut events = Vec::new();
        for (id, worker) in self.workers.iter_mut() {
            let (Some(slot), Some(pid)) = (self.scoreboard.slot(worker.slot), worker.pid) else { continue };
            let beat = slot.beat();
            if !spare
                && self.limits.beat > 0
                && beat > 0
                && now.saturating_sub(beat) > self.limits.beat + GRACE
            {
                events.push(Event::Frozen { worker: *id });
            } else if self.limits.resident > 0
                && worker.ready_told
                && children::resident(pid).is_some_and(|bytes| bytes > self.limits.resident)
            {
                events.push(Event::WantsReplacement { worker: *id, why: Why::MaxRss });
            }
        }
        for event in events {
            self.event(event);
        }
    }

    // ---- what is done ----

    fn carry_out(&mut self, action: Action) {
        let task = match action {
            Action::Fork { worker, seat, generation } => return self.fork(worker, seat, generation),
            Action::StopZygote { generation } => {
                // It sees the end of its channel, and ends.
                if let Some(zygote) = self.zygotes.get_mut(&generation) {
                    zygote.dismiss();
                    if !zygote.is_ready() {
                        // It imports, and hears nothing.
                        children::send(zygote.pid, SystemSignal::TERM);
                    }
                }
                return;
            }
            Action::KillZygote { generation } => {
                if let Some(zygote) = self.zygotes.get(&generation) {
                    children::send(zygote.pid, SystemSignal::KILL);
                }
                return;
            }
            Action::Order { worker, order } => return self.order(worker, order),
            Action::ReopenLogs => Task::ReopenLogs,
            Action::Removed { worker } => {
                let Some(Worker { slot, pid, .. }) = self.workers.remove(worker) else { return };
                Task::Removed { slot, pid }
            }
            Action::StartZygote { generation } => Task::StartZygote { generation },
            Action::ReadSettings => Task::ReadSettings,
            Action::SpawnSuccessor => Task::SpawnSuccessor,
            Action::Log(level, text) => Task::Log(level, text),
            Action::Started => {
                self.scoreboard.set_started();
                self.scoreboard.forget_failure();
                Task::Started
            }
            Action::Reloading => Task::Reloading,
            Action::Reloaded { success } => {
                self.limits_tried = None;
                Task::Reloaded { success }
            }
            Action::Stopping => {
                self.scoreboard.set_draining(true);
                Task::Stopping
            }
            Action::CloseListeners { remove } => Task::CloseListeners { remove },
            Action::Exit(code) => Task::Exit(code),
        };
        self.tasks.push_back(task);
    }

    fn fork(&mut self, worker: WorkerId, seat: u32, generation: u32) {
        let Some(slot) = self.scoreboard.find_free() else {
            let error = "all places of the scoreboard are taken, by workers that have yet to end".into();
            return self.event(Event::ForkFailed { worker, error });
        };
        if let Some(place) = self.scoreboard.slot(slot) {
            place.take(seat, generation);
            let tried = self.limits_tried.filter(|_| generation > self.machine.generation());
            place.limit_requests(tried.unwrap_or(self.limits).requests_for(worker));
        }
        self.workers.insert(worker, Worker::new(slot));
        match self.zygotes.get_mut(&generation) {
            Some(zygote) => {
                if let Err(error) = zygote.ask(worker, slot) {
                    let error = format!("the zygote does not hear: {error}");
                    self.event(Event::ForkFailed { worker, error });
                }
            }
            None => self.tasks.push_back(Task::Fork { worker, slot }),
        }
    }

    fn order(&mut self, worker: WorkerId, order: Order) {
        let Some(&Worker { slot, pid: Some(pid), .. }) = self.workers.get(worker) else { return };
        let given = match order {
            Order::Drain => scoreboard::Order::Drain,
            Order::Retire => scoreboard::Order::Retire,
            Order::Quick => scoreboard::Order::Quick,
            Order::Kill => return children::send(pid, SystemSignal::KILL),
        };
        if let Some(slot) = self.scoreboard.slot(slot) {
            slot.give(given);
        }
        children::send(pid, SystemSignal::TERM);
        // Stopped by somebody (SIGSTOP), it would never hear of it.
        children::send(pid, SystemSignal::CONT);
    }
}

impl Limits {
    fn requests_for(&self, worker: WorkerId) -> u64 {
        if self.requests == 0 {
            return 0;
        }
        // Spread evenly and differently for each: a golden-ratio sequence needs no state and no clock.
        let spread = worker.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.requests
            + u64::try_from((u128::from(spread) * u128::from(self.requests_jitter + 1)) >> 64).unwrap_or(0)
    }
}

/// The monotonic clock in milliseconds, the same for all processes.
#[must_use]
pub fn now() -> Millis {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000_000
}
