//! One registry of settings, and everything that is made from it: command line, environment variables, help,
//! the reference page, and `yett.run(…, name=value)` from Python.
//!
//! | file             | what it holds                                                             |
//! |------------------|---------------------------------------------------------------------------|
//! | `registry`       | the table: one row per setting                                            |
//! | `settings`       | the values: plain typed fields, and the one way of writing them           |
//! | `kind`           | what types of setting there are, and how text becomes each of them        |
//! | `choices`        | the closed sets of words: event loop, interface, log level, …             |
//! | `bind`           | where to listen                                                           |
//! | `units`          | durations and sizes as people write them                                  |
//! | `options`        | the `clap` command made from the table, with its help                     |
//! | `command_line`   | what a command line means                                                 |
//! | `environment`    | the `YETT_…` variables made from the table                                |
//! | `nearest`        | "did you mean …?"                                                         |
//! | `reference`      | `docs/settings.md`                                                        |

#![forbid(unsafe_code)]

mod bind;
mod choices;
mod command_line;
mod environment;
mod kind;
mod nearest;
mod options;
mod reference;
mod registry;
mod settings;
mod units;

pub use bind::Bind;
pub use choices::{AccessLog, Interface, Lifespan, LogLevel, LoopKind, UnderscoreHeaders};
pub use command_line::{Command, Invocation, Outcome, exit_code, parse};
pub use environment::warnings as environment_warnings;
pub use kind::Value;
pub use nearest::nearest;
pub use reference::reference;
pub use registry::{SETTINGS, Section, Setting};
pub use settings::{SettingError, Settings};
pub use units::FOREVER;
