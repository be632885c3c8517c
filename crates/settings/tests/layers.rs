//! Files, variables and options together: who wins, what is refused, and how all of it is told.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use yett_settings::{Command, FileValues, Invocation, Outcome, Sources, Value, config_file, parse};

/// A world: files by name, variables by name, and what Python has read.
#[derive(Default)]
struct World {
    files: BTreeMap<&'static str, String>,
    variables: BTreeMap<&'static str, String>,
    values: Option<FileValues>,
}

impl World {
    fn file(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.files.insert(name, text.into());
        self
    }

    fn variable(mut self, name: &'static str, text: &str) -> Self {
        self.variables.insert(name, text.into());
        self
    }

    fn outcome(&self, args: &[&str]) -> Outcome {
        let read = |path: &Path| match self.files.get(path.to_str().unwrap()) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let variable = |name: &str| self.variables.get(name).map(OsString::from);
        let sources = Sources { variable: &variable, read: &read, values: self.values.clone() };
        parse(args.iter().map(OsString::from), sources)
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Invocation {
        match self.outcome(args) {
            Outcome::Run(invocation) => invocation,
            Outcome::Print { text, .. } => panic!("{args:?}: {text}"),
        }
    }

    #[track_caller]
    fn backlog(&self, args: &[&str]) -> usize {
        self.run(args).settings.backlog
    }

    #[track_caller]
    fn printed(&self, args: &[&str]) -> String {
        match self.outcome(args) {
            Outcome::Print { text, code: 0, to_stderr: false } => text,
            other => panic!("{other:?}"),
        }
    }

    /// The mistakes, without `yett: error: ` and without the hint.
    #[track_caller]
    fn mistakes(&self, args: &[&str]) -> Vec<String> {
        let Outcome::Print { text, code: 2, to_stderr: true } = self.outcome(args) else { panic!() };
        text.lines().filter_map(|line| line.strip_prefix("yett: error: ")).map(Into::into).collect()
    }
}

fn world() -> World {
    World::default()
}

#[test]
fn option_over_variable_over_own_file_over_project_over_default() {
    assert_eq!(world().backlog(&["app"]), 2048);
    let world = world().file("pyproject.toml", "[tool.yett]\nbacklog = 1");
    assert_eq!(world.backlog(&["app"]), 1);
    let world = world.file("yett.toml", "backlog = 2");
    assert_eq!(world.backlog(&["app"]), 2);
    let world = world.variable("YETT_BACKLOG", "3");
    assert_eq!(world.backlog(&["app"]), 3);
    assert_eq!(world.backlog(&["app", "--backlog", "4"]), 4);
}

#[test]
fn each_setting_comes_from_the_strongest_layer_that_has_it() {
    let world = world()
        .file("pyproject.toml", "[tool.yett]\nbacklog = 1\nthreads = 1\nlimit_fields = 1")
        .file("yett.toml", "threads = 2\nlimit_fields = 2")
        .variable("YETT_LIMIT_FIELDS", "3");
    let settings = world.run(&["app"]).settings;
    assert_eq!((settings.backlog, settings.threads, settings.limit_fields), (1, 2, 3));
}

#[test]
fn a_named_file_takes_the_place_of_the_own_one() {
    let world = world()
        .file("pyproject.toml", "[tool.yett]\nbacklog = 1\nthreads = 1")
        .file("yett.toml", "backlog = 2")
        .file("etc/a.toml", "backlog = 3")
        .file("b.toml", "backlog = 4");
    assert_eq!(world.backlog(&["app", "--config", "etc/a.toml"]), 3);
    assert_eq!(world.backlog(&["app", "-cb.toml"]), 4);
    assert_eq!(world.run(&["app", "-c", "b.toml"]).settings.threads, 1);
    let world = world.variable("YETT_CONFIG", "etc/a.toml");
    assert_eq!(world.backlog(&["app"]), 3);
    assert_eq!(world.backlog(&["app", "--config", "b.toml"]), 4);
    assert_eq!(world.backlog(&["app", "--config", "pyproject.toml"]), 1);
}

#[test]
fn only_a_named_file_must_be_there() {
    assert_eq!(world().backlog(&["app"]), 2048);
    let missing = world().mistakes(&["app", "--config", "no.toml"]);
    assert_eq!(missing, ["cannot read no.toml: entity not found"]);
    let missing = world().variable("YETT_CONFIG", "no.toml").mistakes(&["app"]);
    assert_eq!(missing, ["cannot read no.toml: entity not found"]);
    assert_eq!(world().mistakes(&["app", "--config", ""]), ["--config: the path is empty"]);
}

#[test]
fn a_project_that_says_nothing_to_us_is_left_alone() {
    assert_eq!(world().file("pyproject.toml", "this is [no TOML").backlog(&["app"]), 2048);
    assert_eq!(world().file("pyproject.toml", "[tool.other]\nyett = 1").backlog(&["app"]), 2048);
    let world = world().file("pyproject.toml", "[tool]\nyett = 1");
    assert_eq!(world.mistakes(&["app"]), ["pyproject.toml:2: tool.yett is not a table"]);
}

#[test]
fn the_application_may_be_named_anywhere() {
    let target = |name: &str| Command::Run { target: name.into() };
    let world = world().file("pyproject.toml", "[tool.yett]\napp = 'a'");
    assert_eq!(world.run(&[]).command, target("a"));
    let world = world.file("yett.toml", "app = 'b'");
    assert_eq!(world.run(&["run"]).command, target("b"));
    let world = world.variable("YETT_APP", "c");
    assert_eq!(world.run(&["-b", ":80"]).command, target("c"));
    assert_eq!(world.run(&["d"]).command, target("d"));
    assert_eq!(world.run(&["check"]).command, Command::Check { target: "c".into() });
    assert_eq!(world.run(&["check", "d"]).command, Command::Check { target: "d".into() });
    assert_eq!(world.run(&["demo"]).command, Command::Demo);
}

#[test]
fn values_that_python_has_read_stand_in_the_place_of_the_own_file() {
    let values = vec![
        ("app".into(), Value::Text("a:b".into()), 1),
        ("backlog".into(), Value::Int(5), 2),
        ("unix_mode".into(), Value::Int(0o600), 3),
    ];
    let mut world = world()
        .file("pyproject.toml", "[tool.yett]\nbacklog = 1\nthreads = 1")
        .file("yett.toml", "backlog = 2\nlimit_fields = 2");
    world.values = Some(FileValues { path: "gunicorn.conf.py".into(), values });
    let args = ["--config", "gunicorn.conf.py"];
    let invocation = world.run(&args);
    assert_eq!(invocation.command, Command::Run { target: "a:b".into() });
    let settings = invocation.settings;
    assert_eq!((settings.backlog, settings.unix_mode, settings.threads), (5, Some(0o600), 1));
    assert_eq!(settings.limit_fields, 100);
    assert!(world.printed(&["config", "-c", "gunicorn.conf.py"]).contains("  gunicorn.conf.py:2\n"));

    let values = vec![
        ("bnid".into(), Value::Bool(true), 7),
        ("threads".into(), Value::Text("x".into()), 8),
        ("server_header".into(), Value::Int(1), 0),
    ];
    world.values = Some(FileValues { path: "g.py".into(), values });
    assert_eq!(
        world.mistakes(&["app"]),
        [
            "g.py:7: unknown setting 'bnid' (did you mean 'bind'?)",
            "g.py:8: threads=\"x\": not a whole number",
            "g.py: server_header: wrong type; True or False is needed"
        ]
    );
}

#[test]
fn only_python_files_are_for_python_to_read() {
    let named = |args: &[&str], variable: Option<&str>| {
        let variable = variable.map(OsString::from);
        config_file(args.iter().map(OsString::from), &|name| {
            variable.clone().filter(|_| name == "YETT_CONFIG")
        })
    };
    assert_eq!(named(&["app"], None), None);
    assert_eq!(named(&["app", "--config", "a/g.conf.py", "--no-such"], None).as_deref(), Some("a/g.conf.py"));
    assert_eq!(named(&["app", "-c", "yett.toml"], Some("g.py")), None);
    assert_eq!(named(&["app"], Some("g.py")).as_deref(), Some("g.py"));
    assert_eq!(named(&["--help", "-c", "g.py"], None), None);
}

/// What a person sees who has made every kind of mistake at once: `cargo xtask generate` does not write it.
#[test]
fn all_mistakes_are_told_together() {
    let world = world()
        .file("yett.toml", include_str!("mistakes/yett.toml"))
        .file("pyproject.toml", include_str!("mistakes/pyproject.toml"))
        .variable("YETT_BIND", "127.0.0.1:80,:x")
        .variable("YETT_LOG_LEVEL", "debgu");
    let args = ["app", "--lop", "asyncio", "--head-timeout=10x", "--backlog", "--threads", "0"];
    let Outcome::Print { text, .. } = world.outcome(&args) else { panic!() };
    assert_eq!(text, include_str!("mistakes/told.txt"));
}

#[test]
fn tables_are_refused_with_what_to_write_instead() {
    let own = world().file("yett.toml", "[tool.yett]\nbacklog = 1\n");
    let advice = "settings stand in this file without [tool.yett]";
    assert_eq!(own.mistakes(&["app"]), [format!("yett.toml:1: there is no table 'tool'; {advice}")]);
    let project = world().file("pyproject.toml", "[project]\n[tool.yett.limits]\nbody = 1\n");
    let advice = "settings stand side by side, like head_timeout = \"5s\"";
    assert_eq!(
        project.mistakes(&["app"]),
        [format!("pyproject.toml:2: there is no table 'limits'; {advice}")]
    );
    let dotted = world().file("yett.toml", "backlog = 1\nlimit.body = 1\n");
    assert_eq!(dotted.mistakes(&["app"]), [format!("yett.toml:2: there is no table 'limit'; {advice}")]);
}

#[test]
fn names_of_other_servers_are_told_with_ours() {
    let world = world().file("yett.toml", "keepalive = 5\ncertfile = 4\nHEAD_TIMEOUT = 5");
    assert_eq!(
        world.mistakes(&["app"]),
        [
            "yett.toml:1: unknown setting 'keepalive' (here it is 'keep_alive_timeout')",
            "yett.toml:2: unknown setting 'certfile'",
            "yett.toml:3: unknown setting 'HEAD_TIMEOUT' (did you mean 'head_timeout'?)"
        ]
    );
}

#[test]
fn a_file_mode_is_never_a_decimal_number() {
    for (written, mode) in [("0o440", 0o440), ("'440'", 0o440), ("'0o440'", 0o440)] {
        let world = world().file("yett.toml", format!("unix_mode = {written}"));
        assert_eq!(world.run(&["app"]).settings.unix_mode, Some(mode), "{written}");
    }
    assert_eq!(
        world().file("yett.toml", "unix_mode = 440").mistakes(&["app"]),
        ["yett.toml:1: unix_mode = 440: not an octal number; write it like \"440\" or 0o440"]
    );
}

#[test]
fn who_names_the_application_in_a_file_that_cannot_be_read_has_named_it() {
    for text in ["app = 'a:b'\nbacklog = \n", "app = 'a:b'\napp = 'a:b'"] {
        let mistakes = world().file("yett.toml", text).mistakes(&[]);
        assert!(mistakes.len() == 1 && mistakes[0].contains("not valid TOML"), "{mistakes:?}");
    }
    assert_eq!(world().mistakes(&["-c", "no.toml"]), ["cannot read no.toml: entity not found"]);
    assert_eq!(world().file("yett.toml", "threads = 4").mistakes(&[]), ["no application given"]);
}

#[test]
fn a_file_of_another_kind_does_not_fill_the_screen() {
    let mistakes = world().file("yett.toml", "This is no TOML.\n".repeat(1000)).mistakes(&["app"]);
    assert_eq!(mistakes.len(), 41);
    assert!(mistakes[39].starts_with("yett.toml:40: ") && mistakes[40] == "… and 960 more", "{mistakes:?}");
    let long = "x".repeat(100_000);
    let mistakes = world().variable("YETT_LOOP", &long).mistakes(&["app", &format!("--{long}")]);
    assert!(mistakes[0].starts_with("unknown option '--xxx"), "{mistakes:?}");
    assert!(mistakes[1].ends_with("xxx: not one of auto, asyncio, uvloop"), "{mistakes:?}");
    assert!(mistakes.iter().all(|mistake| mistake.chars().count() == 501));
}

#[test]
fn wrong_toml_is_told_with_its_lines() {
    let mistakes = world().file("yett.toml", "backlog = 1\nthreads = \n\nbind = [\"a\"\n").mistakes(&["app"]);
    assert!(mistakes.iter().all(|line| line.contains(": not valid TOML: ")), "{mistakes:?}");
    assert!(mistakes[0].starts_with("yett.toml:2: ") && mistakes[1].starts_with("yett.toml:4: "));
    let mistakes = world().file("yett.toml", "backlog = 1\nbacklog = 2\n").mistakes(&["app"]);
    assert!(mistakes[0].starts_with("yett.toml:2: not valid TOML: duplicate key"), "{mistakes:?}");
}

#[test]
fn each_type_of_toml_is_the_value_that_python_has() {
    let text = "bind = ['127.0.0.1:1', 'unix:a']\nunix_mode = 0o640\nserver_header = false\n\
                head_timeout = 1.5\nbody_timeout = 7\nwrite_timeout = false\nlimit_body = 1_000\n\
                limit_head = '2KiB'\naccess_log = true\ntrusted_proxies = []\n";
    let settings = world().file("yett.toml", text).run(&["app"]).settings;
    let shown = |name| settings.show(name).unwrap();
    assert_eq!(shown("bind"), "127.0.0.1:1 unix:a");
    assert_eq!(settings.unix_mode, Some(0o640));
    assert!(!settings.server_header);
    assert_eq!(
        ["head_timeout", "body_timeout", "write_timeout"].map(shown),
        ["1500ms", "7s", "off"].map(String::from)
    );
    assert_eq!((settings.limit_body, settings.limit_head), (1000, 2048));
    assert_eq!((shown("access_log"), shown("trusted_proxies")), ("-".into(), "none".into()));
}

#[test]
fn config_tells_value_and_origin_of_every_setting() {
    let world = world()
        .file("pyproject.toml", "\n[tool.yett]\nbacklog = 7\nroot_path = '/a \"b\"\u{e9}'")
        .file("yett.toml", "keep_alive_timeout = 'off'")
        .variable("YETT_THREADS", "4");
    let args = ["config", "a:b", "-b", ":80", "--no-server-header"];
    let table = world.printed(&args);
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    for (name, value, origin) in [
        ("setting", "value", "from"),
        ("app", "a:b", "APP"),
        ("bind", "0.0.0.0:80", "--bind"),
        ("backlog", "7", "pyproject.toml:3"),
        ("threads", "4", "YETT_THREADS"),
        ("keep_alive_timeout", "off", "yett.toml:1"),
        ("server_header", "off", "--no-server-header"),
        ("head_timeout", "10s", "default"),
    ] {
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        let rest: Vec<&&str> = row[1..].iter().filter(|part| !part.is_empty()).collect();
        assert_eq!(rest, [&value, &origin], "{name}");
    }
    assert_eq!(rows.len(), yett_settings::SETTINGS.len() + 2);

    let json = world.printed(&["config", "--json"]);
    for part in [
        "\"app\": null",
        "\"backlog\": {\"value\": 7, \"text\": \"7\", \"from\": \"file\", \"where\": \"pyproject.toml:3\"}",
        "\"keep_alive_timeout\": {\"value\": false, \"text\": \"off\", \"from\": \"file\", ",
        "\"threads\": {\"value\": 4, \"text\": \"4\", \"from\": \"environment\", \"where\": \"YETT_THREADS\"}",
        "\"head_timeout\": {\"value\": 10, \"text\": \"10s\", \"from\": \"default\", \"where\": null}",
        "\"root_path\": {\"value\": \"/a \\\"b\\\"\u{e9}\"",
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    assert_eq!(world.mistakes(&["app", "--json"]), ["--json goes with `yett config`"]);
}
