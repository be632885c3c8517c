//! What is wrong with what was given, and what to do about it.

use crate::command_line::{Outcome, exit_code};
use crate::elsewhere::{Foreign, foreign};
use crate::nearest::{did_you_mean, nearest};
use crate::registry::Setting;

/// What most mistakes are followed by.
const SEE_HELP: &str = "`yett --help` lists every option";

/// More than so many are not told: the file is then of another kind altogether.
const MOST_TOLD: usize = 40;
/// What is repeated of a mistyped word or a value, and what is said of it, in characters.
const LONGEST_MESSAGE: usize = 500;

/// Something to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    message: String,
    hint: String,
}

impl Mistake {
    /// One that a look at the help may clear up.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_hint(message, SEE_HELP)
    }

    /// A name that is none of `names`: what it means at another server, where `shown` spells a setting of ours, or
    /// the nearest of them.
    pub fn unknown<'a>(
        message: String,
        name: &str,
        names: impl IntoIterator<Item = &'a str>,
        shown: impl Fn(&Setting) -> String,
    ) -> Self {
        match foreign(name) {
            Some(Foreign::Is(setting)) => Self::new(format!("{message} (here it is '{}')", shown(setting))),
            Some(Foreign::Lacks(reason)) => Self::with_hint(message, format!("{name}: {reason}")),
            // Capitals are slips as well, but not as many as there are letters.
            None => {
                let near = nearest(&name.to_ascii_lowercase(), names);
                Self::new(format!("{message}{}", did_you_mean(near)))
            }
        }
    }

    /// One with advice of its own.
    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// All of them, a line for each, and then what to do.
pub(crate) fn told(mistakes: &[Mistake]) -> Outcome {
    let told = mistakes.get(..MOST_TOLD).unwrap_or(mistakes);
    let mut text: String =
        told.iter().map(|mistake| format!("yett: error: {}\n", shortened(&mistake.message))).collect();
    if told.len() < mistakes.len() {
        text += &format!("yett: error: … and {} more\n", mistakes.len() - told.len());
    }
    let mut hints: Vec<&str> = Vec::new();
    for Mistake { hint, .. } in told {
        if !hints.contains(&hint.as_str()) {
            hints.push(hint);
        }
    }
    text.extend(hints.iter().map(|hint| format!("       {hint}\n")));
    Outcome::Print { text, code: exit_code::USAGE, to_stderr: true }
}

/// Its beginning and its end, which says what is wrong, if it is too long.
fn shortened(message: &str) -> String {
    let characters: Vec<char> = message.chars().collect();
    if characters.len() <= LONGEST_MESSAGE {
        return message.to_owned();
    }
    let (begin, end) = characters.split_at(LONGEST_MESSAGE / 2);
    let end = end.get(end.len() - LONGEST_MESSAGE / 2..).unwrap_or_default();
    begin.iter().chain(&['…']).chain(end).collect()
}
