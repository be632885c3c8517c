//! The signals of the supervisor, as something to wait for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::state::Signal;

/// What is watched: what people send, and that a child has ended.
pub const WATCHED: [i32; 10] =
    [SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH];

/// The signals that have come, from now until it is dropped. Several of a kind may count as one, as in the system.
#[derive(Debug)]
pub struct Signals(SignalDelivery<UnixStream, SignalOnly>);

/// What a signal means to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// One or more children may have ended.
    Child,
    /// Somebody has sent it.
    Sent(Signal),
}

impl Signals {
    /// # Errors
    /// The system refuses descriptors.
    pub fn watch() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        SignalDelivery::with_pipe(reader, writer, SignalOnly, WATCHED).map(Self)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }

    /// Takes what has arrived.
    pub(super) fn take(&mut self) -> Vec<Arrived> {
        self.0.pending().filter_map(meaning).collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.handle().close();
    }
}

fn meaning(signal: i32) -> Option<Arrived> {
    Some(Arrived::Sent(match signal {
        SIGCHLD => return Some(Arrived::Child),
        SIGTERM => Signal::Term,
        SIGINT => Signal::Int,
        SIGQUIT => Signal::Quit,
        SIGHUP => Signal::Hup,
        SIGUSR1 => Signal::Usr1,
        SIGUSR2 => Signal::Usr2,
        SIGTTIN => Signal::Ttin,
        SIGTTOU => Signal::Ttou,
        SIGWINCH => Signal::Winch,
        _ => return None,
    }))
}
