//! The supervisor's state machine, as stories in virtual time (one file for each subject), and by random sequences of events.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod failing;
mod kit;
mod random;
mod recycling;
mod reloading;
mod starting;
mod stopping;
mod succeeding;
mod world;
mod zygotes;
