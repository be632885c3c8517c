//! What can happen.

use super::{Config, Why, WorkerId};

/// What the machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Listeners and logs are there: begin.
    Start,
    /// Before the start: whether another supervisor serves, which goes on if this one fails. Then the first worker that
    /// fails before all are ready ends the start. Later, with `false`: it has ended, and there is only this one.
    Predecessor {
        /// It does.
        serves: bool,
    },
    /// The answer to [`Action::Fork`](super::Action::Fork): the worker is a process now.
    Forked {
        /// The worker that was asked for.
        worker: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// The other answer: no process came of it. Also for forks that were asked of a zygote that has ended meanwhile: each
    /// fork is answered once.
    ForkFailed {
        /// The worker that was asked for.
        worker: WorkerId,
        /// What the system said.
        error: String,
    },
    /// The answer to [`Action::StartZygote`](super::Action::StartZygote): the zygote is a process now, and begins to import.
    ZygoteForked {
        /// The generation that it imports.
        generation: u32,
        /// Its process.
        pid: u32,
    },
    /// The other answer: no process came of it.
    ZygoteFailed {
        /// The generation that it was to import.
        generation: u32,
        /// What the system said.
        error: String,
    },
    /// The zygote has imported the application, and can fork.
    ZygoteReady {
        /// Its generation.
        generation: u32,
    },
    /// The worker serves.
    Ready {
        /// Which one.
        worker: WorkerId,
    },
    /// The worker has found a reason to be replaced. Telling it again does no harm.
    WantsReplacement {
        /// Which one.
        worker: WorkerId,
        /// The reason.
        why: Why,
    },
    /// Not even the worker's own watch has looked for too long: it is killed, and replaced at once.
    Frozen {
        /// Which one.
        worker: WorkerId,
    },
    /// A child has ended, and was reaped: a worker or a zygote. Processes that the machine does not know are ignored.
    Exited {
        /// The process.
        pid: u32,
        /// How it ended.
        how: Exit,
        /// The cgroup has counted a kill for want of memory in the meantime.
        oom: bool,
    },
    /// A signal came.
    Signal(Signal),
    /// New code is to be loaded, with the settings as they are.
    Reload,
    /// The answer to [`Action::ReadSettings`](super::Action::ReadSettings).
    Configured(Config),
    /// The other answer: they are wrong, and the text says how.
    ConfigurationFailed(String),
    /// The new supervisor (SIGUSR2) serves.
    SuccessorReady,
    /// The new supervisor has ended, or could not be started; the text says how.
    SuccessorEnded(String),
    /// Nothing but that time has passed.
    Timer,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number.
        number: i32,
        /// A core was dumped.
        core: bool,
    },
}

/// The signals that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stop, after running requests have finished.
    Term,
    /// Stop fast.
    Int,
    /// Stop fast.
    Quit,
    /// Reload.
    Hup,
    /// Reopen the logs.
    Usr1,
    /// Start a new supervisor, and stop when it serves.
    Usr2,
    /// One worker more.
    Ttin,
    /// One worker fewer.
    Ttou,
    /// Nothing: terminals send it when their size changes.
    Winch,
}
