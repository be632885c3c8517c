//! What a command line means: a command to carry out, a text to print, or mistakes to explain.

use std::ffi::OsString;
use std::io;
use std::path::{MAIN_SEPARATOR, Path};

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::development;
use crate::effective;
use crate::layers::environment::{CONFIG_VARIABLE, text_of};
use crate::layers::files::{FileValues, OWN_FILE, PROJECT_FILE, is_python};
use crate::layers::flags::texts;
use crate::layers::{Layers, Origin};
use crate::mistake::{Mistake, told};
use crate::nearest::{did_you_mean, nearest};
use crate::options::{CONFIG, JSON, TARGET, command};
use crate::registry::{SETTINGS, Settings};

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
    /// The same while its code is being written: reload when it changes, show errors in the browser.
    Dev {
        /// As given.
        target: String,
    },
    /// Load that application, and do no more.
    Check {
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

/// What is looked at beside the arguments.
pub struct Sources<'a> {
    /// One variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The content of a file; relative paths are as seen from the current directory.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// What the file that [`config_file`] has named says.
    pub values: Option<FileValues>,
}

impl Sources<'_> {
    /// Those of this process.
    pub fn of_process(values: Option<FileValues>) -> Self {
        Self { variable: &|name| std::env::var_os(name), read: &|path| std::fs::read(path), values }
    }

    /// Nothing but the arguments.
    pub fn none() -> Self {
        Self { variable: &|_| None, read: &|_| Err(io::ErrorKind::NotFound.into()), values: None }
    }
}

