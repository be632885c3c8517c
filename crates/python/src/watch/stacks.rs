//! Where the threads are while somebody holds the interpreter's lock and Python code cannot be asked.
//!
//! `faulthandler` writes the stacks of all threads without the lock, from a signal handler. It reads what the threads
//! change while they run; but nobody runs Python code while the lock cannot be had, and only then it is used. The signal is
//! sent by the thread `yett-watch` to itself, so that no system call of the application is interrupted, and its handler has
//! run when sending returns.

use std::fs::File;
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use crate::ffi::{Disposition, raise_signal, spare_signals};
use crate::log;

/// More is not read back: a hundred threads with a hundred frames each, as faulthandler's own limits are.
const LARGEST: usize = 1024 * 1024;

/// One for all servers of this process.
static SHARED: Mutex<Weak<Stacks>> = Mutex::new(Weak::new());

/// A signal at which faulthandler writes the stacks into a file of ours.
pub struct Stacks {
    signal: i32,
    file: Mutex<File>,
    machinery: Vec<String>,
}

impl Stacks {
    /// The one of this process. `None`: it cannot be had, which is logged.
    pub fn share(py: Python<'_>) -> Option<Arc<Self>> {
        // Attached: Python code below may let another thread in, which must not wait here with the interpreter's lock.
        let mut shared = SHARED.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if let Some(stacks) = shared.upgrade() {
            return Some(stacks);
        }
        match Self::register(py) {
            Ok(stacks) => {
                let stacks = stacks.map(Arc::new);
                *shared = stacks.as_ref().map_or_else(Weak::new, Arc::downgrade);
                stacks
            }
            Err(error) => {
                log::warning(&format!("stacks cannot be shown while somebody holds the GIL: {error}"));
                None
            }
        }
    }

    /// `None`: the application has handlers for all signals that could be used.
    fn register(py: Python<'_>) -> PyResult<Option<Self>> {
        // Only one that nobody has a handler for: those of the application, and its own faulthandler, are left alone.
        let is_free = |signal: &i32| Disposition::of(*signal).is_ok_and(|now| now.is_default());
        let Some(signal) = spare_signals().find(is_free) else { return Ok(None) };
        let file = scratch_file()?;
        let keywords = PyDict::new(py);
        keywords.set_item("file", file.as_raw_fd())?;
        keywords.set_item("all_threads", true)?;
        py.import("faulthandler")?.call_method("register", (signal,), Some(&keywords))?;
        let machinery = py.import("yett.watch")?.getattr("MACHINERY")?.extract()?;
        Ok(Some(Self { signal, file: Mutex::new(file), machinery }))
    }

    /// Files, and folders that end with a slash, whose frames are not the application's.
    pub fn machinery(&self) -> &[String] {
        &self.machinery
    }

    /// The stacks of all threads now, as faulthandler writes them. By a thread that does not block the signal.
    pub fn take(&self) -> io::Result<String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has put the default back would have the process ended by it.
        if Disposition::of(self.signal)?.is_default() {
            return Err(io::Error::other("faulthandler was unregistered"));
        }
        file.set_len(0)?;
        file.rewind()?;
        raise_signal(self.signal)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(LARGEST).min(LARGEST);
        let mut text = vec![0; length];
        file.read_exact_at(&mut text, 0)?;
        if text.is_empty() {
            return Err(io::Error::other("the application has had a signal blocked"));
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// A server needs it no more; the last one takes the handler away.
    pub fn give_back(self: Arc<Self>, py: Python<'_>) {
        let _shared = SHARED.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if let Some(stacks) = Arc::into_inner(self) {
            // Failure: it was taken away before.
            let _ = py
                .import("faulthandler")
                .and_then(|module| module.call_method1("unregister", (stacks.signal,)));
        }
    }
}

/// A file in memory, which the signal handler can fill without waiting for anybody, as it would for the reader of a pipe.
#[cfg(target_os = "linux")]
fn scratch_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("yett-stacks", MemfdFlags::CLOEXEC)?))
}

/// A file without a name.
#[cfg(not(target_os = "linux"))]
fn scratch_file() -> io::Result<File> {
    yett_net::spool::temporary_file()
}
