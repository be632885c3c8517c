//! What a command line means: a command to carry out, a text to print, or a mistake to explain.

use std::ffi::OsString;
use std::path::{MAIN_SEPARATOR, Path};

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::kind::Kind;
use crate::options::{TARGET, command, no_flag_id};
use crate::registry::{SETTINGS, Setting, Settings};
use crate::settings::SettingError;

/// Exit codes that the command line itself leads to; the others belong to who runs the application.
pub mod exit_code {
    /// Done as asked.
    pub const OK: i32 = 0;
    /// Unknown option, wrong value, no application named.
    pub const USAGE: i32 = 2;
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve the application named by `target`: `module:attribute`, `module:factory()`,
    /// `file.py[:attribute]`, or a Paste file, `file.ini[#name]`.
    Run {
        /// As given.
        target: String,
    },
    /// Serve the built-in showcase.
    Demo,
}

/// A command with everything it needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// How.
    pub settings: Settings,
}

/// What the command line asks for.
// Made once in the life of a process: its size costs nothing, a box would cost every caller a word.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Do something.
    Run(Invocation),
    /// Print this and exit.
    Print {
        /// Whole lines, the last one ended too.
        text: String,
        /// Exit code.
        code: i32,
        /// Standard error instead of standard output.
        to_stderr: bool,
    },
}

/// Reads the arguments (without the program's name) over the environment over the defaults.
pub fn parse<I>(args: I, env: impl Fn(&str) -> Option<OsString>) -> Outcome
where
    I: IntoIterator<Item = OsString>,
{
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return from_clap(&error),
    };
    match invocation(&matches, env) {
        Ok(invocation) => Outcome::Run(invocation),
        Err(usage) => usage.into_outcome(),
    }
}

/// Why the command line cannot be carried out, and what to do about it.
struct Usage {
    message: String,
    hint: String,
}

/// What most mistakes are followed by.
const SEE_HELP: &str = "`yett --help` lists every option";

impl Usage {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    fn into_outcome(self) -> Outcome {
        let text = format!("yett: error: {}\n       {}\n", self.message, self.hint);
        Outcome::Print { text, code: exit_code::USAGE, to_stderr: true }
    }
}

impl From<SettingError> for Usage {
    fn from(error: SettingError) -> Self {
        Self::new(error.to_string(), SEE_HELP)
    }
}

fn invocation(matches: &ArgMatches, env: impl Fn(&str) -> Option<OsString>) -> Result<Invocation, Usage> {
    let words = texts(matches, TARGET, "APP")?.unwrap_or_default();
    let access_log = texts(matches, "access_log", "--access-log")?;
    let command = chosen(&words, access_log.as_deref())?;
    let mut settings = Settings::default();
    settings.apply_environment(env)?;
    for setting in SETTINGS {
        if let Some((given, values)) = given(matches, setting)? {
            let stored = setting.kind.store(&mut settings, &values);
            stored.map_err(|reason| SettingError::invalid(&given, reason))?;
        }
    }
    Ok(Invocation { command, settings })
}

/// `APP`, `run APP` or `demo`.
fn chosen(words: &[String], access_log: Option<&[String]>) -> Result<Command, Usage> {
    let target = match words {
        [demo] if demo == "demo" => return Ok(Command::Demo),
        [run, target] if run == "run" => target,
        [target] if target != "run" => target,
        [] | [_] => {
            let hint = match access_log {
                // `yett --access-log app:app`: the option took the application for its path.
                Some([path]) if looks_like_target(path) => {
                    format!("--access-log took '{path}' for its path; write `yett {path} --access-log`")
                }
                _ => "name it like `yett module:attribute`, or try `yett demo`".into(),
            };
            return Err(Usage::new("no application given", hint));
        }
        [first, rest @ ..] => {
            let extra = if first == "run" { rest.last() } else { rest.first() };
            let extra = extra.map_or("", String::as_str);
            return Err(Usage::new(format!("unexpected argument '{extra}' after '{first}'"), SEE_HELP));
        }
    };
    if target.is_empty() {
        return Err(Usage::new("the application's name is empty", "name it like `yett module:attribute`"));
    }
    Ok(Command::Run { target: target.clone() })
}

fn looks_like_target(text: &str) -> bool {
    !text.contains(MAIN_SEPARATOR) && text.contains(':')
        || Path::new(text).extension().is_some_and(|e| e == "py" || e == "ini")
}

/// What was given for a setting: the spelling for messages, and its value or values.
fn given(matches: &ArgMatches, setting: &Setting) -> Result<Option<(String, Vec<String>)>, Usage> {
    let flag = format!("--{}", setting.flag());
    if let Kind::Bool(..) = setting.kind {
        let no_flag = no_flag_id(setting);
        return Ok(match (matches.get_flag(setting.name), matches.get_flag(&no_flag)) {
            (true, _) => Some((flag, vec!["on".into()])),
            (_, true) => Some((format!("--{no_flag}"), vec!["off".into()])),
            _ => None,
        });
    }
    let values = texts(matches, setting.name, &flag)?;
    Ok(values.map(|values| match values.as_slice() {
        [one] if !setting.kind.is_list() => (format!("{flag} {one}"), values),
        _ => (flag, values),
    }))
}

fn texts(matches: &ArgMatches, id: &str, shown: &str) -> Result<Option<Vec<String>>, Usage> {
    let Some(values) = matches.get_many::<OsString>(id) else {
        return Ok(None);
    };
    let text = |value: &OsString| match value.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Usage::new(format!("{shown} {}: not valid UTF-8", value.display()), SEE_HELP)),
    };
    values.map(text).collect::<Result<_, _>>().map(Some)
}

/// clap's own results: help, version, and mistakes in our words.
fn from_clap(error: &clap::Error) -> Outcome {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::DisplayHelp => {
            Outcome::Print { text: tidy(&error.render().to_string()), code: exit_code::OK, to_stderr: false }
        }
        ErrorKind::DisplayVersion => {
            Outcome::Print { text: error.render().to_string(), code: exit_code::OK, to_stderr: false }
        }
        ErrorKind::UnknownArgument => {
            let advice = context(ContextKind::SuggestedArg)
                .map(|flag| format!(" (did you mean '{flag}'?)"))
                .unwrap_or_default();
            Usage::new(format!("unknown option '{argument}'{advice}"), SEE_HELP).into_outcome()
        }
        ErrorKind::InvalidValue
            if context(ContextKind::InvalidValue).is_none_or(|value| value.is_empty()) =>
        {
            Usage::new(format!("a value is missing: {argument}"), SEE_HELP).into_outcome()
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            Usage::new(line.strip_prefix("error: ").unwrap_or(line), SEE_HELP).into_outcome()
        }
    }
}

/// Lines without blanks at their ends, and one line end at the end of the text.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
