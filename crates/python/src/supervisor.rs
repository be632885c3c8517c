//! The supervisor as Python sees it: it is told what has happened, and names what is to be done next.

use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use signal_hook::consts::SIGUSR1;
use yett_logs::writer::{self, Reopening};
use yett_settings::FOREVER;
use yett_supervisor::process::{self, Limits, Task, Ties, children, signals};
use yett_supervisor::scoreboard::{Scoreboard, Slot};
use yett_supervisor::state::{Config, Event, Exit, Millis, WorkerId};

use crate::seat::Seat;
use crate::settings::Settings;
use crate::signals::install;
use crate::slot::write_lost;
use crate::systemd::Notifier;

/// Places in the scoreboard: as many workers as anybody runs on a machine, and as many again that are about to end.
/// Those that are not used cost address space only.
const SLOTS: usize = 1024;

/// Places whose workers can be called, however few there are at first: more may come (`SIGTTIN`).
const LEAST_CALLED: usize = 16;

/// Places whose workers can be called at most: each takes a descriptor in every process, of which there may be no more than
/// 1024.
const MOST_CALLED: usize = 128;

/// How many workers have a processor each: what may be used by affinity and by the control group's quota.
#[pyfunction]
pub fn usable_cpus() -> usize {
    yett_supervisor::cpus::usable()
}

/// Looks after workers. To be made, and used, in the process that does nothing else.
#[pyclass(frozen, module = "yett._core")]
pub struct Supervisor {
    /// None: this is a child.
    inner: Mutex<Option<process::Supervisor>>,
    /// What a child keeps.
    ties: Ties,
    /// SIGUSR1 reopens the logs of this process.
    reopening: Mutex<Option<Reopening>>,
}

