//! What the machine asks for.

use yett_settings::LogLevel;

use super::WorkerId;

/// What is to be done. The actions of one event are carried out in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Fork a worker. With preload the zygote of this generation does it, which is ready then. Answered by
    /// [`Event::Forked`](super::Event::Forked) or [`Event::ForkFailed`](super::Event::ForkFailed).
    Fork {
        /// The name of the worker from now on.
        worker: WorkerId,
        /// The seat that it takes; another worker may still have it.
        seat: u32,
        /// Its generation.
        generation: u32,
    },
    /// Fork a process that imports the application. Answered by [`Event::ZygoteForked`](super::Event::ZygoteForked) or
    /// [`Event::ZygoteFailed`](super::Event::ZygoteFailed).
    StartZygote {
        /// The generation that it imports.
        generation: u32,
    },
    /// The zygote will not be needed any more. It may stay until the workers that it has forked have ended; two seconds
    /// after that it is killed.
    StopZygote {
        /// Its generation.
        generation: u32,
    },
    /// Kill the zygote. The workers that it has forked go on.
    KillZygote {
        /// Its generation.
        generation: u32,
    },
    /// Tell a worker something.
    Order {
        /// Which one. It is a process.
        worker: WorkerId,
        /// What it is told.
        order: Order,
    },
    /// Read the settings again. Answered by [`Event::Configured`](super::Event::Configured) or
    /// [`Event::ConfigurationFailed`](super::Event::ConfigurationFailed).
    ReadSettings,
    /// Reopen the logs, our own and those of all workers.
    ReopenLogs,
    /// Start a new supervisor from the program as it is on disk now, which inherits the listeners.
    SpawnSuccessor,
    /// SIGTTIN or SIGTTOU has changed how many workers there are to be: call the hook.
    WorkerCount(u32),
    /// Write a line into the error log.
    Log(LogLevel, String),
    /// All workers are ready for the first time: say so, tell systemd `READY`, call the hook `when_ready`.
    Started,
    /// A reload begins: tell systemd `RELOADING`, call the hook `on_reload`. Not before [`Action::Started`].
    Reloading,
    /// A reload has ended, also one that began before [`Action::Started`]: tell systemd `READY` if it was told of the
    /// beginning, and forget what did not prove itself.
    Reloaded {
        /// It went through. Otherwise the old code keeps serving, or workers do not start with the new.
        success: bool,
    },
    /// The end begins: readiness turns false, and systemd is told `STOPPING`.
    Stopping,
    /// Close the listeners.
    CloseListeners {
        /// Remove the files of Unix sockets, too: nobody else has them.
        remove: bool,
    },
    /// The worker is no more, or has never been: its place in the scoreboard is free when what is left in it has been
    /// looked at.
    Removed {
        /// Which one.
        worker: WorkerId,
    },
    /// End the process. The last action ever.
    Exit(i32),
}

/// What a worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stop with the server: readiness is false, accepting goes on for the drain delay, then running requests finish
    /// within the graceful timeout.
    Drain,
    /// Another one has taken over: accept nothing more, running requests finish within the graceful timeout, streams
    /// and WebSockets within the longer one.
    Retire,
    /// Stop fast.
    Quick,
    /// SIGKILL.
    Kill,
}
