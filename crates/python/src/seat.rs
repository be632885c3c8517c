//! What a worker has of its supervisor: its place in the scoreboard, orders, and the bell.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use signal_hook::SigId;
use signal_hook::consts::{SIGTERM, SIGUSR1};
use yett_logs::writer::{self, Reopening};
use yett_net::{Events, Reactor};
use yett_supervisor::process::Ties;
use yett_supervisor::scoreboard::{Order, Slot as Place, State, Why};

use crate::listeners::Listener;
use crate::orphan::{Orphan, Patience};
use crate::settings::Settings;
use crate::signals::install;
use crate::slot::Slot;

/// What the reactor names: SIGTERM, and the end of the supervisor.
const SIGNAL: u64 = 1;
const LIFELINE: u64 = 2;

/// A worker's side. Made in the child, right after the fork.
#[pyclass(frozen, module = "yett._core")]
pub struct Seat {
    ties: Ties,
    index: usize,
    /// Which of the supervisor's workers it is to be.
    worker: u64,
    /// Woken by SIGTERM, and when the supervisor is gone. Once orders are watched.
    watching: Mutex<Option<Watching>>,
    /// The supervisor is gone.
    orphaned: AtomicBool,
    /// Sees to what is to be done then, once it serves.
    orphan: Mutex<Option<Orphan>>,
    /// SIGUSR1 reopens the logs while it lives.
    reopening: Mutex<Option<Reopening>>,
}

struct Watching {
    reactor: Reactor,
    signals: UnixStream,
    registered: Vec<SigId>,
}

impl Seat {
    pub fn new(ties: Ties, index: usize, worker: u64) -> PyResult<Self> {
        if ties.scoreboard.slot(index).is_none() {
            return Err(PyRuntimeError::new_err("there is no such place in the scoreboard"));
        }
        Ok(Self {
            ties,
            index,
            worker,
            watching: Mutex::default(),
            orphaned: AtomicBool::new(false),
            orphan: Mutex::default(),
            reopening: Mutex::default(),
        })
    }

    fn place(&self) -> PyResult<&Place> {
        let slot = self.ties.scoreboard.slot(self.index);
        slot.ok_or_else(|| PyRuntimeError::new_err("there is no such place in the scoreboard"))
    }

    fn ring(&self) {
        // Full: it is ringing already. Without a listener: the lifeline says so.
        let _ = rustix::io::write(&self.ties.bell, &[1]);
    }
}

#[pymethods]
impl Seat {
    /// First thing in the process: says which one it is, and has SIGUSR1 reopen the logs. False: nobody waits for it any
    /// more, and it is to end.
    fn arrive(&self) -> PyResult<bool> {
        if !self.place()?.holder().arrive(self.worker, std::process::id()) {
            return Ok(false);
        }
        let reopening = writer::reopen_on(SIGUSR1)?;
        install(SIGUSR1)?;
        *self.reopening.lock().unwrap_or_else(PoisonError::into_inner) = Some(reopening);
        Ok(true)
    }

    /// The number of the seat: 0, 1, …
    #[getter]
    fn number(&self) -> PyResult<u32> {
        Ok(self.place()?.seat())
    }

    /// The generation of the application's code: 1, and one more with each reload.
    #[getter]
    fn generation(&self) -> PyResult<u32> {
        Ok(self.place()?.generation())
    }

    /// The server has been ready once.
    fn server_has_started(&self) -> bool {
        self.ties.scoreboard.has_started()
    }

    /// Whether this is the worker that tells people why none of them starts.
    fn tells_failure(&self) -> bool {
        self.ties.scoreboard.tells_failure()
    }

    /// The worker serves.
    fn ready(&self) -> PyResult<()> {
        self.place()?.set_state(State::Ready);
        self.ring();
        Ok(())
    }

    /// The worker takes no more.
    fn draining(&self) -> PyResult<()> {
        self.place()?.set_state(State::Draining);
        if let Some(orphan) = &*self.orphan.lock().unwrap_or_else(PoisonError::into_inner) {
            orphan.leave();
        }
        self.ring();
        Ok(())
    }

