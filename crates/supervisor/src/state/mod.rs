//! What the supervisor does next: a state machine without processes, clock or signals. It is told events and the time, and
//! answers with actions, which `process` carries out.
//!
//! | question | file |
//! |---|---|
//! | What does it want to know beforehand? | [`config`] |
//! | What can happen? | [`event`] |
//! | What can it ask for? | [`action`] |
//!
//! Words: a **seat** is a place for one worker, 0 to N-1. A worker that is to be replaced and its replacement have the same
//! seat for a while; back-off belongs to the seat. A **generation** is increased by each reload.

pub mod action;
pub mod config;
pub mod event;

pub use action::{Action, Order};
pub use config::Config;
pub use event::{Event, Exit, Signal, Why};

/// A time, in milliseconds since some moment in the past (the same for all), or a span of time.
pub type Millis = u64;

/// One worker: unique as long as the supervisor lives, and increasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);