/// What is to be done: its name, a number (a worker, a generation, a descriptor, a code) and another (a place, a
/// process).
type Todo = (&'static str, i64, i64);

#[pymethods]
impl Supervisor {
    /// `surge`: how many workers a reload starts at a time.
    #[new]
    fn new(settings: &Settings, workers: u32, surge: u32) -> PyResult<Self> {
        // Each has a place, and its replacement another.
        let called = (2 * workers as usize).clamp(LEAST_CALLED, MOST_CALLED);
        let scoreboard = Arc::new(Scoreboard::new(SLOTS)?.can_call(called));
        let values = &settings.values;
        let supervisor =
            process::Supervisor::new(config(values, workers, surge), limits(values), scoreboard)?;
        let reopening = writer::reopen_on(SIGUSR1)?;
        for signal in signals::WATCHED {
            install(signal)?;
        }
        if values.preload {
            children::adopt_orphans()?;
        }
        Ok(Self {
            ties: supervisor.ties(),
            inner: Mutex::new(Some(supervisor)),
            reopening: Mutex::new(Some(reopening)),
        })
    }

    /// Begins.
    fn start(&self) -> PyResult<()> {
        self.tell(Event::Start)
    }

    /// Another supervisor serves, and goes on if this one fails. To be told before `start`; later, that it has ended.
    fn predecessor(&self, serves: bool) -> PyResult<()> {
        self.tell(Event::Predecessor { serves })
    }

    /// What is to be done next; waits until there is something.
    fn next(&self, py: Python<'_>) -> PyResult<Todo> {
        loop {
            let task = py.detach(|| self.with(|supervisor| Ok(supervisor.next_task()?)))?;
            let number = |id: usize| i64::try_from(id).unwrap_or(i64::MAX);
            return Ok(match task {
                Task::Log(level, text) => {
                    crate::log::write(level, &text);
                    continue;
                }
                Task::Fork { worker, slot } => ("fork", worker.0.cast_signed(), number(slot)),
                Task::StartZygote { generation } => ("start-zygote", generation.into(), 0),
                Task::ReadSettings => ("read-settings", 0, 0),
                Task::ReopenLogs => ("reopen-logs", 0, 0),
                Task::SpawnSuccessor => ("spawn-successor", 0, 0),
                Task::WorkerCount(workers) => ("worker-count", workers.into(), 0),
                Task::Started => ("started", 0, 0),
                Task::Proven { generation } => ("proven", generation.into(), 0),
                Task::Reloading => ("reloading", 0, 0),
                Task::Reloaded { success } => ("reloaded", success.into(), 0),
                Task::Stopping => ("stopping", 0, 0),
                Task::CloseListeners { remove } => ("close-listeners", remove.into(), 0),
                Task::Removed { slot, pid } => ("removed", number(slot), pid.unwrap_or(0).into()),
                Task::OtherEnded { pid, how } => {
                    let how = match how {
                        Exit::Code(code) => code,
                        Exit::Signal { number, .. } => -number,
                    };
                    ("other-ended", pid.into(), how.into())
                }
                Task::Readable(fd) => ("readable", fd.into(), 0),
                Task::Exit(code) => ("exit", code.into(), 0),
            });
        }
    }

    /// The answer to `fork`.
    fn forked(&self, worker: i64, pid: u32) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.forked(WorkerId(worker.cast_unsigned()), pid);
            Ok(())
        })
    }

    /// The other answer.
    fn fork_failed(&self, worker: i64, error: String) -> PyResult<()> {
        self.tell(Event::ForkFailed { worker: WorkerId(worker.cast_unsigned()), error })
    }

    /// The answer to `start-zygote`; `channel` is our end of a socket pair, which is duplicated.
    fn zygote_forked(&self, generation: u32, pid: u32, channel: RawFd) -> PyResult<()> {
        let channel = UnixStream::from(yett_net::ffi::duplicate(channel)?);
        self.with(|supervisor| {
            supervisor.zygote_forked(generation, pid, channel);
            Ok(())
        })
    }

    /// The other answer.
    fn zygote_failed(&self, generation: u32, error: String) -> PyResult<()> {
        self.tell(Event::ZygoteFailed { generation, error })
    }

    /// The answer to `reopen-logs`.
    fn reopen_logs(&self) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.reopen_logs();
            Ok(())
        })
    }

    /// The answer to `read-settings`.
    fn configured(&self, settings: &Settings, workers: u32, surge: u32) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.try_limits(limits(&settings.values));
            supervisor.event(Event::Configured(config(&settings.values, workers, surge)));
            Ok(())
        })
    }

    /// The other answer.
    fn configuration_failed(&self, error: String) -> PyResult<()> {
        self.tell(Event::ConfigurationFailed(error))
    }

    /// New code is to be loaded.
    fn reload(&self) -> PyResult<()> {
        self.tell(Event::Reload)
    }

    /// The answer to `spawn-successor`, at last.
    fn successor_ready(&self) -> PyResult<()> {
        self.tell(Event::SuccessorReady)
    }

    /// The other answer.
    fn successor_ended(&self, text: String) -> PyResult<()> {
        self.tell(Event::SuccessorEnded(text))
    }

    /// Has `readable` named whenever there is something to read from `fd`, under the number returned.
    fn watch(&self, fd: RawFd) -> PyResult<RawFd> {
        let ours = yett_net::ffi::duplicate(fd)?;
        let number = ours.as_raw_fd();
        self.with(|supervisor| {
            supervisor.watch(ours);
            Ok(number)
        })
    }

    /// Watches it no more. `number`: what `watch` has returned.
    fn unwatch(&self, number: RawFd) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.unwatch(number);
            Ok(())
        })
    }

    /// The next failure of a worker to start is another one, to be told anew.
    fn forget_failure(&self) {
        self.ties.scoreboard.forget_failure();
    }

    /// From now on systemd hears that this process is alive, if it wants to.
    fn keep_awake(&self, notifier: &Notifier) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.keep_awake(Arc::clone(&notifier.inner));
            Ok(())
        })
    }

    /// The server has been ready once: who looks at its log then does not look at what it was started from.
    fn has_started(&self) -> bool {
        self.ties.scoreboard.has_started()
    }

    /// In a zygote: SIGUSR1 reopens the logs, until `leave`.
    fn reopen_on_signal(&self) -> PyResult<()> {
        let reopening = writer::reopen_on(SIGUSR1)?;
        install(SIGUSR1)?;
        *self.reopening.lock().unwrap_or_else(PoisonError::into_inner) = Some(reopening);
        Ok(())
    }

    /// Which generation the worker of a place is to belong to.
    fn generation_of(&self, slot: usize) -> u32 {
        self.ties.scoreboard.slot(slot).map_or(0, Slot::generation)
    }

    /// In a child: the place that it has. `worker`: which one it is.
    fn seat(&self, slot: usize, worker: i64) -> PyResult<Seat> {
        Seat::new(self.ties.clone(), slot, worker.cast_unsigned())
    }

    /// Whether processes listen to our sockets that are not our workers.
    fn share_sockets(&self, shared: bool) {
        self.ties.scoreboard.share_sockets(shared);
    }

    /// A dead worker's place is free: the requests that it has left get their lines in the access log.
    fn forget(&self, py: Python<'_>, slot: usize, settings: &Settings) -> PyResult<()> {
        if let Some(place) = self.ties.scoreboard.slot(slot)
            && !place.running().is_empty()
        {
            match crate::log::open_access_log(&settings.values) {
                Ok(access_log) => {
                    write_lost(place, access_log.as_ref());
                }
                Err(error) => crate::log::error(&format!(
                    "the requests of a worker that has died are missing in the access log: {}",
                    error.value(py)
                )),
            }
        }
        self.with(|supervisor| {
            supervisor.forget(slot);
            Ok(())
        })
    }

    /// In a child: closes all that is the supervisor's. Also in one that a hook has forked, in another thread perhaps, whose
    /// fellows are not there to give back what they have locked.
    fn leave(&self) {
        if let Ok(mut inner) = self.inner.try_lock() {
            drop(inner.take());
        }
        if let Ok(mut reopening) = self.reopening.try_lock() {
            drop(reopening.take());
        }
    }
}

