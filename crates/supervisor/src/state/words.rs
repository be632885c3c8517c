//! How things are said in the log.

use signal_hook::low_level::signal_name;

use super::worker::Worker;
use super::{Exit, Millis, Signal};

/// `worker 3 (pid 123)`.
pub(super) fn name(worker: &Worker) -> String {
    match worker.pid {
        Some(pid) => format!("worker {} (pid {pid})", worker.id.0),
        None => format!("worker {}", worker.id.0),
    }
}

/// `was killed by signal 9 (SIGKILL)`: what follows the name of a process that has ended.
pub(super) fn ended(how: Exit, oom: bool) -> String {
    match how {
        Exit::Code(code) => format!("ended by itself with exit code {code}"),
        // Only SIGKILL can come from there; the cgroup may have counted another process.
        Exit::Signal { number: 9, .. } if oom => {
            "ran out of memory: it was killed by the kernel's OOM killer (raise the memory limit or lower --workers)"
                .to_owned()
        }
        Exit::Signal { number, core } => {
            let name = signal_name(number).map_or_else(String::new, |name| format!(" ({name})"));
            let dumped = if core { "; core dumped" } else { "" };
            format!("was killed by signal {number}{name}{dumped}")
        }
    }
}

/// The name of a signal.
pub(super) fn signal(signal: Signal) -> &'static str {
    match signal {
        Signal::Term => "SIGTERM",
        Signal::Int => "SIGINT",
        Signal::Quit => "SIGQUIT",
        Signal::Hup => "SIGHUP",
        Signal::Usr1 => "SIGUSR1",
        Signal::Usr2 => "SIGUSR2",
        Signal::Ttin => "SIGTTIN",
        Signal::Ttou => "SIGTTOU",
        Signal::Winch => "SIGWINCH",
    }
}

/// `35 s`, `0.5 s`.
pub(super) fn span(millis: Millis) -> String {
    match (millis / 1000, millis % 1000) {
        (seconds, 0) => format!("{seconds} s"),
        (seconds, rest) => format!("{seconds}.{} s", format!("{rest:03}").trim_end_matches('0')),
    }
}

/// `1 worker`, `2 workers`.
pub(super) fn workers(number: u32) -> String {
    if number == 1 { "1 worker".to_owned() } else { format!("{number} workers") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_words() {
        let killed = |number| Exit::Signal { number, core: false };
        assert_eq!(ended(Exit::Code(1), false), "ended by itself with exit code 1");
        assert_eq!(ended(killed(9), false), "was killed by signal 9 (SIGKILL)");
        assert!(ended(killed(9), true).contains("OOM killer"));
        assert_eq!(
            ended(Exit::Signal { number: 11, core: true }, true),
            "was killed by signal 11 (SIGSEGV); core dumped"
        );
        assert_eq!(ended(killed(99), false), "was killed by signal 99");
    }

    #[test]
    fn spans_and_numbers() {
        assert_eq!((span(35_000), span(500), span(1050)), ("35 s".into(), "0.5 s".into(), "1.05 s".into()));
        assert_eq!((workers(1), workers(2)), ("1 worker".into(), "2 workers".into()));
    }
}
