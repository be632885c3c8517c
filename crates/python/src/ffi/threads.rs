//! Exceptions that one thread raises in another, and signals that a thread sends to itself.

use std::io;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The number by which Python knows the calling thread (`threading.get_ident`).
pub fn thread_ident(_py: Python<'_>) -> u64 {
    // SAFETY: asks the system for the number of the calling thread; attached, as the interpreter wants it.
    let ident = unsafe { ffi::PyThread_get_thread_ident() };
    #[allow(clippy::useless_conversion)] // `c_ulong` is narrower elsewhere
    u64::from(ident)
}

/// Has `class` raised in the thread `ident`, at the next step of its Python code; `None` takes back what was not raised
/// yet. Whether there is such a thread.
pub fn raise_in_thread(_py: Python<'_>, ident: u64, class: Option<&Bound<'_, PyType>>) -> bool {
    #[allow(clippy::cast_possible_wrap)] // the interpreter takes it back into an unsigned number
    let ident = ident as libc::c_long;
    // SAFETY: attached; the class is alive, and the interpreter takes a reference of its own; NULL takes back.
    unsafe { ffi::PyThreadState_SetAsyncExc(ident, class.map_or(ptr::null_mut(), Bound::as_ptr)) > 0 }
}

/// Sends `signal` to the calling thread, and to no other. Its handler has run when this returns, unless the thread blocks
/// the signal.
///
/// # Errors
/// There is no such signal.
pub fn raise_signal(signal: i32) -> io::Result<()> {
    // SAFETY: a system call with a number.
    if unsafe { libc::raise(signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The signals that are free for us, the first choice first, if nobody has a handler for them: those of real time from the
/// top. No system and no library sends them by itself, and who asks for one begins at the other end (`SIGRTMIN`), as
/// glibc and the thread libraries do.
#[cfg(target_os = "linux")]
pub fn spare_signals() -> impl Iterator<Item = i32> {
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev()
}

/// The signals that are free for us: where there are none of real time, the one that only an interval timer sends which
/// counts the process's own processor time.
#[cfg(not(target_os = "linux"))]
pub fn spare_signals() -> impl Iterator<Item = i32> {
    std::iter::once(libc::SIGVTALRM)
}
