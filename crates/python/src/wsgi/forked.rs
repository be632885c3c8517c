//! A child that the application forks has the server's descriptors, but is no server: it must not answer the request
//! that its parent is answering.

use pyo3::prelude::*;
use yett_logs::writer;

/// The exit code of a child that comes back into its parent's server (sysexits.h: EX_SOFTWARE).
const STRAY_CHILD: i32 = 70;

const COMPLAINT: &str = "yett: a forked child came back from the application into the server, and is ended: it must call \
                         os._exit(), or exec\n";

/// In which process this is.
pub fn generation() -> usize {
    writer::forks()
}

/// Ends this process if it is not the one in which the server was made. With the interpreter's lock.
pub fn end_stray_child(made_in: usize) {
    if generation() == made_in {
        return;
    }
    // No log: nobody would wait until it is written. And nothing of the parent's is run on the
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
