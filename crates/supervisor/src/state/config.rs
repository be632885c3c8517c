//! What the machine wants to know beforehand.

use super::Millis;

/// What the settings say, as far as it decides what the supervisor does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many workers there are to be; 0 is taken for 1.
    pub workers: u32,
    /// How many workers there may be at most when SIGTTIN asks for one more. Replacements come on top of it.
    pub most_workers: u32,
    /// Workers are forked from a zygote, which has imported the application. A reload cannot change it.
    pub preload: bool,
    /// How many workers a reload starts at a time once its first one is ready: the usable processors. 0 is taken for 1.
    pub surge: u32,
    /// How long a worker, or a zygote, may take until it is ready.
    pub startup_timeout: Millis,
    /// How long workers go on accepting after SIGTERM.
    pub drain_delay: Millis,
    /// How long running requests may take to finish.
    pub graceful_timeout: Millis,
    /// How long streaming responses and WebSockets may go on beyond that in a worker that is replaced.
    pub stream_drain_timeout: Millis,
    /// A worker that has been ready for so long is replaced.
    pub worker_lifetime: Option<Millis>,
    /// Up to so much is added to the lifetime, for each worker anew, so that they do not all end together.
    pub worker_lifetime_jitter: Millis,
    /// Where the random numbers for that begin.
    pub seed: u64,
}

impl Default for Config {
    /// One worker, and the documented defaults of the settings.
    fn default() -> Self {
        Self {
            workers: 1,
            most_workers: 256,
            preload: false,
            surge: 1,
            startup_timeout: 60_000,
            drain_delay: 0,
            graceful_timeout: 30_000,
            stream_drain_timeout: 300_000,
            worker_lifetime: None,
            worker_lifetime_jitter: 0,
            seed: 0,
        }
    }
}
