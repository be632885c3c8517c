//! `YETT_…` variables: one for each row of the registry, one for the application, one for the file.

use std::ffi::{OsStr, OsString};

use crate::kind::{Kind, Language, Value, words};
use crate::layers::{Layers, Origin, Raw};
use crate::mistake::Mistake;
use crate::nearest::nearest;
use crate::registry::SETTINGS;

/// Names the application.
pub(crate) const APP_VARIABLE: &str = "YETT_APP";
/// Names the file that is read in place of `yett.toml`.
pub(crate) const CONFIG_VARIABLE: &str = "YETT_CONFIG";

impl Layers {
    /// Adds what the environment says. `variable` looks up one. An empty variable counts as not set, because
    /// container tools cannot unset one.
    pub fn read_environment(&mut self, variable: impl Fn(&str) -> Option<OsString>) {
        for setting in SETTINGS {
            let name = setting.variable();
            let Some(text) = text_of(&name, &variable).unwrap_or_else(|mistake| {
                self.wrong(mistake);
                None
            }) else {
                continue;
            };
            let given = format!("{name}={text}");
            let value = match setting.kind {
                Kind::Binds(_) => Value::List(words(&text)),
                _ => Value::Text(text),
            };
            let origin = Origin::Variable(name);
            self.add(Raw { setting, value, origin, language: Language::Text, given });
        }
        match text_of(APP_VARIABLE, &variable) {
            Ok(Some(target)) => self.name_app(&target, Origin::Variable(APP_VARIABLE.into())),
            Ok(None) => {}
            Err(mistake) => self.wrong(mistake),
        }
    }
}

/// The text of a variable, unless it is not set or empty.
pub(crate) fn text_of(
    name: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Mistake> {
    match variable(name).map(OsString::into_string) {
        Some(Ok(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(Err(_)) => Err(Mistake::new(format!("{name}: not valid UTF-8"))),
        None => Ok(None),
    }
}

/// One line for each variable that is nearly, but not quite, one of ours. Others that begin with `YETT_` are
/// left alone: Kubernetes sets `YETT_PORT`, `YETT_SERVICE_HOST` and more for a service that is called yett.
pub fn warnings<I, S>(names: I) -> Vec<String>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let ours = [APP_VARIABLE, CONFIG_VARIABLE].map(Into::into);
    let known: Vec<String> = SETTINGS.iter().map(|setting| setting.variable()).chain(ours).collect();
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
