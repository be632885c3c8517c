//! Every row of the registry through every source, as an option, as a variable, in files and from Python: the same
//! value each time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use proptest::prelude::*;

use yett_settings::{FileValues, Outcome, SETTINGS, Settings, Sources, Value, config_file, parse};

/// Name, the sample as a user writes it, and the same from Python.
fn samples() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    SETTINGS.iter().map(|setting| (setting.name, setting.sample.0, setting.sample.1()))
}

fn parsed(args: &[String], variable: Option<&(String, &str)>) -> Settings {
    let args = ["app:app".to_owned()].into_iter().chain(args.iter().cloned()).map(OsString::from);
    let env = |name: &str| variable.filter(|(n, _)| n == name).map(|(_, value)| value.into());
    settings(parse(args, Sources { variable: &env, ..Sources::none() })).unwrap()
}

fn option(name: &str, text: &str) -> Vec<String> {
    let flag = name.replace('_', "-");
    let is_switch = SETTINGS.iter().any(|setting| setting.name == name && setting.placeholder.is_empty());
    match (is_switch, text) {
        (true, "off") => vec![format!("--no-{flag}")],
        (true, _) => vec![format!("--{flag}")],
        (false, _) => vec![format!("--{flag}"), text.into()],
    }
}

#[test]
fn no_name_stands_twice_in_the_registry() {
    let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names.len(), SETTINGS.len());
}

/// By a file of this name that says this.
fn by_file(name: &str, text: &str) -> Result<Settings, String> {
    let read = |path: &Path| match path.to_str() {
        Some(asked) if asked == name => Ok(text.as_bytes().to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    settings(parse([OsString::from("app:app")], Sources { read: &read, ..Sources::none() }))
}

fn settings(outcome: Outcome) -> Result<Settings, String> {
    match outcome {
        Outcome::Run(invocation) => Ok(invocation.settings),
        Outcome::Print { text, .. } => Err(text),
    }
}

/// A value as TOML writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(text) => toml_text(text),
        Value::List(texts) => {
            format!("[{}]", texts.iter().map(|text| toml_text(text)).collect::<Vec<_>>().join(","))
        }
    }
}

fn toml_text(text: &str) -> String {
    let escaped = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_string(),
        c => format!("\\U{:08X}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[test]
fn every_source_gives_the_same_value() {
    for (name, text, value) in samples() {
        let by_option = parsed(&option(name, text), None);
        let by_variable = parsed(&[], Some(&(format!("YETT_{}", name.to_uppercase()), text)));
        let mut by_python = Settings::default();
        by_python.set(name, value.clone()).unwrap();
        let from_file = FileValues { path: "g.py".into(), values: vec![(name.into(), value.clone(), 1)] };
        let sources = Sources { values: Some(from_file), ..Sources::none() };
        let by_python_file = settings(parse([OsString::from("app:app")], sources)).unwrap();
        assert_ne!(by_option, Settings::default(), "{name}: the sample is the default");
        assert_eq!(by_option, by_variable, "{name}");
        assert_eq!(by_option, by_python, "{name}");
        assert_eq!(by_option, by_python_file, "{name}");
        let written = match value {
            // A decimal number is not taken for a mode.
            Value::Int(mode) if matches!(name, "unix_mode" | "umask") => format!("0o{mode:o}"),
            _ => toml(&value),
        };
        for written in [written, toml_text(text)] {
            let own = by_file("yett.toml", &format!("{name} = {written}")).unwrap();
            let project = by_file("pyproject.toml", &format!("[tool.yett]\n{name} = {written}")).unwrap();
            assert_eq!((&by_option, &by_option), (&own, &project), "{name} = {written}");
        }
    }
}

proptest! {

    /// Whatever text a row is given: every source takes it for the same value, or every one refuses it.
    #[test]
    fn every_source_judges_a_text_alike(row in 0..SETTINGS.len(), text in text()) {
        let setting = &SETTINGS[row];
        let (name, variable) = (setting.name, setting.variable());
        let mut by_python = Settings::default();
        let python = by_python.set(name, Value::Text(text.clone())).map(|()| by_python).ok();
        let toml = format!("{name} = {}", toml_text(&text));
        prop_assert_eq!(&by_file("yett.toml", &toml).ok(), &python);
        prop_assert_eq!(&by_file("pyproject.toml", &format!("[tool.yett]\n{toml}")).ok(), &python);
        // An empty variable is not set, and one holds several addresses.
        if !text.is_empty() && (name != "bind" || !text.contains([',', ' ', '\t', '\n', '\r', '\x0c'])) {
            let env = |asked: &str| (asked == variable).then(|| text.clone().into());
            let sources = Sources { variable: &env, ..Sources::none() };
            prop_assert_eq!(&settings(parse([OsString::from("app")], sources)).ok(), &python);
        }
        if !setting.is_switch() {
            let args = ["app".to_owned(), format!("--{}={text}", setting.flag())].map(OsString::from);
            prop_assert_eq!(&settings(parse(args, Sources::none())).ok(), &python);
        }
    }

    /// Numbers, truth values and lists: a file and Python agree, and nothing panics.
    #[test]
    fn files_and_python_judge_other_types_alike(row in 0..SETTINGS.len(), value in other_value()) {
        let name = SETTINGS[row].name;
        let mut by_python = Settings::default();
        let python = by_python.set(name, value.clone()).map(|()| by_python).ok();
        prop_assert_eq!(by_file("yett.toml", &format!("{name} = {}", toml(&value))).ok(), python);
    }

    /// Files of anything: an error at the most.
    #[test]
    fn no_file_is_too_strange(text in "\\PC*|([a-z_]{1,12} *= *[\"'\\[{0-9a-z.\\]}\n-]{0,9}\n){0,9}") {
        let _ = by_file("yett.toml", &text);
        let _ = by_file("pyproject.toml", &format!("# yett\n{text}"));
    }

    /// Command lines of anything.
    #[test]
    fn no_command_line_is_too_strange(args in proptest::collection::vec(argument(), 0..6)) {
        let _ = parse(args.iter().map(OsString::from), Sources::none());
        let _ = config_file(args.iter().map(OsString::from), &|_| None);
    }
}

/// Texts that are nearly right for some row, and any others.
fn text() -> impl Strategy<Value = String> {
    let samples: Vec<&'static str> = SETTINGS.iter().flat_map(|row| [row.sample.0, row.default]).collect();
    prop_oneof![
        proptest::sample::select(samples).prop_map(Into::into),
        "[0-9]{1,4}(\\.[0-9]{1,3})? ?(ms|s|m|h|d|k|KiB|MB|GiB)?",
        "(proxy\\+)?(unix:|fd://|\\[::1\\]:|127\\.0\\.0\\.1:|:)?[a-z0-9/]{0,6}",
        "(on|off|auto|none|all|-|syslog:?[a-z0-9/:]{0,8})",
        ".*",
    ]
}

fn other_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1i64..100_000).prop_map(Value::Int),
        proptest::num::f64::POSITIVE.prop_map(Value::Float),
        (0.0..1e6).prop_map(Value::Float),
        proptest::collection::vec(text(), 0..3).prop_map(Value::List),
    ]
}