impl Supervisor {
    fn with<T>(&self, act: impl FnOnce(&mut process::Supervisor) -> PyResult<T>) -> PyResult<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let supervisor = inner.as_mut().ok_or_else(|| PyRuntimeError::new_err("this process is a child"))?;
        act(supervisor)
    }

    fn tell(&self, event: Event) -> PyResult<()> {
        self.with(|supervisor| {
            supervisor.event(event);
            Ok(())
        })
    }
}

fn config(settings: &yett_settings::Settings, workers: u32, surge: u32) -> Config {
    let lifetime = settings.worker_lifetime;
    Config {
        workers,
        preload: settings.preload,
        surge,
        startup_timeout: millis(settings.startup_timeout),
        drain_delay: millis(settings.drain_delay),
        graceful_timeout: millis(settings.graceful_timeout),
        stream_drain_timeout: millis(settings.stream_drain_timeout),
        worker_lifetime: (lifetime < FOREVER).then(|| millis(lifetime)),
        worker_lifetime_jitter: millis(settings.worker_lifetime_jitter),
        seed: process::now() ^ u64::from(std::process::id()),
        most_workers: u32::try_from(SLOTS / 2).unwrap_or(u32::MAX),
    }
}

fn limits(settings: &yett_settings::Settings) -> Limits {
    let finite = |number: u64| if number == u64::MAX { 0 } else { number };
    // The watch looks once a second; a machine that is short of everything may keep it from that for a while.
    let beat = settings.beat_timeout.max(settings.gil_timeout);
    Limits {
        beat: if beat < FOREVER { millis(beat) } else { 0 },
        resident: finite(settings.max_rss),
        requests: settings.max_requests.map_or(0, |requests| requests as u64),
        requests_jitter: settings.max_requests_jitter as u64,
    }
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
