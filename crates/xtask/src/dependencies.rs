//! The dependency rule: `proto ← net ← python`; `settings` depends on neither `net` nor `python`; only
//! `python` sees pyo3.
//!
//! The manifests are read directly: `cargo metadata` answers in JSON, which would take a parser, and our
//! manifests are plain (one dependency a line). A form that this reader does not know is reported, not
//! skipped.

use crate::broken;
use crate::finding::Finding;

/// Each crate with the crates of the house that it may use. A crate that is not here needs a written reason
/// first.
const HOUSE: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("net", &["yett-proto"]),
    ("settings", &[]),
    // Gateways write it, and the supervisor will; its formats are tested and fuzzed without an interpreter.
    ("logs", &["yett-settings"]),
    // What is to be done about the workers is decided, and tested, without an interpreter and in virtual time.
    ("supervisor", &["yett-settings", "yett-logs"]),
    ("python", &["yett-proto", "yett-net", "yett-settings", "yett-logs", "yett-supervisor"]),
    ("xtask", &["yett-settings"]),
];

/// Checks the manifest of one crate.
pub fn check(path: &str, text: &str) -> Vec<Finding> {
    let name = path.strip_prefix("crates/").and_then(|path| path.split('/').next()).unwrap_or_default();
    let Some((_, allowed)) = HOUSE.iter().find(|(known, _)| *known == name) else {
        return vec![broken(
            path,
            1,
            format!("crate {name} is not part of the house; give the reason in ARCHITECTURE.md"),
        )];
    };
    let mut findings = Vec::new();
    for (line, dependency) in dependencies(text) {
        let message = match dependency {
            Err(form) => format!("`{form}` is not a form that this check can read"),
            Ok(package) if package.starts_with("yett-") && !allowed.contains(&package) => {
                format!("crate {name} must not depend on {package}")
            }
            Ok(package) if package.starts_with("pyo3") && name != "python" => {
                format!("only crate python may depend on {package}")
            }
            Ok(_) => continue,
        };
        findings.push(broken(path, line, message));
    }
    findings
}

/// The packages of all dependency tables (normal, dev, build, per target), with their lines.
fn dependencies(text: &str) -> Vec<(usize, Result<&str, &str>)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table == "dependencies"
                || table.ends_with("-dependencies")
                || table.ends_with(".dependencies");
            // [dependencies.name]
            if !inside && table.contains("dependencies.") {
                found.push((index + 1, Err(line)));
            }
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            found.push((index + 1, package(line).ok_or(line)));
        }
    }
    found
}

/// `name = "1"`, `name.workspace = true`, `name = { …, package = "other" }`.
fn package(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let name = key.strip_suffix(".workspace").unwrap_or(key).trim_matches('"');
    let renamed = value.split_once("package").and_then(|(_, rest)| rest.split('"').nth(1));
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    // A value broken over several lines hides what it says.
    let closed = value.matches('{').count() == value.matches('}').count();
    (plain && closed).then_some(renamed.unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, manifest: &str) -> Vec<String> {
        let path = format!("crates/{name}/Cargo.toml");
        check(&path, manifest)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn the_house_as_it_should_be_passes() {
        assert_eq!(messages("proto", "[dependencies]\nmemchr.workspace = true\n"), [""; 0]);
        assert_eq!(
            messages("net", "[dependencies]\nyett-proto.workspace = true\n# a comment\n\nlibc = \"0.2\"\n"),
            [""; 0]
        );
        assert_eq!(
            messages("python", "[dependencies]\npyo3 = { version = \"0\" }\nyett-net.workspace = true\n"),
            [""; 0]
        );
    }

    #[test]
    fn a_dependency_against_the_rule_is_found_in_every_table() {
        for table in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            let manifest = format!("[package]\nname = \"x\"\n\n[{table}]\nyett-net.workspace = true\n");
            assert_eq!(
                messages("proto", &manifest),
                ["5: crate proto must not depend on yett-net"],
                "{table}"
            );
            assert_eq!(messages("settings", &manifest).len(), 1, "{table}");
        }
        assert_eq!(messages("net", "[dependencies]\nyett-python = { path = \"../python\" }\n").len(), 1);
    }

    #[test]
    fn only_python_sees_pyo3() {
        for line in
            ["pyo3.workspace = true", "pyo3-ffi = \"1\"", "py = { package = \"pyo3\", version = \"1\" }"]
        {
            let manifest = format!("[dependencies]\n{line}\n");
            assert_eq!(messages("python", &manifest), [""; 0], "{line}");
            assert!(messages("net", &manifest)[0].contains("only crate python"), "{line}");
        }
    }

    #[test]
    fn unknown_crates_and_unknown_forms_are_found() {
        assert!(messages("extra", "")[0].contains("not part of the house"));
        for manifest in
            ["[dependencies.pyo3]\nversion = \"1\"", "[dependencies]\npyo3 = {\n", "[dependencies]\nwhat\n"]
        {
            assert!(messages("net", manifest)[0].contains("not a form"), "{manifest}");
        }
    }

    #[test]
    fn keys_of_other_tables_are_not_dependencies() {
        assert_eq!(messages("proto", "[dependencies]\nmemchr = \"2\"\n[features]\nyett-net = []\n"), [""; 0]);
    }
}