fn argument() -> impl Strategy<Value = String> {
    let flags: Vec<String> = SETTINGS.iter().map(|row| format!("--{}", row.flag())).collect();
    prop_oneof![
        proptest::sample::select(flags),
        text(),
        "--?[a-z-]{0,8}(=.*)?",
        "(run|demo|check|config|--json|--config|-c|--)",
    ]
}

#[test]
fn each_row_writes_a_field_of_its_own() {
    let mut all = Settings::default();
    for (name, _, value) in samples() {
        all.set(name, value).unwrap();
    }
    for (name, text, _) in samples() {
        assert_eq!(all.show(name), parsed(&option(name, text), None).show(name), "{name}");
    }
}

#[test]
fn every_default_is_a_value_that_its_row_accepts_and_shows() {
    let defaults = Settings::default();
    for setting in SETTINGS {
        let mut settings = defaults.clone();
        if !setting.default.is_empty() {
            settings.set(setting.name, Value::Text(setting.default.into())).unwrap();
        }
        assert_eq!(settings, defaults, "{}", setting.name);
        assert_eq!(defaults.show(setting.name).as_deref(), Some(setting.default), "{}", setting.name);
    }
}

#[test]
fn the_option_wins_over_the_variable_and_the_variable_over_the_default() {
    let variable = ("YETT_BACKLOG".to_owned(), "100");
    assert_eq!(parsed(&[], Some(&variable)).backlog, 100);
    assert_eq!(parsed(&option("backlog", "200"), Some(&variable)).backlog, 200);
    let off = ("YETT_SERVER_HEADER".to_owned(), "no");
    assert!(!parsed(&[], Some(&off)).server_header);
    assert!(parsed(&option("server_header", "on"), Some(&off)).server_header);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(parsed(&[], Some(&("YETT_BACKLOG".into(), ""))), Settings::default());
}

#[test]
fn every_value_read_by_name_can_be_set_again() {
    let mut all = Settings::default();
    for (name, _, value) in samples() {
        all.set(name, value).unwrap();
    }
    for (which, settings) in [("default", Settings::default()), ("sample", all)] {
        let mut again = settings.clone();
        for setting in SETTINGS {
            let value = settings.get(setting.name).unwrap();
            // The number that stands for `off` is not one that a user may write.
            if settings.show(setting.name).as_deref() != Some("off") || matches!(value, Value::Bool(_)) {
                again.set(setting.name, value).unwrap();
            }
        }
        assert_eq!(again, settings, "{which}");
    }
    assert_eq!(Settings::default().get("bnid"), None);
}

#[test]
fn every_row_is_explained() {
    for setting in SETTINGS {
        assert!(setting.reason.ends_with('.'), "{}: reason", setting.name);
        assert!(setting.details.is_empty() || setting.details.ends_with('.'), "{}: details", setting.name);
        assert!(!setting.help.is_empty() && !setting.help.ends_with('.'), "{}: help", setting.name);
        assert!(setting.help.len() <= 70, "{}: the help line is too long for a terminal", setting.name);
    }
}
