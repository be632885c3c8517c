//! Files made from the settings registry: the reference page, and the help texts that tests compare.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use yett_settings::{Outcome, Sources};

/// Path and text of every file that is made.
fn files() -> [(&'static str, String); 4] {
    [
        ("docs/settings.md", yett_settings::reference()),
        ("docs/coming-from.md", yett_settings::coming_from()),
        ("crates/settings/tests/help/short.txt", help("-h")),
        ("crates/settings/tests/help/long.txt", help("--help")),
    ]
}

fn help(flag: &str) -> String {
    match yett_settings::parse([OsString::from(flag)], Sources::none()) {
        Outcome::Print { text, .. } => text,
        Outcome::Run(_) => String::new(),
    }
}

/// Writes those that differ.
pub fn write(root: &Path) -> Result<bool, String> {
    for (path, text) in files() {
        let target = root.join(path);
        if is_current(&target, &text) {
            continue;
        }
        fs::write(&target, text).map_err(|error| format!("{path}: {error}"))?;
        println!("{path}: written");
    }
    Ok(true)
}

/// Names those that differ; false if there are any.
pub fn check(root: &Path) -> Result<bool, String> {
    let mut current = true;
    for (path, text) in files() {
        if !is_current(&root.join(path), &text) {
            println!("{path}: error: out of date; run `cargo xtask generate`");
            current = false;
        }
    }
    Ok(current)
}

fn is_current(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_write_wrote_is_current_until_it_changes() {
        let root = std::env::temp_dir().join(format!("yett-generate-{}", std::process::id()));
        for (path, _) in files() {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        }
        assert!(!check(&root).unwrap());
        assert!(write(&root).unwrap());
        assert!(check(&root).unwrap());
        fs::write(root.join("docs/settings.md"), "old").unwrap();
        assert!(!check(&root).unwrap());
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_page_names_every_setting() {
        let [(_, page), ..] = files();
        for setting in yett_settings::SETTINGS {
            assert!(page.contains(&format!("\n### {}\n", setting.name)), "{}", setting.name);
            assert!(page.contains(setting.reason), "{}", setting.name);
        }
    }
}
