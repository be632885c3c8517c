//! `proto` is sans-I/O: no socket, file, clock, thread or process.

use crate::broken;
use crate::finding::Finding;
use crate::source::lines_with_word;

/// Names of the standard library through which the world outside is reached.
const WORLD: &[&str] = &[
    "fs",
    "thread",
    "process",
    "env",
    "Instant",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "stdout",
    "stderr",
];

/// Checks one Rust file, given without comments and literals.
pub fn check(path: &str, code: &str) -> Vec<Finding> {
    if !path.starts_with("crates/proto/src/") {
        return Vec::new();
    }
    WORLD
        .iter()
        .flat_map(|word| lines_with_word(code, word).map(move |line| (line, word)))
        .filter(|&(line, _)| {
            let line = code.lines().nth(line - 1).unwrap_or_default();
            line.contains("std::") || line.contains("::now(")
        })
        .map(|(line, word)| {
            broken(path, line, format!("`{word}` reaches outside: crate proto knows bytes only"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proto_does_not_reach_outside_and_others_may() {
        for code in [
            "use std::time::Instant;",
            "let now = SystemTime::now();",
            "std::thread::spawn(f);",
            "use std::{fs, io};",
        ] {
            assert_eq!(check("crates/proto/src/h1/connection.rs", code).len(), 1, "{code}");
            assert_eq!(check("crates/net/src/reactor.rs", code), [], "{code}");
        }
        for code in ["use std::fmt;", "let process = 1;", "use std::net::Ipv6Addr;"] {
            assert_eq!(check("crates/proto/src/target.rs", code), [], "{code}");
        }
    }
}