/// Reads the arguments (without the program's name) over the environment over files over the defaults.
pub fn parse<I>(args: I, sources: Sources<'_>) -> Outcome
where
    I: IntoIterator<Item = OsString>,
{
    let (matches, mut mistakes) = match taken_apart(args.into_iter().collect()) {
        Ok(taken) => taken,
        Err(outcome) => return *outcome,
    };
    let wanted = match wanted(&matches) {
        Ok(wanted) => wanted,
        // After an option that is not known, nobody can tell which words are its values.
        Err(_) if !mistakes.is_empty() => Wanted::Config(None),
        Err(mistake) => {
            mistakes.push(mistake);
            Wanted::Config(None)
        }
    };
    let shows = matches!(wanted, Wanted::Config(_));
    if matches.get_flag(JSON) && !shows {
        mistakes.push(Mistake::with_hint("--json goes with `yett config`", "leave it out"));
    }
    let mut layers = Layers::default();
    match config_path(&matches, sources.variable) {
        Ok(path) => read_files(&mut layers, path.as_deref(), &sources.read, sources.values),
        Err(mistake) => mistakes.push(mistake),
    }
    layers.read_environment(sources.variable);
    layers.read_flags(&matches);
    if let Some(target) = wanted.target() {
        layers.name_app(target, Origin::Flag(TARGET.into()));
    }
    let unread = layers.unread;
    let (mut effective, more) = layers.resolve();
    mistakes.extend(more);
    if let Wanted::Dev(_) = wanted {
        mistakes.extend(development::adapt(&mut effective));
    }
    let command = match (wanted, &effective.app) {
        (Wanted::Config(_), _) if mistakes.is_empty() => {
            let as_json = matches.get_flag(JSON);
            let text = if as_json { effective::json(&effective) } else { effective::table(&effective) };
            return Outcome::Print { text, code: exit_code::OK, to_stderr: false };
        }
        (Wanted::Demo | Wanted::Config(_), _) => Command::Demo,
        (Wanted::Run(_), Some((target, _))) => Command::Run { target: target.clone() },
        (Wanted::Dev(_), Some((target, _))) => Command::Dev { target: target.clone() },
        (Wanted::Check(_), Some((target, _))) => Command::Check { target: target.clone() },
        // A file that cannot be read may name it.
        (_, None) if unread => Command::Demo,
        (_, None) => {
            mistakes.push(no_application(&matches));
            Command::Demo
        }
    };
    if mistakes.is_empty() {
        Outcome::Run(Invocation { command, settings: effective.settings })
    } else {
        told(&mistakes)
    }
}

/// The Python file that `--config` or `YETT_CONFIG` names, for the caller to run: what it says goes into
/// [`Sources::values`]. None if another kind of file is named, or nothing that can be understood.
pub fn config_file<I>(args: I, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<String>
where
    I: IntoIterator<Item = OsString>,
{
    let args: Vec<OsString> = args.into_iter().collect();
    // Most command lines name none, and taking one apart twice would cost every start.
    let words = args.iter().cloned().chain(variable(CONFIG_VARIABLE));
    if !words.into_iter().any(|word| word.to_string_lossy().ends_with(".py")) {
        return None;
    }
    let (matches, _) = taken_apart(args).ok()?;
    config_path(&matches, variable).ok().flatten().filter(|path| is_python(path))
}

/// What clap makes of the arguments, without those that it refuses, and why it does. `Err` for help and version,
/// which win over everything.
fn taken_apart(mut args: Vec<OsString>) -> Result<(ArgMatches, Vec<Mistake>), Box<Outcome>> {
    let mut mistakes = Vec::new();
    loop {
        let error = match command().try_get_matches_from(&args) {
            Ok(matches) => return Ok((matches, mistakes)),
            Err(error) => error,
        };
        if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
            let text = tidy(&error.render().to_string());
            return Err(Box::new(Outcome::Print { text, code: exit_code::OK, to_stderr: false }));
        }
        mistakes.push(refused(&error));
        // clap stops at the first mistake. Without what it was about, it comes to the next.
        let culprit = context(&error, ContextKind::InvalidArg);
        let culprit = culprit.split_whitespace().next().unwrap_or_default();
        let names = [Some(culprit.to_owned()), short_of(culprit)];
        let is_culprit = |arg: &OsString| names.iter().flatten().any(|name| is_option(arg, name));
        let before = args.len();
        match args.iter().position(is_culprit) {
            Some(position) => drop(args.remove(position)),
            None => args.retain(|arg| !arg.as_encoded_bytes().starts_with(b"-")),
        }
        if args.len() == before {
            return Err(Box::new(told(&mistakes)));
        }
    }
}

/// The one-letter name of an option, with its dash.
fn short_of(name: &str) -> Option<String> {
    let command = command();
    let mut options = command.get_arguments();
    let option = options.find(|option| option.get_long() == name.strip_prefix("--"))?;
    option.get_short().map(|letter| format!("-{letter}"))
}

/// Whether an argument is the option of this name, with or without a value behind an equals sign, or holds it among
/// other letters.
fn is_option(arg: &OsString, name: &str) -> bool {
    let Some(arg) = arg.to_str().filter(|_| !name.is_empty()) else { return false };
    let letter = name.strip_prefix('-').filter(|letter| letter.chars().count() == 1);
    match (arg.strip_prefix(name), letter) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('=') => true,
        (_, Some(letter)) => {
            arg.starts_with('-') && !arg.starts_with("--") && arg.get(1..).is_some_and(|a| a.contains(letter))
        }
        _ => false,
    }
}

