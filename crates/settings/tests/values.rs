//! Right and wrong values, by type of setting.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use yett_settings::{Bind, FOREVER, LogTarget, SettingError, Settings, Value};

fn set(name: &str, value: impl Into<Given>) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let result = settings.set(name, value.into().0);
    if result.is_err() {
        assert_eq!(settings, Settings::default(), "{name}: an error must change nothing");
    }
    result.map(|()| settings).map_err(|error| error.to_string())
}

struct Given(Value);

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(Value::Text(text.into()))
    }
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

#[track_caller]
fn refused(name: &str, value: impl Into<Given>, message: &str) {
    assert_eq!(set(name, value).unwrap_err(), message);
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest() {
    refused("bnid", "x", "unknown setting 'bnid' (did you mean 'bind'?)");
    refused("head-timeout", "x", "unknown setting 'head-timeout' (did you mean 'head_timeout'?)");
    refused("certfile", "x", "unknown setting 'certfile'");
    let error = Settings::default().set("bnid", Value::Bool(true)).unwrap_err();
    assert_eq!(error, SettingError::Unknown { name: "bnid".into(), nearest: Some("bind") });
}

#[test]
fn a_wrong_type_says_which_would_do() {
    refused("loop", Value::Int(1), "loop: wrong type; a string is needed");
    refused("backlog", Value::Float(1.0), "backlog: wrong type; an integer is needed");
    refused("server_header", Value::Int(1), "server_header: wrong type; True or False is needed");
    refused("bind", Value::Bool(true), "bind: wrong type; a list of strings is needed");
    refused(
        "limit_head",
        Value::Bool(false),
        "limit_head: wrong type; a number of bytes or a string like \"64KiB\" is needed",
    );
    refused(
        "head_timeout",
        Value::Bool(false),
        "head_timeout: wrong type; a number of seconds or a string like \"30s\" is needed",
    );
    refused("loop", Value::List(vec!["auto".into()]), "loop: wrong type; a string is needed");
}

fn addresses_of(value: impl Into<Given>) -> Vec<Bind> {
    set("bind", value).unwrap().bind.into_iter().map(|listen| listen.address).collect()
}

#[test]
fn addresses() {
    let both = Value::List(vec!["localhost:0".into(), "unix:/run/y.sock".into()]);
    let expected = vec![Bind::Tcp { host: "localhost".into(), port: 0 }, Bind::Unix("/run/y.sock".into())];
    assert_eq!(addresses_of(both), expected);
    assert_eq!(addresses_of("fd://3"), [Bind::Fd(3)]);
    assert_eq!(addresses_of(Value::Int(80)), [Bind::Tcp { host: "127.0.0.1".into(), port: 80 }]);
    assert!(set("bind", "proxy+fd://3").unwrap().bind[0].proxy_protocol);
    refused("bind", Value::List(vec![]), "bind: an address is needed");
    let wrong = "bind=\"::1\": '::1': an IPv6 address stands in brackets: [::1]:8000";
    refused("bind", "::1", wrong);
}

#[test]
fn words() {
    refused("loop", "uvlop", "loop=\"uvlop\": not one of auto, asyncio, uvloop (did you mean 'uvloop'?)");
    let wrong = "log_level=\"INFO2\": not one of error, warning, info, debug (did you mean 'info'?)";
    refused("log_level", "INFO2", wrong);
    assert_eq!(set("log_level", "DEBUG").unwrap(), set("log_level", "debug").unwrap());
    assert_eq!(set("interface", "Wsgi").unwrap(), set("interface", "wsgi").unwrap());
}

#[test]
fn durations() {
    assert_eq!(set("keep_alive_timeout", "off").unwrap().keep_alive_timeout, FOREVER);
    assert_eq!(set("graceful_timeout", "0").unwrap().graceful_timeout, Duration::ZERO);
    let sum = set("head_timeout", Value::Float(0.1 + 0.2)).unwrap().head_timeout;
    assert_eq!(sum, Duration::from_millis(300));
    refused("head_timeout", "off", "head_timeout=\"off\": cannot be off; write the longest time allowed");
    refused("head_timeout", "0s", "head_timeout=\"0s\": must be longer than nothing");
    refused("head_timeout", "30 d", "head_timeout=\"30 d\": longer than a week");
    let wrong = "head_timeout: not a duration; write it like 30s, 500ms, 1.5m or 2h";
    refused("head_timeout", Value::Int(-1), wrong);
    refused("head_timeout", Value::Float(f64::NAN), wrong);
    refused("head_timeout", Value::Float(f64::INFINITY), wrong);
}

#[test]
fn sizes_and_counts() {
    assert_eq!(set("limit_body", "off").unwrap().limit_body, u64::MAX);
    assert_eq!(set("limit_body", "0").unwrap().limit_body, 0);
    assert_eq!(set("response_spool", "0").unwrap().response_spool, 0);
    refused("response_spool", "off", "response_spool=\"off\": cannot be off; write 0 for none");
    let needed = "response_spool: wrong type; a number of bytes or a string like \"64KiB\" is needed";
    refused("response_spool", Value::Bool(false), needed);
    refused("threads", "0", "threads=\"0\": not between 1 and 1024");
    refused("threads", Value::Int(1025), "threads: not between 1 and 1024");
    refused("limit_head", "off", "limit_head=\"off\": not a size; write it like 4096, 64KiB, 10MB or 1GiB");
    refused("limit_head", "1GiB", "limit_head=\"1GiB\": not between 1KiB and 64MiB");
    refused("limit_request_line", "255", "limit_request_line=\"255\": not between 256 and 64MiB");
    refused("limit_fields", "0", "limit_fields=\"0\": not between 1 and 10000");
    refused("limit_fields", "+5", "limit_fields=\"+5\": not a whole number");
    refused("backlog", "", "backlog=\"\": not a whole number");
    refused("backlog", Value::Int(-5), "backlog: not a whole number");
}

#[test]
fn counts_with_a_word() {
    assert_eq!(set("workers", "AUTO").unwrap().workers, None);
    assert_eq!(set("workers", Value::Int(4)).unwrap().workers, Some(4));
    assert_eq!(set("max_requests", Value::Bool(false)).unwrap().max_requests, None);
    assert_eq!(set("max_requests", "off").unwrap().max_requests, None);
    refused("workers", "off", "workers=\"off\": neither a whole number nor `auto`");
    refused("workers", Value::Int(1025), "workers: not between 1 and 512, nor `auto`");
    refused("workers", Value::Bool(false), "workers: wrong type; an integer, or \"auto\" is needed");
    refused("max_requests", "0", "max_requests=\"0\": not between 1 and 1000000000, nor `off`");
    refused("max_requests", Value::Bool(true), "max_requests: wrong type; an integer, or \"off\" is needed");
}

#[test]
fn functions() {
    for text in ["", "hooks:ready", "shop.hooks:Hooks.ready", "größe:_1"] {
        assert_eq!(set("when_ready", text).unwrap().when_ready, text);
    }
    for text in
        ["ready", "hooks:", ":ready", "hooks.:ready", "hooks:ready()", "a:b:c", "hooks.py:ready ", "1a:b"]
    {
        let message = format!("when_ready={text:?}: not a function; name it like module:function");
        refused("when_ready", text, &message);
    }
}

#[test]
fn accounts_and_paths() {
    assert_eq!(set("user", "www-data").unwrap().user, "www-data");
    assert_eq!(set("user", "33").unwrap().user, "33");
    refused("user", "www data", "user=\"www data\": contains ' ', which no name of a user or group can");
    refused("group", "a:b", "group=\"a:b\": contains ':', which no name of a user or group can");
    assert_eq!(set("pid", "/run/my shop.pid").unwrap().pid, "/run/my shop.pid");
    refused("chdir", "/a\0", "chdir=\"/a\\0\": contains a NUL, which no path can");
}

#[test]
fn modes() {
    assert_eq!(set("umask", Value::Int(0o027)).unwrap().umask, Some(0o027));
    assert_eq!(set("umask", "inherit").unwrap().umask, None);
    refused("umask", "umask", "umask=\"umask\": not a file mode; write three octal digits, like 660");
    assert_eq!(set("unix_mode", "0o600").unwrap().unix_mode, Some(0o600));
    assert_eq!(set("unix_mode", "umask").unwrap().unix_mode, None);
    for text in ["", "8", "1777", "+77", "rw-"] {
        let message = format!("unix_mode={text:?}: not a file mode; write three octal digits, like 660");
        refused("unix_mode", text, &message);
    }
}

#[test]
fn access_logs() {
    assert_eq!(set("access_log", "-").unwrap().access_log, LogTarget::Stdout);
    assert_eq!(set("access_log", "/log/a b").unwrap().access_log, LogTarget::Path("/log/a b".into()));
    assert_eq!(set("access_log", Value::Bool(false)).unwrap().access_log, LogTarget::Off);
    refused("access_log", "", "access_log=\"\": the path is empty; write - for standard output");
}

#[test]
fn root_paths() {
    assert_eq!(set("root_path", "/a/b//").unwrap().root_path, "/a/b");
    assert_eq!(set("root_path", "/").unwrap().root_path, "");
    assert_eq!(set("root_path", "").unwrap().root_path, "");
    refused("root_path", "app", "root_path=\"app\": must start with a slash: /app");
    refused("root_path", "/a?b", "root_path=\"/a?b\": contains '?', which no path can");
    refused("root_path", "/a\nb", "root_path=\"/a\\nb\": contains '\\n', which no path can");
}

#[test]
fn paste_names() {
    assert_eq!(set("paste_name", "admin site").unwrap().paste_name, "admin site");
    refused("paste_name", "", "paste_name=\"\": a name is needed");
}

#[test]
fn switches() {
    for text in ["on", "True", "yes", "1"] {
        assert!(set("server_header", text).unwrap().server_header, "{text}");
    }
    for text in ["off", "FALSE", "no", "0"] {
        assert!(!set("server_header", text).unwrap().server_header, "{text}");
    }
    refused("server_header", "maybe", "server_header=\"maybe\": neither on nor off");
}
