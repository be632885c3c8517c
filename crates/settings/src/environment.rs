//! `YETT_…` variables: one for each row of the registry.

use std::ffi::{OsStr, OsString};

use crate::kind::{Kind, words};
use crate::nearest::nearest;
use crate::registry::{SETTINGS, Settings};
use crate::settings::SettingError;

impl Settings {
    /// Writes what the environment says over the values. `env` looks up one variable. An empty variable
    /// counts as not set, because container tools cannot unset one.
    pub fn apply_environment(&mut self, env: impl Fn(&str) -> Option<OsString>) -> Result<(), SettingError> {
        for setting in SETTINGS {
            let variable = setting.variable();
            let Some(value) = env(&variable).filter(|value| !value.is_empty()) else {
                continue;
            };
            let Some(text) = value.to_str() else {
                return Err(SettingError::invalid(&variable, "not valid UTF-8".into()));
            };
            let texts: Vec<String> =
                if let Kind::Binds(_) = setting.kind { words(text) } else { vec![text.into()] };
            let given = format!("{variable}={text}");
            setting.kind.store(self, &texts).map_err(|reason| SettingError::invalid(&given, reason))?;
        }
        Ok(())
    }
}

/// One line for each variable that is nearly, but not quite, one of ours. Others that begin with `YETT_` are
/// left alone: Kubernetes sets `YETT_PORT`, `YETT_SERVICE_HOST` and more for a service that is called yett.
pub fn warnings<I, S>(names: I) -> Vec<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let known: Vec<String> = SETTINGS.iter().map(|setting| setting.variable()).collect();
    let mut lines = Vec::new();
    for name in names {
        let Some(word) = name.as_ref().to_str().and_then(|name| name.strip_prefix("YETT_")) else {
            continue;
        };
        let words = known.iter().filter_map(|variable| variable.strip_prefix("YETT_"));
        if let Some(near) = nearest(&word.to_ascii_uppercase(), words)
            && near != word
        {
            lines.push(format!("the variable YETT_{word} is not known (did you mean YETT_{near}?)"));
        }
    }
    lines
}
