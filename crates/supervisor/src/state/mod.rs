//! What the supervisor does next: a state machine without processes, clock or signals. It is told events and the time, and
//! answers with actions, which `process` carries out.
//!
//! | question | file |
//! |---|---|
//! | What does it want to know beforehand? | [`config`] |
//! | What can happen? | [`event`] |
//! | What can it ask for? | [`action`] |
//! | What does it remember, and what does it do with an event? | [`machine`] |
//! | What is remembered of a worker; when is it tried again? | `worker` |
//! | What if a worker is forked, ready, dead? | `children` |
//! | Which seats need a worker, and which workers are superfluous? | `seats` |
//! | When is a worker replaced that has reached a limit, or is stuck? | `recycling` |
//! | How does new code come in, and what if it does not start? | `reload` |
//! | Which zygotes are needed? | `zygotes` |
//! | How does it end, and for whom does it make way? | `stopping` |
//! | What is said when workers keep dying? | `crashes` |
//! | How is it said? | `words` |
//!
//! Words: a **seat** is a place for one worker, 0 to N-1. A worker that is to be replaced and its replacement have the same
//! seat for a while; back-off belongs to the seat. A **generation** is increased by each reload.
//!
//! # How it thinks
//!
//! An event only changes what is remembered. After each one the machine compares that with what there is to be
//! ([`Machine::handle`]): deadlines that have passed, the reload's next step, seats that are empty, workers of which there are
//! two in a seat, zygotes that nobody needs. So it does not matter in which order things happen, and whatever fails is
//! tried again by the same lines that tried it first. Time alone makes something necessary only at the moments that
//! [`Machine::next_timeout`] names.

pub mod action;
mod children;
pub mod config;
mod crashes;
pub mod event;
pub mod machine;
mod recycling;
mod reload;
mod seats;
mod stopping;
mod words;
mod worker;
mod zygotes;

pub use action::{Action, Order};
pub use config::Config;
pub use event::{Event, Exit, Signal};
pub use machine::Machine;

pub use crate::scoreboard::Why;

/// A time, in milliseconds since some moment in the past (the same for all), or a span of time.
pub type Millis = u64;

/// One worker: unique as long as the supervisor lives, and increasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);
