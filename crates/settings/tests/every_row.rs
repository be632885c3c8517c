//! Every row of the registry, given as an option, as a variable and from Python: the same value each time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ffi::OsString;

use yett_settings::{Outcome, SETTINGS, Settings, Value, parse};

/// Name, a value other than the default as a user writes it, and the same from Python.
fn samples() -> Vec<(&'static str, &'static str, Value)> {
    let text = |text: &str| Value::Text(text.into());
    vec![
        ("bind", "[::1]:9000", Value::List(vec!["[::1]:9000".into()])),
        ("backlog", "100", Value::Int(100)),
        ("unix_mode", "660", Value::Int(0o660)),
        ("interface", "wsgi", text("wsgi")),
        ("threads", "4", Value::Int(4)),
        ("request_buffering", "off", Value::Bool(false)),
        ("underscore_headers", "allow", text("allow")),
        ("paste_name", "other", text("other")),
        ("loop", "asyncio", text("asyncio")),
        ("lifespan", "off", text("off")),
        ("root_path", "/app/", text("/app")),
        ("eager_tasks", "off", Value::Bool(false)),
        ("log_level", "debug", text("debug")),
        ("access_log", "-", Value::Bool(true)),
        ("server_header", "off", Value::Bool(false)),
        ("head_timeout", "500ms", Value::Float(0.5)),
        ("keep_alive_timeout", "5s", Value::Int(5)),
        ("body_timeout", "off", Value::Bool(false)),
        ("write_timeout", "1.5m", Value::Int(90)),
        ("graceful_timeout", "0", Value::Int(0)),
        ("limit_request_line", "4KiB", Value::Int(4096)),
        ("limit_field", "4KiB", text("4096")),
        ("limit_head", "1MiB", Value::Int(1 << 20)),
        ("limit_fields", "7", Value::Int(7)),
        ("limit_body", "off", Value::Bool(false)),
        ("limit_chunk_line", "100", Value::Int(100)),
        ("limit_trailers", "1k", Value::Int(1024)),
        ("response_spool", "0", Value::Int(0)),
    ]
}

fn parsed(args: &[String], variable: Option<&(String, &str)>) -> Settings {
    let args = ["app:app".to_owned()].into_iter().chain(args.iter().cloned()).map(OsString::from);
    let env = |name: &str| variable.filter(|(n, _)| n == name).map(|(_, value)| value.into());
    match parse(args, env) {
        Outcome::Run(invocation) => invocation.settings,
        Outcome::Print { text, .. } => panic!("{text}"),
    }
}

fn option(name: &str, text: &str) -> Vec<String> {
    let flag = name.replace('_', "-");
    match (name, text) {
        ("eager_tasks" | "request_buffering" | "server_header", "off") => vec![format!("--no-{flag}")],
        ("eager_tasks" | "request_buffering" | "server_header", _) => vec![format!("--{flag}")],
        _ => vec![format!("--{flag}"), text.into()],
    }
}

#[test]
fn the_samples_cover_the_registry() {
    let sampled: BTreeSet<_> = samples().iter().map(|(name, ..)| *name).collect();
    let known: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(sampled, known);
    assert_eq!(known.len(), SETTINGS.len(), "a name stands twice in the registry");
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
fn every_row_is_explained() {
    for setting in SETTINGS {
        assert!(setting.reason.ends_with('.'), "{}: reason", setting.name);
        assert!(setting.details.is_empty() || setting.details.ends_with('.'), "{}: details", setting.name);
        assert!(!setting.help.is_empty() && !setting.help.ends_with('.'), "{}: help", setting.name);
        assert!(setting.help.len() <= 70, "{}: the help line is too long for a terminal", setting.name);
    }
}
