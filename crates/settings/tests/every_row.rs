//! Every row of the registry, given as an option, as a variable and from Python: the same value each time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ffi::OsString;

use yett_settings::{Outcome, SETTINGS, Settings, Sources, Value, parse};

/// Name, the sample as a user writes it, and the same from Python.
fn samples() -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    SETTINGS.iter().map(|setting| (setting.name, setting.sample.0, setting.sample.1()))
}

fn parsed(args: &[String], variable: Option<&(String, &str)>) -> Settings {
    let args = ["app:app".to_owned()].into_iter().chain(args.iter().cloned()).map(OsString::from);
    let env = |name: &str| variable.filter(|(n, _)| n == name).map(|(_, value)| value.into());
    match parse(args, Sources { variable: &env, ..Sources::none() }) {
        Outcome::Run(invocation) => invocation.settings,
        Outcome::Print { text, .. } => panic!("{text}"),
    }
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

#[test]
fn option_variable_and_python_give_the_same_value() {
    for (name, text, value) in samples() {
        let by_option = parsed(&option(name, text), None);
        let by_variable = parsed(&[], Some(&(format!("YETT_{}", name.to_uppercase()), text)));
        let mut by_python = Settings::default();
        by_python.set(name, value).unwrap();
        assert_ne!(by_option, Settings::default(), "{name}: the sample is the default");
        assert_eq!(by_option, by_variable, "{name}");
        assert_eq!(by_option, by_python, "{name}");
    }
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
