//! Files made from the settings registry, and the help texts that tests compare.
//!
//! | file          | what it makes                                                  |
//! |---------------|----------------------------------------------------------------|
//! | `completions` | the scripts of `yett completions`                               |
//! | `manual`      | the manual page                                                 |
//! | `schema`      | the JSON Schema of `yett.toml`                                  |
//! | `arguments`   | the types of `yett.run`'s keyword arguments                     |
//! | `usage`       | the ways of calling `yett`, which two of those need             |

mod arguments;
mod completions;
mod manual;
mod schema;
mod usage;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use yett_settings::{Outcome, Sources};

/// What makes the text of a file.
type Maker = fn() -> Result<String, String>;

/// Every file that is made.
const FILES: &[(&str, Maker)] = &[
    ("docs/settings.md", || Ok(yett_settings::reference())),
    ("docs/coming-from.md", || Ok(yett_settings::coming_from())),
    ("crates/settings/tests/help/short.txt", || Ok(help("-h"))),
    ("crates/settings/tests/help/long.txt", || Ok(help("--help"))),
    ("python/yett/_arguments.pyi", || Ok(arguments::stub())),
    ("python/yett/share/yett.bash", completions::bash),
    ("python/yett/share/yett.zsh", completions::zsh),
    ("python/yett/share/yett.fish", completions::fish),
    ("python/yett/share/yett.schema.json", schema::schema),
    ("python/yett.data/data/share/man/man1/yett.1", manual::page),
];

fn help(flag: &str) -> String {
    match yett_settings::parse([OsString::from(flag)], Sources::none()) {
        Outcome::Print { text, .. } => text,
        Outcome::Run(_) => String::new(),
    }
}

/// Writes those that differ.
pub fn write(root: &Path) -> Result<bool, String> {
    for (path, make) in FILES {
        let (target, text) = (root.join(path), make()?);
        if is_current(&target, &text) {
            continue;
        }
        let folder = target.parent().map_or(Ok(()), fs::create_dir_all);
        folder.and_then(|()| fs::write(&target, text)).map_err(|error| format!("{path}: {error}"))?;
        println!("{path}: written");
    }
    Ok(true)
}

/// Names those that differ; false if there are any.
pub fn check(root: &Path) -> Result<bool, String> {
    let stale = stale(root)?;
    for path in &stale {
        println!("{path}: error: out of date; run `cargo xtask generate`");
    }
    Ok(stale.is_empty())
}

fn stale(root: &Path) -> Result<Vec<&'static str>, String> {
    let mut stale = Vec::new();
    for (path, make) in FILES {
        if !is_current(&root.join(path), &make()?) {
            stale.push(*path);
        }
    }
    Ok(stale)
}

fn is_current(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

/// `text` with the one place changed where `from` stands. What other crates write may change with their versions:
/// that must not go by unnoticed.
fn replace_once(text: &str, from: &str, to: &str) -> Result<String, String> {
    if text.matches(from).count() != 1 {
        return Err(format!("what is made does not contain `{from}` exactly once"));
    }
    Ok(text.replacen(from, to, 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_write_wrote_is_current_until_it_changes() {
        let root = std::env::temp_dir().join(format!("yett-generate-{}", std::process::id()));
        let all: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(stale(&root).unwrap(), all);
        assert!(!check(&root).unwrap());
        assert!(write(&root).unwrap());
        assert!(check(&root).unwrap());
        for path in &all {
            let good = fs::read(root.join(path)).unwrap();
            fs::write(root.join(path), "old").unwrap();
            assert_eq!(stale(&root).unwrap(), [*path]);
            assert!(!check(&root).unwrap());
            fs::write(root.join(path), good).unwrap();
        }
        assert!(check(&root).unwrap());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_page_names_every_setting() {
        let page = yett_settings::reference();
        for setting in yett_settings::SETTINGS {
            assert!(page.contains(&format!("\n### {}\n", setting.name)), "{}", setting.name);
            assert!(page.contains(setting.reason), "{}", setting.name);
        }
    }

    #[test]
    fn what_is_not_there_once_is_not_replaced() {
        assert_eq!(replace_once("a b", "b", "c").unwrap(), "a c");
        assert!(replace_once("b b", "b", "c").is_err());
        assert!(replace_once("a", "b", "c").is_err());
    }
}
