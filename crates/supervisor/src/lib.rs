//! The process that looks after the workers: it starts, watches, replaces, reloads and stops them, and never runs
//! application code itself. This crate knows neither sockets of clients nor Python.
//!
//! | question | file |
//! |---|---|
//! | What is to be done next? | [`state`]: a machine without processes, clock or signals |
//! | What do supervisor and workers see of each other, without a message? | [`scoreboard`] |

#![warn(missing_docs)]

pub mod scoreboard;
pub mod state;
