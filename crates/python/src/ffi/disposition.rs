//! What the system does when a signal comes: read, and put back later.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;

/// What is done at one signal.
#[derive(Clone, Copy)]
pub struct Disposition(libc::sigaction);

impl Disposition {
    /// The one of `signal`.
    ///
    /// # Errors
    /// There is no such signal.
    pub fn of(signal: i32) -> io::Result<Self> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: without a new action nothing is changed, and the old one is written to memory of its size.
        let result = unsafe { libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) };
        if result == 0 {
            // SAFETY: the call has succeeded, and so has written it.
            Ok(Self(unsafe { now.assume_init() }))
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// What the system does by itself.
    pub fn default_action() -> Self {
        // SAFETY: a structure of numbers, an address of code that may be absent, and a set of signals: all zeros are
        // `SIG_DFL`, no flags, and the empty set.
        Self(unsafe { MaybeUninit::zeroed().assume_init() })
    }

    /// Whether the same code is called.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.sa_sigaction == other.0.sa_sigaction
    }

    /// Whether nobody has chosen it: what the system does by itself.
    pub fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    /// Has it done at `signal`, of which it was read.
    ///
    /// # Errors
    /// It is a signal of which that cannot be decided.
    pub fn set(&self, signal: i32) -> io::Result<()> {
        // SAFETY: the action comes from the system, and its handler is code of this process, which is never unloaded.
        let result = unsafe { libc::sigaction(signal, &raw const self.0, ptr::null_mut()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Has `signal` set `asked`, or end the process with `exit_code` at once if it is set already. Both are one step: two
/// signals may come to two threads at the same moment.
///
/// # Errors
/// It is a signal for which nothing can be registered, or the system refuses.
pub fn exit_at_second(signal: i32, asked: &Arc<AtomicBool>, exit_code: i32) -> io::Result<SigId> {
    let asked = Arc::clone(asked);
    let act = move || {
        if asked.swap(true, Ordering::SeqCst) {
            signal_hook::low_level::exit(exit_code);
        }
    };
    // SAFETY: what is done in the handler is safe there: an atomic, and `_exit`, which runs nothing of the process. The
    // flag was made before and is not freed there (`unregister` is called elsewhere).
    unsafe { signal_hook::low_level::register(signal, act) }
}
