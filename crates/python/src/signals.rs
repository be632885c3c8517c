//! Signals: the first asks for an end (SIGTERM for an orderly one, SIGINT for a quick one), the second ends the process at
//! once.
//!
//! Both act in the signal handler itself (an atomic and a write to a pipe), so that they work while the application
//! holds the GIL in C code and no Python handler could run.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use yett_logs::writer::{self, Reopening};

use crate::ffi::{Disposition, exit_at_second};

/// What the system does at each signal once signal-hook has it.
static INSTALLED: Mutex<Vec<(i32, Disposition)>> = Mutex::new(Vec::new());

/// Has signal-hook called for `signal`, for which something is registered. It sets its handler the first time only, and
/// since then Python's may have been put back.
pub fn install(signal: i32) -> std::io::Result<()> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, disposition)) = installed.iter().find(|(known, _)| *known == signal) {
        return disposition.set(signal);
    }
    installed.push((signal, Disposition::of(signal)?));
    Ok(())
}

/// In a child that the application has forked: our handlers, which would answer in its parent's place, are gone. What the
/// application has chosen itself stays. To be called by its only thread.
#[pyfunction]
pub fn leave_signals() {
    // Held, by a thread that is not here, if the parent was just installing one.
    let Ok(installed) = INSTALLED.try_lock() else { return };
    // The list stays: should the child itself serve, `install` puts the handlers back.
    for (signal, ours) in installed.iter() {
        if Disposition::of(*signal).is_ok_and(|now| now.is_same(ours)) {
            // Cannot fail: we were allowed to choose before.
            let _ = Disposition::default_action().set(*signal);
        }
    }
}

/// Watches SIGINT and SIGTERM while it lives, and has SIGUSR1 reopen the logs.
#[pyclass(frozen, module = "yett._core")]
pub struct StopSignals {
    reader: Mutex<UnixStream>,
    /// SIGINT has arrived.
    interrupted: Arc<AtomicBool>,
    registered: Mutex<Vec<SigId>>,
    /// SIGUSR1 reopens the logs.
    reopening: Mutex<Option<Reopening>>,
}

#[pymethods]
impl StopSignals {
    #[new]
    fn new() -> PyResult<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let asked = Arc::new(AtomicBool::new(false));
        let mut registered = Vec::new();
        let interrupted = Arc::new(AtomicBool::new(false));
        registered.push(signal_hook::flag::register(SIGINT, Arc::clone(&interrupted))?);
        for signal in [SIGINT, SIGTERM] {
            registered.push(exit_at_second(signal, &asked, 128 + signal)?);
            registered.push(signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?);
        }
        let reopening = writer::reopen_on(SIGUSR1)?;
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            install(signal)?;
        }
        Ok(Self {
            reader: Mutex::new(reader),
            interrupted,
            registered: Mutex::new(registered),
            reopening: Mutex::new(Some(reopening)),
        })
    }

    /// Becomes readable when a signal has arrived.
    fn fileno(&self) -> i32 {
        self.reader.lock().map_or(-1, |reader| reader.as_raw_fd())
    }

    /// What has been asked for, if anything has: `drain` or `quick`.
    fn read(&self) -> Option<&'static str> {
        let mut arrived = false;
        if let Ok(mut reader) = self.reader.lock() {
            // One byte for each signal; would-block says that there is no more.
            while matches!(reader.read(&mut [0u8; 16]), Ok(1..)) {
                arrived = true;
            }
        }
        match (arrived, self.interrupted.load(Ordering::Relaxed)) {
            (false, _) => None,
            (true, true) => Some("quick"),
            (true, false) => Some("drain"),
        }
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// Stops watching.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, _exception: &Bound<'_, PyTuple>) {
        if let Ok(mut registered) = self.registered.lock() {
            registered.drain(..).for_each(|id| {
                signal_hook::low_level::unregister(id);
            });
        }
        if let Ok(mut reopening) = self.reopening.lock() {
            reopening.take();
        }
    }
}
