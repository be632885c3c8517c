//! File sizes: past 400 lines a file may be two things, past 800 it is.

use crate::broken;
use crate::finding::{Finding, Severity};

const ADVISED: usize = 400;
const MOST: usize = 800;

/// Folders in which a long file is a long list of cases.
const EXEMPT: &[&str] = &["tests", "fuzz"];

/// Checks one Rust or Python file.
pub fn check(path: &str, text: &str) -> Option<Finding> {
    if !(path.ends_with(".rs") || path.ends_with(".py")) || is_exempt(path) {
        return None;
    }
    let lines = text.lines().count();
    if lines > MOST {
        return Some(broken(
            path,
            MOST,
            format!("{lines} lines: past {MOST} a file is two things; divide it"),
        ));
    }
    (lines > ADVISED).then(|| Finding {
        severity: Severity::Advice,
        path: path.into(),
        line: ADVISED,
        message: format!("{lines} lines: past {ADVISED} ask whether this is two things"),
    })
}

fn is_exempt(path: &str) -> bool {
    path.split('/').any(|folder| EXEMPT.contains(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(path: &str, lines: usize) -> Option<Severity> {
        check(path, &"x\n".repeat(lines)).map(|finding| finding.severity)
    }

    #[test]
    fn sizes_are_judged() {
        assert_eq!(severity("crates/net/src/reactor.rs", 400), None);
        assert_eq!(severity("crates/net/src/reactor.rs", 401), Some(Severity::Advice));
        assert_eq!(severity("crates/net/src/reactor.rs", 800), Some(Severity::Advice));
        assert_eq!(severity("crates/net/src/reactor.rs", 801), Some(Severity::Broken));
        assert_eq!(severity("python/yett/server.py", 801), Some(Severity::Broken));
    }

    #[test]
    fn tests_and_other_files_may_be_long() {
        for path in ["tests/http1/test_a.py", "crates/proto/tests/a.rs", "fuzz/a.rs", "Cargo.lock"] {
            assert_eq!(severity(path, 5000), None, "{path}");
        }
        assert_eq!(severity("crates/proto/src/tests.rs", 801), Some(Severity::Broken));
    }
}
