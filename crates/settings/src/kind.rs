//! The types of setting: how a value given as text (command line, environment) or as a Python value becomes a
//! field of [`Settings`], and how the field is shown again.

use std::time::Duration;

use crate::bind::Listen;
use crate::log_target::{LogKind, LogTarget};
use crate::nearest::{did_you_mean, nearest};
use crate::registry::Settings;
use crate::scalars::{is_off, on_off, parse_bool, parse_mode, parse_whole};
use crate::text::path;
use crate::units::{FOREVER, format_duration, format_size, parse_duration, parse_size};

/// A value as it comes from Python. Numbers count seconds and bytes; text is read as on the command line.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `True` and `False`.
    Bool(bool),
    /// Any integer that fits.
    Int(i64),
    /// Any float.
    Float(f64),
    /// A string (or a path, as text).
    Text(String),
    /// A list or tuple of strings.
    List(Vec<String>),
}

/// Whose words for types a message uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Options and variables, which are text.
    Text,
    /// TOML.
    Toml,
    /// Python.
    Python,
}

impl Value {
    /// The setting and the value as they were given, as far as a line holds them: `backlog="x"`.
    pub(crate) fn given(&self, name: &str) -> String {
        match self {
            Self::Text(text) => format!("{name}={text:?}"),
            _ => name.to_owned(),
        }
    }
}

/// The field of the settings that a row reads and writes.
pub struct Field<T> {
    pub(crate) of: fn(&Settings) -> &T,
    pub(crate) of_mut: fn(&mut Settings) -> &mut T,
}

impl<T> Field<T> {
    fn get<'a>(&self, settings: &'a Settings) -> &'a T {
        (self.of)(settings)
    }

    fn set(&self, settings: &mut Settings, value: T) {
        *(self.of_mut)(settings) = value;
    }
}

/// The type of a setting, with the field it is kept in and the values that are allowed.
pub enum Kind {
    /// On or off, with the help line of the option that switches it off.
    Bool(Field<bool>, &'static str),
    /// One word of a closed set.
    Choice {
        /// The words allowed.
        words: &'static [&'static str],
        /// Stores one of them. False if the word is not known, which `words` rules out.
        store: fn(&mut Settings, &str) -> bool,
        /// The word stored.
        load: fn(&Settings) -> &'static str,
    },
    /// Text with a rule of its own, which may also bring it into its normal form.
    Text(Field<String>, fn(&str) -> Result<String, String>),
    /// A whole number.
    Count(Field<usize>, std::ops::RangeInclusive<usize>),
    /// A whole number, or a word (`auto`, `off`) in place of it, which is kept as `None`.
    CountOr(Field<Option<usize>>, std::ops::RangeInclusive<usize>, &'static str),
    /// A time span.
    Duration(Field<Duration>, Zero, Off),
    /// A number of bytes kept in memory: it cannot be switched off. With the least that makes sense.
    Buffer(Field<usize>, usize),
    /// A number of bytes; where it may be `off`, that means no limit.
    Size(Field<u64>, Off),
    /// A file mode or a mask in octal digits, or a word in place of it, which is kept as `None`.
    Mode(Field<Option<u32>>, &'static str),
    /// A path; empty for none.
    Path(Field<String>),
    /// Where a log goes.
    Target(Field<LogTarget>, LogKind),
    /// Addresses; the option may be repeated.
    Binds(Field<Vec<Listen>>),
    /// Several texts, separated by commas or spaces, with a rule for each; the option may be repeated.
    List(Field<Vec<String>>, fn(&str) -> Result<String, String>),
}

/// Whether a duration may be zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Zero {
    /// Zero has a meaning.
    Allowed,
    /// Zero would refuse every request.
    Refused,
}

/// Whether a duration or a size may be `off`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// `off` has no end.
    Allowed,
    /// There must be an end.
    Refused,
}

impl Kind {
    /// Reads one value, or several where the option may be repeated, and stores it. The error is one clause
    /// without the setting's name.
    pub(crate) fn store(&self, settings: &mut Settings, texts: &[String]) -> Result<(), String> {
        match (self, texts) {
            (Self::Binds(field), _) => {
                let binds: Vec<Listen> = each(texts, str::parse)?;
                if binds.is_empty() {
                    return Err("an address is needed".into());
                }
                field.set(settings, binds);
                Ok(())
            }
            (Self::List(field, check), _) => {
                let texts: Vec<String> = texts.iter().flat_map(|text| words(text)).collect();
                // A word of its own, so that a list which is not empty by default can be emptied as text.
                let none = matches!(texts.as_slice(), [text] if text.eq_ignore_ascii_case(NONE));
                field.set(settings, if none { Vec::new() } else { each(&texts, check)? });
                Ok(())
            }
            (_, [text]) => self.store_one(settings, text),
            _ => Err("takes one value".into()),
        }
    }

