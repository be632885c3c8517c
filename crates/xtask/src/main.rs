//! Chores of the house: `cargo xtask rules` checks the house rules that a machine can check, `cargo xtask
//! generate` writes the files that are made from the settings registry (`--check`: says which are out of
//! date).
//!
//! A rule is a function from text to findings, so that its tests need no files.

#![forbid(unsafe_code)]
// A command-line tool speaks on its standard output.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod dependencies;
mod finding;
mod generate;
mod purity;
mod sizes;
mod source;
mod tree;
mod unsafety;

use std::path::Path;
use std::process::ExitCode;

use finding::{Finding, Severity};
use tree::Tree;

const USAGE: &str = "usage: cargo xtask rules | generate [--check]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = tree::root();
    let result = match words.as_slice() {
        ["rules"] => rules(&root),
        ["generate"] => generate::write(&root),
        ["generate", "--check"] => generate::check(&root),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Applies every rule to the tree. False if any was broken.
fn rules(root: &Path) -> Result<bool, String> {
    let tree = Tree::read(root)?;
    let mut findings = Vec::new();
    for file in &tree.files {
        findings.extend(sizes::check(&file.path, &file.text));
        if file.path.ends_with(".rs") {
            let code = source::code_only(&file.text);
            findings.extend(unsafety::check(&file.path, &file.text, &code));
            findings.extend(purity::check(&file.path, &code));
        }
        if file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml") {
            findings.extend(dependencies::check(&file.path, &file.text));
        }
    }
    for finding in &findings {
        println!("{finding}");
    }
    let broken = findings.iter().filter(|finding| finding.severity == Severity::Broken).count();
    println!("house rules: {} files looked at, {broken} rules broken", tree.files.len());
    Ok(broken == 0)
}

/// A finding that breaks a rule.
fn broken(path: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding { severity: Severity::Broken, path: path.into(), line, message: message.into() }
}
