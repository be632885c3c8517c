//! What a rule has to say.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Worth a thought; passes.
    Advice,
    /// The rule is broken; fails.
    Broken,
}

/// One place where a rule has something to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Path from the root of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Advice => "advice",
            Severity::Broken => "error",
        };
        write!(f, "{}:{}: {word}: {}", self.path, self.line, self.message)
    }
}