    fn store_one(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        match self {
            Self::Bool(field, _) => {
                let value = parse_bool(text).ok_or("neither on nor off")?;
                field.set(settings, value);
            }
            Self::Choice { words, store, .. } => {
                // Every word is in lower case; LOG_LEVEL=INFO is what environment files have.
                let word = text.to_ascii_lowercase();
                if !store(settings, &word) {
                    let advice = did_you_mean(nearest(&word, words.iter().copied()));
                    return Err(format!("not one of {}{advice}", words.join(", ")));
                }
            }
            Self::Text(field, check) => {
                let value = check(text)?;
                field.set(settings, value);
            }
            Self::Count(field, allowed) => {
                let value: usize = parse_whole(text).ok_or("not a whole number")?;
                if !allowed.contains(&value) {
                    return Err(format!("not between {} and {}", allowed.start(), allowed.end()));
                }
                field.set(settings, value);
            }
            Self::CountOr(field, allowed, word) => {
                let value = match parse_whole(text) {
                    _ if text.eq_ignore_ascii_case(word) => None,
                    Some(value) if allowed.contains(&value) => Some(value),
                    Some(_) => {
                        let (least, most) = (allowed.start(), allowed.end());
                        return Err(format!("not between {least} and {most}, nor `{word}`"));
                    }
                    None => return Err(format!("neither a whole number nor `{word}`")),
                };
                field.set(settings, value);
            }
            Self::Duration(field, zero, off) => {
                let value = match (is_off(text), off) {
                    (true, Off::Allowed) => FOREVER,
                    (true, Off::Refused) => {
                        return Err("cannot be off; write the longest time allowed".into());
                    }
                    (false, _) => parse_duration(text)?,
                };
                if value.is_zero() && *zero == Zero::Refused {
                    return Err("must be longer than nothing".into());
                }
                field.set(settings, value);
            }
            Self::Buffer(field, least) => {
                let value = usize::try_from(parse_size(text)?).unwrap_or(usize::MAX);
                if !(*least..=BUFFER_MAX).contains(&value) {
                    let (least, most) = (format_size(*least as u64), format_size(BUFFER_MAX as u64));
                    return Err(format!("not between {least} and {most}"));
                }
                field.set(settings, value);
            }
            Self::Size(field, off) => {
                let value = match (is_off(text), off) {
                    (true, Off::Allowed) => u64::MAX,
                    // It could mean both, no limit and nothing at all.
                    (true, Off::Refused) => return Err("cannot be off; write 0 for none".into()),
                    (false, _) => parse_size(text)?,
                };
                field.set(settings, value);
            }
            Self::Mode(field, unset) => {
                let value = parse_mode(text, unset)?;
                field.set(settings, value);
            }
            Self::Path(field) => {
                let value = path(text)?;
                field.set(settings, value);
            }
            Self::Target(field, kind) => {
                let value = LogTarget::parse(text, *kind)?;
                field.set(settings, value);
            }
            Self::Binds(_) | Self::List(..) => return Err("takes a list".into()),
        }
        Ok(())
    }

    /// A value as the text that a user would have written for it; `Err` names the types that would do.
    pub(crate) fn texts(&self, value: Value, language: Language) -> Result<Vec<String>, String> {
        let text = match (self, value) {
            (Self::Binds(_) | Self::List(..), Value::List(texts)) => return Ok(texts),
            (_, Value::Text(text)) => text,
            (Self::Bool(..) | Self::Target(..), Value::Bool(value)) => on_off(value).into(),
            // `False` switches off what can be off.
            (
                Self::Duration(_, _, Off::Allowed) | Self::Size(_, Off::Allowed) | Self::CountOr(_, _, OFF),
                Value::Bool(false),
            ) => OFF.into(),
            (
                Self::Count(..) | Self::CountOr(..) | Self::Buffer(..) | Self::Size(..) | Self::Duration(..),
                Value::Int(number),
            ) => number.to_string(),
            (Self::Duration(..), Value::Float(number)) => number.to_string(),
            // Python's 0o660 arrives as the number 432.
            (Self::Mode(..), Value::Int(number)) => format!("{number:o}"),
            (Self::Binds(_), Value::Int(port)) => port.to_string(),
            _ => return Err(format!("wrong type; {} is needed", self.type_needed(language))),
        };
        Ok(vec![text])
    }

    /// The value stored, spelled as a user would write it.
    pub(crate) fn show(&self, settings: &Settings) -> String {
        match self {
            Self::Bool(field, _) => on_off(*field.get(settings)).into(),
            Self::Choice { load, .. } => load(settings).into(),
            Self::Text(field, _) => field.get(settings).clone(),
            Self::Count(field, _) => field.get(settings).to_string(),
            Self::Duration(field, ..) => format_duration(*field.get(settings)),
            Self::Buffer(field, _) => format_size(*field.get(settings) as u64),
            Self::Size(field, _) => format_size(*field.get(settings)),
            Self::CountOr(field, _, word) => {
                field.get(settings).map_or_else(|| (*word).into(), |number| number.to_string())
            }
            Self::Mode(field, unset) => {
                field.get(settings).map_or_else(|| (*unset).into(), |mode| format!("{mode:03o}"))
            }
            Self::Path(field) => field.get(settings).clone(),
            Self::Target(field, _) => field.get(settings).to_string(),
            Self::Binds(field) => shown(field.get(settings)).join(" "),
            Self::List(field, _) => match field.get(settings).as_slice() {
                [] => NONE.into(),
                texts => texts.join(","),
            },
        }
    }

