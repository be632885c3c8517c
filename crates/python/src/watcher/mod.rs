//! Files that change while somebody develops: what `yett dev` waits for.
//!
//! | question | file |
//! |---|---|
//! | How does Python learn of changes? | here |
//! | Which folders are watched, and which files count? | `tree` |
//! | When have changes come to rest? | `quiet` |
//! | Who waits for the system's events? | `thread` |

mod quiet;
mod thread;
mod tree;

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use thread::{News, Watched};
use tree::{Patterns, Tree};

/// What has changed since somebody asked.
type Changes = Arc<Mutex<BTreeSet<PathBuf>>>;

/// Watches folders, with all in them, while it lives. A thread of its own waits for the system; in a child that is
/// forked there is none, and nothing happens.
#[pyclass(frozen, module = "yett._core")]
pub struct Watcher {
    reader: Mutex<UnixStream>,
    changes: Changes,
    thread: Mutex<Sender<News>>,
    folders: usize,
    complete: bool,
}

#[pymethods]
impl Watcher {
    /// Watches `folders`. A file counts if one of the patterns `include` fits it, none of `exclude` does, and no
    /// `.gitignore` names it; patterns are written as in `.gitignore`. Changes are told when for `quiet` seconds there
    /// was no other, but not later than `latest` seconds after the first.
    ///
    /// Raises `ValueError` for a pattern that is none, `OSError` if the system lets nobody watch.
    #[new]
    #[pyo3(signature = (folders, include, exclude, *, quiet = 0.1, latest = 1.0))]
    fn new(
        py: Python<'_>,
        folders: Vec<PathBuf>,
        include: Vec<String>,
        exclude: Vec<String>,
        quiet: f64,
        latest: f64,
    ) -> PyResult<Self> {
        let seconds = |value: f64| {
            Duration::try_from_secs_f64(value).map_err(|error| PyValueError::new_err(error.to_string()))
        };
        let times = (seconds(quiet)?, seconds(latest)?);
        let folders = folders.into_iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
        let patterns = |lines| Patterns::new(lines).map_err(PyValueError::new_err);
        let tree = Tree::new(folders, &patterns(include)?, &patterns(exclude)?);
        let (reader, bell) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let changes = Changes::default();
        // Without the interpreter's lock: a large tree takes its time.
        let started = py.detach(|| thread::start(tree, times, Arc::clone(&changes), bell));
        let Watched { thread, folders, complete } = started.map_err(|error| cannot_watch(&error))?;
        Ok(Self { reader: Mutex::new(reader), changes, thread: Mutex::new(thread), folders, complete })
    }

    /// Becomes readable when something has changed.
    fn fileno(&self) -> i32 {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).as_raw_fd()
    }

    /// The files that have changed since this was called last, sorted; a folder stands for all that is in it.
    fn read(&self) -> Vec<PathBuf> {
        // The bell first: what is noted after this rings it again.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        while matches!(reader.read(&mut [0u8; 64]), Ok(1..)) {}
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *changes).into_iter().collect()
    }

    /// How many folders were found at the start.
    #[getter]
    fn folders(&self) -> usize {
        self.folders
    }

    /// Whether that is all of them, and not only as many as are watched at most.
    #[getter]
    fn complete(&self) -> bool {
        self.complete
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Not waited for: in a forked child there is nobody to wait for. Failure: the thread has ended already.
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = thread.send(News::Stop);
    }
}

fn cannot_watch(error: &notify::Error) -> PyErr {
    let text = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => "the system lets nobody watch more folders".to_owned(),
        _ => error.to_string(),
    };
    let number = match &error.kind {
        notify::ErrorKind::Io(error) => error.raw_os_error(),
        _ => None,
    };
    PyOSError::new_err((number, format!("files cannot be watched: {text}")))
}
