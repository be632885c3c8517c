//! Children that have ended, and what can be sent to those that have not.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::state::Exit;

/// Has orphans of this process's descendants become its children, so that workers that a zygote has forked, and what
/// applications leave behind, are reaped here.
///
/// # Errors
/// The system cannot do that.
#[cfg(target_os = "linux")]
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// # Errors
/// Always: only Linux can do that.
#[cfg(not(target_os = "linux"))]
pub fn adopt_orphans() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A child that has ended and that nobody has asked about yet.
pub(super) fn reap() -> Option<(i32, Exit)> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(exit) = meaning(status) {
                    return Some((pid.as_raw_nonzero().get(), exit));
                }
                // Stopped or continued, which was not asked for.
            }
            // None has ended, or there are none at all.
            Ok(None) | Err(_) => return None,
        }
    }
}

fn meaning(status: WaitStatus) -> Option<Exit> {
    if let Some(code) = status.exit_status() {
        return Some(Exit::Code(code));
    }
    status.terminating_signal().map(|number| Exit::Signal { number, core: status.as_raw() & 0x80 != 0 })
}

/// Sends a signal. A process that has ended, but was not reaped, takes it and nothing happens.
pub(super) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It has just ended: which is seen when it is reaped.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Bytes of memory that a process has for itself or shares: what `ps` calls RSS. None if it has ended, or the system
/// does not tell.
pub(super) fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}