    /// The value stored, as Python reads it: durations in seconds, sizes in bytes; what is not a number or a
    /// list is as `show` has it.
    pub(crate) fn value(&self, settings: &Settings) -> Value {
        // No size that means something is beyond an i64, so the most it holds stands for `off` there too.
        let int = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        match self {
            Self::Bool(field, _) => Value::Bool(*field.get(settings)),
            Self::Count(field, _) | Self::Buffer(field, _) => int(*field.get(settings) as u64),
            Self::Size(field, _) => int(*field.get(settings)),
            Self::Duration(field, ..) => Value::Float(field.get(settings).as_secs_f64()),
            Self::Binds(field) => Value::List(shown(field.get(settings))),
            Self::List(field, _) => Value::List(field.get(settings).clone()),
            Self::CountOr(field, ..) => field
                .get(settings)
                .map_or_else(|| Value::Text(self.show(settings)), |number| int(number as u64)),
            Self::Choice { .. } | Self::Text(..) | Self::Mode(..) | Self::Path(_) | Self::Target(..) => {
                Value::Text(self.show(settings))
            }
        }
    }

    /// Whether several values may be given.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::Binds(_) | Self::List(..))
    }

    /// What a bare number counts.
    pub(crate) fn unit(&self) -> Option<&'static str> {
        match self {
            Self::Duration(..) => Some("seconds"),
            Self::Buffer(..) | Self::Size(..) => Some("bytes"),
            _ => None,
        }
    }

    /// What the reference page calls this type.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Bool(..) => "`on` or `off`".into(),
            Self::Choice { words, .. } => format!("one of `{}`", words.join("`, `")),
            Self::Text(..) => "text".into(),
            Self::Count(_, allowed) => format!("whole number, {} to {}", allowed.start(), allowed.end()),
            Self::CountOr(_, allowed, word) => {
                format!("whole number, {} to {}, or `{word}`", allowed.start(), allowed.end())
            }
            Self::Duration(_, _, Off::Allowed) => "duration, or `off`".into(),
            Self::Duration(_, _, Off::Refused) => "duration".into(),
            Self::Buffer(_, least) => {
                format!("size, {} to {}", format_size(*least as u64), format_size(BUFFER_MAX as u64))
            }
            Self::Size(_, Off::Allowed) => "size, or `off`".into(),
            Self::Size(_, Off::Refused) => "size".into(),
            Self::Mode(_, unset) => format!("octal file mode, or `{unset}`"),
            Self::Path(_) => "path".into(),
            Self::Target(_, LogKind::Error) => {
                "`stderr`, `-`, a path, `syslog[:address]` or `logging`".into()
            }
            Self::Target(_, LogKind::Access) => "`-`, `stderr`, a path, `syslog[:address]` or `off`".into(),
            Self::Binds(_) => "addresses".into(),
            Self::List(..) => "list".into(),
        }
    }

    fn type_needed(&self, language: Language) -> &'static str {
        let python = language == Language::Python;
        match self {
            Self::Bool(..) if python => "True or False",
            Self::Bool(..) => "true or false",
            Self::Choice { .. } | Self::Text(..) => "a string",
            Self::Count(..) => "an integer",
            Self::CountOr(_, _, OFF) => "an integer, or \"off\"",
            Self::CountOr(..) => "an integer, or \"auto\"",
            Self::Duration(..) => "a number of seconds or a string like \"30s\"",
            Self::Buffer(..) | Self::Size(..) => "a number of bytes or a string like \"64KiB\"",
            Self::Path(_) if python => "a path",
            Self::Path(_) => "a string",
            Self::Mode(..) => "an integer like 0o660 or a string of octal digits",
            Self::Target(..) if python => "a path, \"-\", True or False",
            Self::Target(..) => "a path, \"-\", true or false",
            Self::Binds(_) | Self::List(..) if python => "a list of strings",
            Self::Binds(_) | Self::List(..) => "an array of strings",
        }
    }
}

/// The most that one connection may be told to hold in memory for a head: a slip of the unit should not let a
/// single client take the machine's memory.
pub const BUFFER_MAX: usize = 64 << 20;

/// No limit, where a word may stand in place of a number.
pub(crate) const OFF: &str = "off";

/// How an empty list is written where text is asked for.
const NONE: &str = "none";

/// The parts of a list written as one text.
pub(crate) fn words(text: &str) -> Vec<String> {
    let separates = |c: char| c == ',' || c.is_ascii_whitespace();
    text.split(separates).filter(|part| !part.is_empty()).map(Into::into).collect()
}

/// Each text read by `read`; an error names the text.
fn each<T>(texts: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    texts.iter().map(|text| read(text).map_err(|reason| format!("'{text}': {reason}"))).collect()
}

fn shown(binds: &[Listen]) -> Vec<String> {
    binds.iter().map(ToString::to_string).collect()
}
