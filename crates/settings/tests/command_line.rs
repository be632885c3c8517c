//! What command lines and environments mean, and how mistakes are answered.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use yett_settings::{
    Bind, Command, Invocation, LogLevel, LogTarget, LoopKind, Outcome, Sources, environment_warnings, parse,
};

fn outcome(args: &[&str]) -> Outcome {
    parse(args.iter().map(OsString::from), Sources::none())
}

#[track_caller]
fn run(args: &[&str]) -> Invocation {
    match outcome(args) {
        Outcome::Run(invocation) => invocation,
        Outcome::Print { text, .. } => panic!("{args:?}: {text}"),
    }
}

#[track_caller]
fn refused_by(outcome: Outcome) -> String {
    match outcome {
        Outcome::Print { text, code: 2, to_stderr: true } => {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2, "a line that says what is wrong, a line that says what to do: {text}");
            assert!(lines[0].starts_with("yett: error: ") && lines[1].starts_with("       "), "{text}");
            assert!(text.ends_with('\n'));
            text
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(args: &[&str], part: &str) {
    let text = refused_by(outcome(args));
    assert!(text.contains(part), "{args:?}: {text:?} does not say {part:?}");
}

#[track_caller]
fn printed(args: &[&str]) -> String {
    match outcome(args) {
        Outcome::Print { text, code: 0, to_stderr: false } => text,
        other => panic!("{other:?}"),
    }
}

fn target(name: &str) -> Command {
    Command::Run { target: name.into() }
}

#[test]
fn the_application_may_stand_anywhere() {
    for args in [
        &["app:app", "--loop", "asyncio"][..],
        &["--loop", "asyncio", "app:app"],
        &["--loop=asyncio", "run", "app:app"],
        &["run", "--loop", "asyncio", "app:app"],
        &["run", "app:app", "--loop=asyncio"],
    ] {
        let invocation = run(args);
        assert_eq!(invocation.command, target("app:app"), "{args:?}");
        assert_eq!(invocation.settings.loop_kind, LoopKind::Asyncio, "{args:?}");
    }
}

#[test]
fn an_application_may_be_called_like_a_subcommand() {
    assert_eq!(run(&["demo"]).command, Command::Demo);
    assert_eq!(run(&["demo", "-b", "8001"]).command, Command::Demo);
    assert_eq!(run(&["run", "demo"]).command, target("demo"));
    assert_eq!(run(&["run", "run"]).command, target("run"));
    assert_eq!(run(&["demo:app"]).command, target("demo:app"));
}

#[test]
fn dev_shows_requests_and_stays_on_this_machine() {
    let dev = run(&["dev", "app:app"]);
    assert_eq!(dev.command, Command::Dev { target: "app:app".into() });
    assert_eq!(dev.settings.access_log, LogTarget::Stderr);
    assert_eq!(dev.settings.access_log_format, "dev");
    assert_eq!(dev.settings.log_level, LogLevel::Warning);
    assert_eq!(run(&["dev", "app:app", "--log-level", "info"]).settings.log_level, LogLevel::Info);
    let dev = run(&["dev", "app:app", "--access-log", "off", "--access-log-format", "json"]);
    assert_eq!(dev.settings.access_log, LogTarget::Off);
    assert_eq!(dev.settings.access_log_format, "json");
    assert_eq!(run(&["run", "dev"]).settings.access_log, LogTarget::Off);
    run(&["dev", "app:app", "-b", "localhost:1", "-b", "[::1]:2", "-b", "unix:a.sock"]);
    for address in [":8000", "0.0.0.0:80", "[::]:80", "192.168.0.1", "example.com", "fd://3"] {
        refused(&["dev", "app:app", "-b", address], "--bind: `yett dev` does not listen on ");
    }
    refused(&["dev"], "no application given");
    refused(&["dev", "app", "more"], "unexpected argument 'more' after 'dev'");
}

#[test]
fn bind_may_be_repeated_and_other_options_take_the_last() {
    let invocation = run(&["app", "-b", ":80", "-bfd://3", "--loop", "uvloop", "--loop", "asyncio"]);
    let binds: Vec<Bind> = invocation.settings.bind.into_iter().map(|listen| listen.address).collect();
    assert_eq!(binds, [Bind::Tcp { host: "0.0.0.0".into(), port: 80 }, Bind::Fd(3)]);
    assert_eq!(invocation.settings.loop_kind, LoopKind::Asyncio);
    assert!(run(&["app", "--no-server-header", "--server-header"]).settings.server_header);
    assert!(!run(&["app", "--server-header", "--no-server-header"]).settings.server_header);
}

#[test]
fn lists_are_separated_by_commas_and_may_be_repeated_and_emptied() {
    let trusted = |args: &[&str]| run(&[&["app"], args].concat()).settings.trusted_proxies;
    assert_eq!(trusted(&[]), ["127.0.0.0/8", "::1", "unix"]);
    let three = ["10.0.0.1", "10.0.0.2", "unix"];
    assert_eq!(trusted(&["--trusted-proxies", "10.0.0.1,10.0.0.2", "--trusted-proxies", "unix"]), three);
    assert_eq!(trusted(&["--trusted-proxies", "10.0.0.1, 10.0.0.2 unix"]), three);
    assert_eq!(trusted(&["--trusted-proxies", "none"]), [""; 0]);
    refused(
        &["app", "--forwarded-headers", "X-Forwarded-For,x-forwarded-prot"],
        "--forwarded-headers: 'x-forwarded-prot': not one of forwarded, x-forwarded-for, ",
    );
}

#[test]
fn the_access_log_needs_no_path() {
    assert_eq!(run(&["app", "--access-log"]).settings.access_log, LogTarget::Stdout);
    assert_eq!(run(&["app", "--access-log", "-", "-b", "80"]).settings.access_log, LogTarget::Stdout);
    assert_eq!(run(&["app", "--access-log", "-b", "80"]).settings.access_log, LogTarget::Stdout);
    assert_eq!(run(&["app", "--access-log", "a.log"]).settings.access_log, LogTarget::Path("a.log".into()));
    refused(&["--access-log", "app:app"], "write `yett app:app --access-log`");
    refused(&["--access-log", "app.py"], "write `yett app.py --access-log`");
}

#[test]
fn mistakes_are_named_with_the_nearest_right_name() {
    refused(&["app", "--bnd", "x"], "unknown option '--bnd' (did you mean '--bind'?)");
    refused(&["app", "--head-timout=1"], "(did you mean '--head-timeout'?)");
    refused(&["app", "-e", "4"], "unknown option '-e'");
    refused(&["app", "--worker", "4"], "unknown option '--worker' (did you mean '--workers'?)");
    refused(&["app", "-w", "many"], "--workers many: neither a whole number nor `auto`");
    refused(&["app", "-w", "0"], "--workers 0: not between 1 and 512, nor `auto`");
    refused(&["app", "-b"], "a value is missing: --bind <ADDR>");
    refused(&["app", "-c"], "a value is missing: --config <PATH>");
    refused(&["app", "-zb"], "unknown option '-z'");
    refused(&["app", "--no-eager-tasks", "-zé"], "unknown option '-z'");
    refused(
        &["app", "--loop", "uvlop"],
        "--loop uvlop: not one of auto, asyncio, uvloop (did you mean 'uvloop'?)",
    );
    refused(&["app", "--head-timeout", "10x"], "--head-timeout 10x: not a duration");
    refused(&["app", "--bind", ":x"], "--bind: ':x': 'x' is not a port");
    refused(&["app", "--bind"], "a value is missing: --bind <ADDR>");
    refused(&["app", "--server-header=1"], "takes no value; write --server-header or --no-server-header");
    refused(&["app", "--no-server-header=1"], "takes no value; write --server-header or --no-server-header");
    refused(&["chekc", "app:app"], "unexpected argument 'app:app' after 'chekc' (did you mean 'check'?)");
    refused(&["--loop", "asyncio", "migrate", "g.py"], "the command migrate stands first");
}

#[test]
fn options_of_other_servers_are_named_with_ours_or_with_the_reason() {
    refused(&["app", "--port", "80"], "unknown option '--port' (here it is '--bind')\n");
    refused(
        &["app", "--keep-alive", "5"],
        "unknown option '--keep-alive' (here it is '--keep-alive-timeout')\n",
    );
    refused(&["app", "-u", "www"], "unknown option '-u' (here it is '--user')\n");
    refused(&["app", "--harakiri", "30"], "unknown option '--harakiri' (here it is '--request-timeout')\n");
    refused(&["app", "-D"], "unknown option '-D'\n       -D: Yett stays in the foreground");
    refused(&["app", "--reload"], "unknown option '--reload'\n       --reload: `yett dev app:app` serves");
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    refused(&[], "no application given");
    refused(&["run"], "no application given");
    refused(&[""], "name is empty");
    refused(&["run", ""], "name is empty");
    refused(&["app", "more"], "unexpected argument 'more' after 'app'");
    refused(&["demo", "more"], "unexpected argument 'more' after 'demo'");
    refused(&["run", "app", "more"], "unexpected argument 'more' after 'run'");
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let strange = OsString::from_vec(b"\xff".to_vec());
    let app = OsString::from("app");
    assert!(refused_by(parse([strange.clone()], Sources::none())).contains("not valid UTF-8"));
    let args = [app.clone(), "--root-path".into(), strange.clone()];
    assert!(refused_by(parse(args, Sources::none())).contains("--root-path \u{fffd}: not valid UTF-8"));
    let env = |name: &str| (name == "YETT_LOOP").then(|| strange.clone());
    assert!(
        refused_by(parse([app], Sources { variable: &env, ..Sources::none() }))
            .contains("YETT_LOOP: not valid UTF-8")
    );
}

#[test]
fn the_environment_is_read_and_its_mistakes_are_named() {
    let with = |name: &'static str, value: &'static str| {
        let variable = move |asked: &str| (asked == name).then(|| value.into());
        parse([OsString::from("app")], Sources { variable: &variable, ..Sources::none() })
    };
    let Outcome::Run(invocation) = with("YETT_BIND", "127.0.0.1:1, unix:/a fd://4,") else { panic!() };
    let shown: Vec<String> = invocation.settings.bind.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["127.0.0.1:1", "unix:/a", "fd://4"]);
    assert!(refused_by(with("YETT_BIND", ",")).contains("YETT_BIND=,: an address is needed"));
    assert!(refused_by(with("YETT_HEAD_TIMEOUT", "x")).contains("YETT_HEAD_TIMEOUT=x: not a duration"));
}

#[test]
fn nearly_right_variables_are_warned_about_and_foreign_ones_are_not() {
    let names = ["YETT_BNID", "YETT_bind", "YETT_BIND", "YETT_PORT", "YETT_SERVICE_HOST", "BIND", "YETT_"];
    let warnings = environment_warnings(names);
    assert_eq!(
        warnings,
        [
            "the variable YETT_BNID is not known (did you mean YETT_BIND?)",
            "the variable YETT_bind is not known (did you mean YETT_BIND?)"
        ]
    );
}

#[test]
fn version_and_help_win_over_everything_else() {
    assert_eq!(printed(&["--version"]), format!("yett {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(printed(&["-V"]), printed(&["--version"]));
    assert_eq!(printed(&["app", "-h"]), printed(&["-h"]));
}

/// `cargo xtask generate` writes both files.
#[test]
fn help_is_what_was_agreed_on() {
    assert_eq!(printed(&["-h"]), include_str!("help/short.txt"));
    assert_eq!(printed(&["--help"]), include_str!("help/long.txt"));
}

#[test]
fn help_fits_a_terminal_and_long_help_names_every_row() {
    let (short, long) = (printed(&["-h"]), printed(&["--help"]));
    for line in short.lines().chain(long.lines()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    for setting in yett_settings::SETTINGS {
        assert!(long.contains(&setting.variable()), "{}", setting.name);
    }
    assert!(!short.contains("--limit-body") && long.contains("--limit-body"));
}
