//! The values: how they are written and read by name. Their fields are made by the registry.

use std::fmt;

use crate::kind::{Language, Value};
use crate::nearest::{did_you_mean, nearest};
use crate::registry::{self, SETTINGS, Settings};

impl Default for Settings {
    /// The registry's defaults.
    fn default() -> Self {
        let mut settings = Self::blank();
        for setting in SETTINGS {
            let stored = setting.kind.store(&mut settings, &[setting.default.to_owned()]);
            // A constant of the table, and a test reads every one of them.
            debug_assert_eq!(stored, Ok(()), "default of {}", setting.name);
        }
        settings
    }
}

impl Settings {
    /// Sets one setting by its name, as `yett.run(app, name=value)` does. On an error nothing has changed.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), SettingError> {
        let Some(setting) = registry::find(name) else {
            let known = nearest(name, SETTINGS.iter().map(|setting| setting.name));
            return Err(SettingError::Unknown { name: name.into(), nearest: known });
        };
        let shown = value.given(name);
        let texts = setting
            .kind
            .texts(value, Language::Python)
            .map_err(|reason| SettingError::invalid(&shown, reason))?;
        setting.kind.store(self, &texts).map_err(|reason| SettingError::invalid(&shown, reason))
    }

    /// The value of a setting as a user would write it, or `None` for an unknown name.
    pub fn show(&self, name: &str) -> Option<String> {
        registry::find(name).map(|setting| setting.kind.show(self))
    }

    /// The value of a setting as Python has it (durations in seconds, sizes in bytes), or `None` for an unknown
    /// name.
    pub fn get(&self, name: &str) -> Option<Value> {
        registry::find(name).map(|setting| setting.kind.value(self))
    }
}

/// Why a setting was not accepted. Its text is one line that names the setting as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// There is no such setting.
    Unknown {
        /// The name given.
        name: String,
        /// The known name nearest to it, if one is near.
        nearest: Option<&'static str>,
    },
    /// The setting exists, its value is wrong.
    Invalid {
        /// The setting and its value as given: `--head-timeout 10x`, `YETT_BIND=…`, `head_timeout="10x"`.
        given: String,
        /// What is wrong with it, as the rest of the sentence.
        reason: String,
    },
}

impl SettingError {
    pub(crate) fn invalid(given: &str, reason: String) -> Self {
        Self::Invalid { given: given.into(), reason }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest } => {
                write!(f, "unknown setting '{name}'{}", did_you_mean(*nearest))
            }
            Self::Invalid { given, reason } => write!(f, "{given}: {reason}"),
        }
    }
}

impl std::error::Error for SettingError {}