    /// Its place in the scoreboard, for the gateway that serves `listeners`. From now on the process ends, and leaves them,
    /// without a supervisor.
    #[allow(clippy::needless_pass_by_value)] // the signature that Python sees
    fn slot(&self, listeners: Vec<Bound<'_, Listener>>, settings: &Settings) -> PyResult<Slot> {
        let bell = self.ties.bell.try_clone()?;
        let listeners =
            listeners.iter().map(|listener| listener.get().duplicate()).collect::<PyResult<Vec<_>>>()?;
        let patience =
            Patience { delay: settings.values.drain_delay, graceful: settings.values.graceful_timeout };
        let orphan = Orphan::watch(self.ties.clone(), listeners, patience)?;
        *self.orphan.lock().unwrap_or_else(PoisonError::into_inner) = Some(orphan);
        Slot::new(Arc::clone(&self.ties.scoreboard), self.index, Some(bell))
    }

    /// Becomes readable when there is an order.
    fn fileno(&self) -> i32 {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.as_ref().map_or(-1, |watching| watching.reactor.fd().as_raw_fd())
    }

    /// The order, if one has come: `retire`, `drain` or `quick`.
    fn read(&self) -> PyResult<Option<&'static str>> {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(watching) = watching.as_mut() else { return Ok(None) };
        let mut arrived = false;
        let mut events = Events::default();
        watching.reactor.poll(&mut events, Some(0))?;
        for index in 0..events.len() {
            match events.get(index) {
                Some((SIGNAL, _)) => {
                    while matches!(watching.signals.read(&mut [0u8; 16]), Ok(1..)) {
                        arrived = true;
                    }
                }
                Some((LIFELINE, _)) => self.orphaned.store(true, Ordering::Relaxed),
                _ => {}
            }
        }
        let orphaned = self.orphaned.load(Ordering::Relaxed);
        if !arrived && !orphaned {
            return Ok(None);
        }
        let place = self.place()?;
        Ok(Some(match place.order() {
            Order::Quick => "quick",
            Order::Drain => "drain",
            _ if orphaned => "drain",
            Order::Retire => "retire",
            // Not from the supervisor, which may yet hear it, too, and have an order of its own. Nobody is to miss this
            // worker: it serves until another has taken its place, and is told then.
            Order::None if place.was_ready() => {
                if place.ask_replacement(Why::Asked) {
                    self.ring();
                }
                return Ok(None);
            }
            // It has nothing to finish.
            Order::None => "retire",
        }))
    }

    /// Watches for orders.
    fn __enter__(this: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        let (signals, writer) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let reactor = Reactor::new()?;
        reactor.add_stream(&signals, SIGNAL)?;
        reactor.add_stream(&this.ties.lifeline, LIFELINE)?;
        let early = writer.try_clone()?;
        // What the application has set meanwhile is put aside.
        let registered = vec![signal_hook::low_level::pipe::register(SIGTERM, writer)?];
        for signal in [SIGTERM, SIGUSR1] {
            install(signal)?;
        }
        // The order may have come before anybody watched. From now on its signal would be seen.
        if this.place()?.order() != Order::None {
            (&early).write_all(&[0])?;
        }
        *this.watching.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Watching { reactor, signals, registered });
        Ok(this)
    }

    /// Watches no more. SIGTERM does nothing then: the worker is about to end.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(watching) = watching {
            watching.registered.into_iter().for_each(|id| {
                signal_hook::low_level::unregister(id);
            });
        }
    }
}

/// Names the process for `ps` and `top`: 15 bytes at most.
#[pyfunction]
pub fn name_process(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        // Only a name: failure is no matter.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Has the many descriptors of a busy server cost no pause ([`yett_net::descriptors`]). To be called while the process has
/// one thread.
#[pyfunction]
pub fn make_room_for_descriptors() {
    yett_net::descriptors::make_room();
}

/// Has the process get SIGTERM when its parent ends, which must be the supervisor: it may be importing, and look at nothing.
/// Does nothing but on Linux. To be called when the process is the user that it is to be: a change ends it.
#[pyfunction]
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        // Failure: once it serves it notices by itself.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    }
}