/// The file that takes the place of `yett.toml`.
fn config_path(
    matches: &ArgMatches,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Mistake> {
    match texts(matches, CONFIG, "--config")?.and_then(|mut paths| paths.pop()) {
        Some(path) if path.is_empty() => Err(Mistake::new("--config: the path is empty")),
        Some(path) => Ok(Some(path)),
        None => text_of(CONFIG_VARIABLE, variable),
    }
}

fn read_files(
    layers: &mut Layers,
    named: Option<&str>,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    values: Option<FileValues>,
) {
    if named != Some(PROJECT_FILE) {
        layers.read_file(PROJECT_FILE, false, read);
    }
    match (named, values) {
        (_, Some(values)) => layers.read_values(values),
        (Some(path), None) => layers.read_file(path, true, read),
        (None, None) => layers.read_file(OWN_FILE, false, read),
    }
}

/// The commands with options of their own, which the caller carries out when they stand first.
const FIRST: &[&str] = &["migrate", "completions"];

/// What the words of the command line ask for, with the application as far as they name one.
enum Wanted {
    Run(Option<String>),
    Dev(Option<String>),
    Check(Option<String>),
    Config(Option<String>),
    Demo,
}

impl Wanted {
    /// The application, if the command line names one.
    fn target(&self) -> Option<&str> {
        match self {
            Self::Run(target) | Self::Dev(target) | Self::Check(target) | Self::Config(target) => {
                target.as_deref()
            }
            Self::Demo => None,
        }
    }
}

/// `[run|dev|check|config] [APP]` or `demo`.
fn wanted(matches: &ArgMatches) -> Result<Wanted, Mistake> {
    let words = texts(matches, TARGET, "APP")?.unwrap_or_default();
    let mut rest = words.iter();
    let first = rest.next().map_or("", String::as_str);
    let (make, target): (fn(Option<String>) -> Wanted, _) = match first {
        "demo" => (|_| Wanted::Demo, None),
        "run" => (Wanted::Run, rest.next()),
        "dev" => (Wanted::Dev, rest.next()),
        "check" => (Wanted::Check, rest.next()),
        "config" => (Wanted::Config, rest.next()),
        _ => (Wanted::Run, words.first()),
    };
    if let Some(command) = FIRST.iter().find(|command| **command == first) {
        let message = format!("the command {command} stands first, before every option");
        return Err(Mistake::with_hint(message, format!("`yett {command} --help` shows how")));
    }
    if let Some(extra) = rest.next() {
        let near = nearest(
            first,
            ["run", "dev", "check", "config", "demo"].into_iter().chain(FIRST.iter().copied()),
        );
        let advice = did_you_mean(near.filter(|near| *near != first));
        return Err(Mistake::new(format!("unexpected argument '{extra}' after '{first}'{advice}")));
    }
    if target.is_some_and(String::is_empty) {
        return Err(Mistake::with_hint(
            "the application's name is empty",
            "name it like `yett module:attribute`",
        ));
    }
    Ok(make(target.cloned()))
}

fn no_application(matches: &ArgMatches) -> Mistake {
    let access_log = texts(matches, "access_log", "--access-log").ok().flatten();
    let hint = match access_log.as_deref() {
        // `yett --access-log app:app`: the option took the application for its path.
        Some([path]) if looks_like_target(path) => {
            format!("--access-log took '{path}' for its path; write `yett {path} --access-log`")
        }
        _ => "name it like `yett module:attribute`, or as app in yett.toml, or try `yett demo`".into(),
    };
    Mistake::with_hint("no application given", hint)
}

fn looks_like_target(text: &str) -> bool {
    !text.contains(MAIN_SEPARATOR) && text.contains(':')
        || Path::new(text).extension().is_some_and(|e| e == "py" || e == "ini")
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// clap's mistakes in our words.
fn refused(error: &clap::Error) -> Mistake {
    let argument = context(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let command = command();
            let flags: Vec<String> = command
                .get_arguments()
                .filter_map(|option| Some(format!("--{}", option.get_long()?)))
                .collect();
            let message = format!("unknown option '{argument}'");
            Mistake::unknown(message, &argument, flags.iter().map(String::as_str), |setting| {
                format!("--{}", setting.flag())
            })
        }
        ErrorKind::TooManyValues => {
            let (flag, no_flag) = match argument.strip_prefix("--no-") {
                Some(name) => (format!("--{name}"), argument.clone()),
                None => (argument.clone(), format!("--no-{}", argument.trim_start_matches('-'))),
            };
            let is_switch = SETTINGS.iter().any(|row| row.is_switch() && flag == format!("--{}", row.flag()));
            let advice = if is_switch { format!("; write {flag} or {no_flag}") } else { String::new() };
            Mistake::new(format!("{argument} takes no value{advice}"))
        }
        ErrorKind::InvalidValue if context(error, ContextKind::InvalidValue).is_empty() => {
            Mistake::new(format!("a value is missing: {argument}"))
        }
        _ => {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            Mistake::new(line.strip_prefix("error: ").unwrap_or(line))
        }
    }
}

/// Lines without blanks at their ends, and one line end at the end of the text.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}
