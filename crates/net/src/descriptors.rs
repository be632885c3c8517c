//! Room for the descriptors of many connections.
//!
//! Linux keeps a process's descriptors in a table that begins with 64 places and is doubled when it is full. If the process
//! has several threads, whoever doubles it waits until no processor can still be reading the old one: 5 to 20 ms, in the
//! middle of an `accept`. A whole event loop would stand still for so long, or a crew of threads would let in one after
//! the other, for it seems that those at work are held up. So the table is made large once, by a process that still has a
//! single thread and need not wait. It never gets smaller; a forked child has one of its own, which begins small.

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};

/// Descriptors that there is room for: 32 KiB of the kernel's memory. Beyond, each doubling costs its pause.
const PLACES: u64 = 4096;

/// Makes room for as many descriptors as a busy server needs, if the limit on open files allows that. To be called early,
/// by each process that serves.
pub fn make_room() {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(PLACES).min(PLACES);
    if let Some(last) = most.checked_sub(1).and_then(|last| i32::try_from(last).ok()) {
        // A descriptor up there is all it takes. One of our own: closing a copy of another would give back the record locks
        // that this process has on that file (fcntl_locking(2)). Failure: the table grows when it is needed.
        let _ = std::io::pipe().map(|(end, _)| fcntl_dupfd_cloexec(end, last));
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Places in the table of this process (proc_pid_status(5)).
    fn places() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        size.trim().parse().unwrap()
    }

    #[test]
    fn the_table_is_large_and_what_made_it_so_is_closed() {
        make_room();
        let most = getrlimit(Resource::Nofile).current.unwrap_or(PLACES).min(PLACES);
        assert!(places() >= most);
        assert!(!std::fs::exists(format!("/proc/self/fd/{}", most - 1)).unwrap());
    }
}
