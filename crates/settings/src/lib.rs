//! One registry of settings, and everything that is made from it: command line, environment variables, files,
//! help, the reference page, and `yett.run(…, name=value)` from Python.
//!
//! | file             | what it holds                                                             |
//! |------------------|---------------------------------------------------------------------------|
//! | `registry`       | the table: one row per setting, and the struct of their values            |
//! | `settings`       | reading and writing the values by name                                    |
//! | `kind`           | what types of setting there are, and how text becomes each of them        |
//! | `choices`        | the closed sets of words: event loop, interface, log level, …             |
//! | `bind`           | where to listen                                                           |
//! | `log_target`     | where a log goes                                                          |
//! | `access_format`  | what the access log says                                                  |
//! | `trusted`        | which proxies are believed, and what                                      |
//! | `text`           | rules of other settings that are text                                     |
//! | `units`          | durations and sizes as people write them                                  |
//! | `scalars`        | truth values, whole numbers and file modes as people write them           |
//! | `options`        | the `clap` command made from the table, with its help                     |
//! | `command_line`   | what a command line means                                                 |
//! | `development`    | what `yett dev` makes of the settings                                     |
//! | `layers`         | what options, variables and files say, and what it comes to               |
//! | `effective`      | what it comes to, for `yett config`                                       |
//! | `mistake`        | what is wrong with it, and how a person is told                           |
//! | `nearest`        | "did you mean …?"                                                         |
//! | `reference`      | `docs/settings.md`                                                        |
//! | `elsewhere`      | options of other servers that no setting corresponds to, and why          |
//! | `coming_from`    | `docs/coming-from.md`                                                     |

#![forbid(unsafe_code)]

mod access_format;
mod bind;
mod choices;
mod coming_from;
mod command_line;
mod development;
mod effective;
mod elsewhere;
mod kind;
mod layers;
mod log_target;
mod mistake;
mod nearest;
mod options;
mod reference;
mod registry;
mod scalars;
mod settings;
mod text;
mod trusted;
mod units;

pub use access_format::{AccessFormat, Atom, Piece};
pub use bind::{Bind, Listen};
pub use choices::{Interface, Lifespan, LogFormat, LogLevel, LoopKind, SyslogFacility, UnderscoreHeaders};
pub use coming_from::coming_from;
pub use command_line::{Command, Invocation, Outcome, Sources, config_file, exit_code, parse};
pub use elsewhere::{Peer, Unmatched};
pub use kind::{BUFFER_MAX, Kind, Off, Value, Zero};
pub use layers::environment::warnings as environment_warnings;
pub use layers::files::FileValues;
pub use layers::{Effective, Origin, Origins};
pub use log_target::{LogKind, LogTarget, SyslogAddress};
pub use nearest::nearest;
pub use options::{USAGE, command};
pub use reference::reference;
pub use registry::{Equivalents, SETTINGS, Section, Setting, Settings};
pub use settings::SettingError;
pub use trusted::{ALL_FORWARDED_HEADERS, FORWARDED_HEADERS, Trusted};
pub use units::{FOREVER, LONGEST};
