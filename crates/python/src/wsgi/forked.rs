//! A child that the application forks has the server's descriptors, but is no server: it must not answer the request
//! that its parent is answering.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;

/// How many forks lie between this process and the first one.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// The exit code of a child that comes back into its parent's server (sysexits.h: EX_SOFTWARE).
const STRAY_CHILD: i32 = 70;

const COMPLAINT: &str = "yett: a forked child came back from the application into the server, and is ended: it must call \
                         os._exit(), or exec\n";

/// To be called in every child that is forked.
#[pyfunction]
pub fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// In which process this is.
pub fn generation() -> usize {
    FORKS.load(Ordering::Relaxed)
}

/// Ends this process if it is not the one in which the server was made. With the interpreter's lock.
pub fn end_stray_child(made_in: usize) {
    if generation() == made_in {
        return;
    }
    // No log: another thread may have held its lock when the child was forked. And nothing of the parent's is run on the
    // way out.
    Python::attach(|py| {
        let ended = py.import("os").and_then(|os| {
            os.call_method1("write", (2, COMPLAINT.as_bytes()))?;
            os.call_method1("_exit", (STRAY_CHILD,))
        });
        drop(ended);
    });
    std::process::abort();
}
