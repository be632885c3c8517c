//! The process that looks after the workers: it starts, watches, replaces, reloads and stops them, and never runs
//! application code itself.
//!
//! | question | file |
//! |---|---|
//! | What is to be done next? | [`state`]: a machine without processes, clock or signals |

#![warn(missing_docs)]

pub mod state;
