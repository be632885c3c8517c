//! systemd as Python sees it: what it is told, and what it passes on. The protocols: `yett_supervisor::systemd`.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::sync::Arc;

use pyo3::prelude::*;
use yett_supervisor::systemd;

/// The variables of the environment that systemd sets for us.
#[pyfunction]
pub fn systemd_variables() -> &'static [&'static str] {
    systemd::VARIABLES
}

/// The descriptors of the sockets that are passed to this process; empty if none are.
#[pyfunction]
pub fn passed_sockets() -> Vec<RawFd> {
    systemd::passed_sockets(&variable, std::process::id())
}

/// The way to the service manager.
#[pyclass(frozen, module = "yett._core")]
pub struct Notifier {
    pub inner: Arc<systemd::Notifier>,
}

#[pymethods]
impl Notifier {
    /// The one that the environment names; None if nobody wants to be told.
    ///
    /// # Errors
    /// `OSError`: what the environment names is no unix socket, or the system gives none.
    #[staticmethod]
    fn of_process() -> PyResult<Option<Self>> {
        let found = systemd::Notifier::new(&variable, std::process::id())?;
        Ok(found.map(|inner| Self { inner: Arc::new(inner) }))
    }

    /// Requests are answered. As the others, `OSError` if the manager cannot be reached.
    fn ready(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        Ok(py.detach(|| self.inner.ready(status))?)
    }

    /// A reload begins.
    fn reloading(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        Ok(py.detach(|| self.inner.reloading(status))?)
    }

    /// The end begins.
    fn stopping(&self, py: Python<'_>, status: &str) -> PyResult<()> {
        Ok(py.detach(|| self.inner.stopping(status))?)
    }

    /// Another process is the main one.
    fn main_pid(&self, py: Python<'_>, pid: u32) -> PyResult<()> {
        Ok(py.detach(|| self.inner.main_pid(pid))?)
    }

    /// A sign of life.
    fn watchdog(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.inner.watchdog())?)
    }

    /// Seconds between two signs of life, if any are wanted.
    #[getter]
    fn watchdog_interval(&self) -> Option<f64> {
        self.inner.watchdog_interval().map(|interval| interval.as_secs_f64())
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
