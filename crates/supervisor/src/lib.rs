//! Looking after the workers: what is to be done, and what all processes see of each other.
//!
//! | question | file |
//! |---|---|
//! | What do supervisor and workers see of each other, without a message? | [`scoreboard`] |
//!
//! This crate knows neither sockets of clients nor Python.

#![warn(missing_docs)]

pub mod scoreboard;
