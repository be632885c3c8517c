//! What is wrong with what was given, and what to do about it.

use crate::command_line::{Outcome, exit_code};

/// What most mistakes are followed by.
const SEE_HELP: &str = "`yett --help` lists every option";

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

    /// One with advice of its own.
    pub fn with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// All of them, a line for each, and then what to do.
pub(crate) fn told(mistakes: &[Mistake]) -> Outcome {
    let mut text: String =
        mistakes.iter().map(|mistake| format!("yett: error: {}\n", mistake.message)).collect();
    let mut hints: Vec<&str> = Vec::new();
    for Mistake { hint, .. } in mistakes {
        if !hints.contains(&hint.as_str()) {
            hints.push(hint);
        }
    }
    text.extend(hints.iter().map(|hint| format!("       {hint}\n")));
    Outcome::Print { text, code: exit_code::USAGE, to_stderr: true }
}
