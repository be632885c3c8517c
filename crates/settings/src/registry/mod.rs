//! The table of settings: one row each, in the file of its section, and nothing else anywhere.
//!
//! | file          | section                                                        |
//! |---------------|----------------------------------------------------------------|
//! | `listening`   | where to listen                                                |
//! | `application` | how the application is run                                     |
//! | `logging`     | what is written down                                           |
//! | `proxies`     | what proxies in front are believed                             |
//! | `responses`   | what is added to responses                                     |
//! | `workers`     | how many processes serve, and how they share the work          |
//! | `process`     | what a server is to the system: user, directory, pid file      |
//! | `replacement` | for how long a worker serves                                   |
//! | `timeouts`    | how long to wait for whom                                      |
//! | `limits`      | how much a request may be, and a response may leave behind     |
//! | `hooks`       | what is called at the turns of a server's life                 |
//! | `development` | what only `yett dev` looks at                                  |
//!
//! A row reads `field: Type = Kind(rules) { columns }`, after the field's doc comment. The columns are the
//! fields of [`Setting`]; those that a row leaves out are as in `row`. From it come the field of
//! [`Settings`] and everything in which a user can write it. The name gives the spellings: `head_timeout` is
//! `--head-timeout`, `YETT_HEAD_TIMEOUT`, and `head_timeout` in `yett.toml` and in
//! `yett.run(app, head_timeout=…)`.
//!
//! Each file is one macro that hands its rows on to the next, because a struct cannot be written in pieces;
//! the last one, `define`, sees all of them.

use std::time::Duration;

use crate::access_format;
use crate::bind::Listen;
use crate::choices::{Interface, Lifespan, LogFormat, LogLevel, LoopKind, SyslogFacility, UnderscoreHeaders};
use crate::kind::{Field, Kind, Off, Value, Zero};
use crate::log_target::{LogKind, LogTarget};
use crate::text::{account, function, normal_root_path, not_empty, pattern};
use crate::trusted;

#[macro_use]
mod listening;
#[macro_use]
mod application;
#[macro_use]
mod logging;
#[macro_use]
mod proxies;
#[macro_use]
mod responses;
#[macro_use]
mod workers;
#[macro_use]
mod process;
#[macro_use]
mod replacement;
#[macro_use]
mod timeouts;
#[macro_use]
mod limits;
#[macro_use]
mod hooks;
#[macro_use]
mod development;

/// One setting.
pub struct Setting {
    /// Name in Python; lower case with underscores.
    pub name: &'static str,
    /// One-letter flag.
    pub short: Option<char>,
    /// Type, field and allowed values.
    pub kind: Kind,
    /// Default, as a user would write it.
    pub default: &'static str,
    /// Why this default.
    pub reason: &'static str,
    /// Group in help.
    pub section: Section,
    /// What stands for the value in help: `ADDR`, `DURATION`, …; empty for a switch, which has none.
    pub placeholder: &'static str,
    /// One line, no full stop.
    pub help: &'static str,
    /// What else there is to know: whole sentences; may be empty.
    pub details: &'static str,
    /// The version that brought it, without its last number.
    pub since: &'static str,
    /// Whether a reload (SIGHUP) changes it; otherwise it takes a restart. What only workers read, or the supervisor
    /// each time it is needed, a reload changes.
    pub reloadable: bool,
    /// What other servers call it.
    pub equivalents: Equivalents,
    /// A value other than the default, as a user writes it and as Python has it: what tests give.
    pub sample: (&'static str, fn() -> Value),
}

/// The names of a setting in other servers; empty where they have nothing like it.
pub struct Equivalents {
    /// Settings of Gunicorn: `bind`.
    pub gunicorn: &'static [&'static str],
    /// Options of Uvicorn: `--host`.
    pub uvicorn: &'static [&'static str],
    /// Options of Granian: `--host`.
    pub granian: &'static [&'static str],
}

/// A row, with the columns that it may leave out.
const fn row(name: &'static str, kind: Kind, section: Section) -> Setting {
    Setting {
        name,
        short: None,
        kind,
        default: "",
        reason: "",
        section,
        placeholder: "",
        help: "",
        details: "",
        since: "0.1",
        reloadable: false,
        equivalents: NO_EQUIVALENTS,
        sample: ("", || Value::Bool(false)),
    }
}

/// For `..NO_EQUIVALENTS` in rows that only some of the others have.
const NO_EQUIVALENTS: Equivalents = Equivalents { gunicorn: &[], uvicorn: &[], granian: &[] };

