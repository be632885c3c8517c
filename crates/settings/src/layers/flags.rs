//! Options, as clap has taken them apart.

use std::ffi::OsString;

use clap::ArgMatches;

use crate::kind::{Kind, Language, Value};
use crate::layers::{Layers, Origin, Raw};
use crate::mistake::Mistake;
use crate::options::no_flag_id;
use crate::registry::{SETTINGS, Setting};

impl Layers {
    /// Adds what the options say.
    pub fn read_flags(&mut self, matches: &ArgMatches) {
        for setting in SETTINGS {
            match raw(matches, setting) {
                Ok(Some(raw)) => self.add(raw),
                Ok(None) => {}
                Err(mistake) => self.wrong(mistake),
            }
        }
    }
}

fn raw(matches: &ArgMatches, setting: &'static Setting) -> Result<Option<Raw>, Mistake> {
    let flag = format!("--{}", setting.flag());
    let (flag, value, given) = if let Kind::Bool(..) = setting.kind {
        let no_flag = no_flag_id(setting);
        let (flag, value) = match (matches.get_flag(setting.name), matches.get_flag(&no_flag)) {
            (true, _) => (flag, true),
            (_, true) => (format!("--{no_flag}"), false),
            _ => return Ok(None),
        };
        (flag.clone(), Value::Bool(value), flag)
    } else {
        let Some(mut texts) = texts(matches, setting.name, &flag)? else { return Ok(None) };
        match (setting.kind.is_list(), texts.pop()) {
            (false, Some(text)) => (flag.clone(), Value::Text(text.clone()), format!("{flag} {text}")),
            (_, last) => {
                texts.extend(last);
                (flag.clone(), Value::List(texts), flag)
            }
        }
    };
    let origin = Origin::Flag(flag);
    Ok(Some(Raw { setting, value, origin, language: Language::Text, given }))
}

/// The values of an argument; `shown` is its name in messages.
pub(crate) fn texts(matches: &ArgMatches, id: &str, shown: &str) -> Result<Option<Vec<String>>, Mistake> {
    let Some(values) = matches.get_many::<OsString>(id) else {
        return Ok(None);
    };
    let text = |value: &OsString| match value.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Mistake::new(format!("{shown} {}: not valid UTF-8", value.display()))),
    };
    values.map(text).collect::<Result<_, _>>().map(Some)
}
