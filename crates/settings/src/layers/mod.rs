//! What was written where, and what it comes to: raw values with their origin first, then validated settings.
//!
//! | file          | layer                                                                 |
//! |---------------|-----------------------------------------------------------------------|
//! | `files`       | `pyproject.toml`, `yett.toml`, or the file that `--config` names      |
//! | `environment` | `YETT_…` variables                                                    |
//! | `flags`       | options                                                               |
//!
//! A later layer in this table wins over an earlier one, and all of them win over the defaults. Every value is
//! checked, also one that another wins over, and every mistake is told.

pub(crate) mod environment;
pub(crate) mod files;
pub(crate) mod flags;

use std::fmt;

use crate::kind::{Language, Value};
use crate::mistake::Mistake;
use crate::registry::{SETTINGS, Setting, Settings, find};

/// The application's name in files and, as `YETT_APP`, in the environment: not a setting, because the command
/// line has it without a flag.
pub(crate) const APP: &str = "app";

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// A file, as it was named, and the line in it, from 1 (0: in no line of it).
    File {
        /// Path.
        path: String,
        /// Line.
        line: usize,
    },
    /// The variable of this name.
    Variable(String),
    /// The option of this name, with its dashes; for the application: `APP`.
    Flag(String),
}

impl Origin {
    /// `default`, `file`, `environment` or `option`.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File { .. } => "file",
            Self::Variable(_) => "environment",
            Self::Flag(_) => "option",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            // What stands in no line of it.
            Self::File { path, line: 0 } => f.write_str(path),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One value as it was given.
pub(crate) struct Raw {
    pub setting: &'static Setting,
    pub value: Value,
    pub origin: Origin,
    /// Whose words for types a message uses.
    pub language: Language,
    /// The setting and its value as given, with the place where a message needs it: `--head-timeout 10x`,
    /// `YETT_BIND=…`, `yett.toml:3: backlog = 0`.
    pub given: String,
}

/// Everything that was given, the weakest first, and what was wrong with it before anybody looked at its value.
#[derive(Default)]
pub(crate) struct Layers {
    given: Vec<Result<Raw, Mistake>>,
    app: Option<(String, Origin)>,
    /// Whether there is a file that could not be read, and may name the application.
    pub unread: bool,
}

impl Layers {
    pub fn add(&mut self, raw: Raw) {
        self.given.push(Ok(raw));
    }

    pub fn wrong(&mut self, mistake: Mistake) {
        self.given.push(Err(mistake));
    }

    /// The row of a name in a file, or a mistake with the nearest name.
    pub fn known(&mut self, name: &str, origin: &Origin) -> Option<&'static Setting> {
        let found = find(name);
        if found.is_none() {
            let names = SETTINGS.iter().map(|setting| setting.name).chain([APP]);
            let message = format!("{origin}: unknown setting '{name}'");
            self.wrong(Mistake::unknown(message, name, names, |setting| setting.name.into()));
        }
        found
    }

    /// Names the application, over whatever a weaker layer has named.
    pub fn name_app(&mut self, target: &str, origin: Origin) {
        self.app = Some((target.to_owned(), origin));
    }

    /// The settings that all of it comes to. What is wrong is a mistake, and leaves what weaker layers say.
    pub fn resolve(self) -> (Effective, Vec<Mistake>) {
        let mut effective = Effective { app: self.app, ..Effective::default() };
        let mut mistakes = Vec::new();
        for item in self.given {
            let Raw { setting, value, origin, language, given } = match item {
                Ok(raw) => raw,
                Err(mistake) => {
                    mistakes.push(mistake);
                    continue;
                }
            };
            let texts = setting.kind.texts(value, language);
            match texts.and_then(|texts| setting.kind.store(&mut effective.settings, &texts)) {
                Ok(()) => effective.origins.set(setting.name, origin),
                Err(reason) => mistakes.push(Mistake::new(format!("{given}: {reason}"))),
            }
        }
        (effective, mistakes)
    }
}

/// Validated settings, and who said so.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effective {
    /// The values.
    pub settings: Settings,
    /// Where they came from.
    pub origins: Origins,
    /// The application, as far as one is named.
    pub app: Option<(String, Origin)>,
}

/// Where each setting came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<(&'static str, Origin)>);

impl Origins {
    /// Where the setting of this name came from; the default, unless somebody set it.
    pub fn of(&self, name: &str) -> &Origin {
        const NOBODY: &Origin = &Origin::Default;
        self.0.iter().find(|(known, _)| *known == name).map_or(NOBODY, |(_, origin)| origin)
    }

    fn set(&mut self, name: &'static str, origin: Origin) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, origin));
    }
}