/// The groups of settings, in the order of help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Where to listen.
    Listening,
    /// How the application is run.
    Application,
    /// What is written down.
    Logging,
    /// What proxies in front are believed.
    Proxies,
    /// What is added to responses.
    Responses,
    /// How many processes serve, and how they share the work.
    Workers,
    /// What a server is to the system.
    Process,
    /// For how long a worker serves.
    Replacement,
    /// How long to wait for whom.
    Timeouts,
    /// How much a request may be, and a response may leave behind.
    Limits,
    /// What is called at the turns of a server's life.
    Hooks,
    /// What only `yett dev` looks at.
    Development,
}

impl Section {
    /// All sections in order.
    pub const ALL: &'static [Self] = &[
        Self::Listening,
        Self::Application,
        Self::Logging,
        Self::Proxies,
        Self::Responses,
        Self::Workers,
        Self::Process,
        Self::Replacement,
        Self::Timeouts,
        Self::Limits,
        Self::Hooks,
        Self::Development,
    ];

    /// Heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Application => "Application",
            Self::Logging => "Logging",
            Self::Proxies => "Behind a proxy",
            Self::Responses => "Responses",
            Self::Workers => "Workers",
            Self::Process => "Process",
            Self::Replacement => "Replacing workers",
            Self::Timeouts => "Timeouts",
            Self::Limits => "Limits",
            Self::Hooks => "Hooks",
            Self::Development => "Development",
        }
    }

    /// Whether `-h` shows it; `--help` shows all.
    pub(crate) fn in_short_help(self) -> bool {
        !matches!(self, Self::Replacement | Self::Timeouts | Self::Limits | Self::Hooks | Self::Development)
    }
}

impl Setting {
    /// `--head-timeout` without the dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `YETT_HEAD_TIMEOUT`.
    pub fn variable(&self) -> String {
        format!("YETT_{}", self.name.to_ascii_uppercase())
    }

    /// The values allowed, in a few words of Markdown.
    pub fn describe(&self) -> String {
        self.kind.describe()
    }

    /// Whether it is on or off: two options without a value, `--flag` and `--no-flag`.
    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Bool(..))
    }

    /// Whether several values may be given: separated by commas or spaces, as an array, or by repeating the
    /// option.
    pub fn is_list(&self) -> bool {
        self.kind.is_list()
    }

    /// The words to choose from; none where other values are allowed.
    pub fn words(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Choice { words, .. } => words,
            _ => &[],
        }
    }

    /// What a bare number counts: `seconds`, `bytes`.
    pub fn unit(&self) -> Option<&'static str> {
        self.kind.unit()
    }
}

/// The row of a name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// The name of a field, unless the row says another: `loop` cannot be a field.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

/// The kind of a row with its field.
macro_rules! kind {
    ($field:ident, $words:ty, Choice) => {
        Kind::Choice {
            words: <$words>::WORDS,
            store: |settings, word| match <$words>::from_word(word) {
                Some(value) => {
                    settings.$field = value;
                    true
                }
                None => false,
            },
            load: |settings| settings.$field.as_str(),
        }
    };
    ($field:ident, $type:ty, $kind:ident $(, $rule:expr)*) => {
        Kind::$kind(Field { of: |s| &s.$field, of_mut: |s| &mut s.$field } $(, $rule)*)
    };
}

/// The struct and the table, from the rows of all sections.
macro_rules! define {
    (; $($section:ident { $(
        $(#[doc = $doc:literal])+
        $field:ident $(as $name:literal)? : $type:ty = $kind:ident $(($($rule:expr),+))? {
            $($column:ident : $value:expr),+ $(,)?
        }
    )+ })+) => {
        /// Every setting with its value. A timeout that is `off` holds [`FOREVER`](crate::FOREVER), a limit
        /// that is `off` holds `u64::MAX`. What each means, and why its default is what it is, stands in the
        /// registry.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
        }

        impl Settings {
            /// What the defaults are then written over; never seen outside.
            pub(crate) fn blank() -> Self {
                Self { $($($field: Default::default(),)+)+ }
            }
        }

        /// Every setting, by section.
        pub static SETTINGS: &[Setting] = &[$($(
            Setting {
                $($column: $value,)+
                ..row(
                    name!($field $($name)?),
                    kind!($field, $type, $kind $($(, $rule)+)?),
                    Section::$section,
                )
            },
        )+)+];
    };
}

listening! { application logging proxies responses workers process replacement timeouts limits hooks development define; }
