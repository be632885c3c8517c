//! The process that looks after the workers: it starts, watches, replaces, reloads and stops them, and never runs
//! application code itself. This crate knows neither sockets of clients nor Python.
//!
//! | question | file |
//! |---|---|
//! | What is to be done next? | [`state`]: a machine without processes, clock or signals |
//! | How is it waited for, and done? | [`process`] |
//! | When is something stuck, and what is due then? | [`stuck`] |
//! | What do supervisor and workers see of each other, without a message? | [`scoreboard`] |
//! | How many CPUs may be used? | [`cpus`] |
//! | Was a process killed for want of memory? What limits are there? | [`cgroup`] |
//! | What is systemd told, and which sockets has it passed on? | [`systemd`] |

#![warn(missing_docs)]

pub mod cgroup;
pub mod cpus;
pub mod process;
pub mod scoreboard;
pub mod state;
pub mod stuck;
pub mod systemd;
