//! The `clap` command made from the registry: options, help text, version.

use std::ffi::OsString;

use clap::builder::OsStr;
use clap::{Arg, ArgAction};

use crate::kind::Kind;
use crate::log_target::LogKind;
use crate::registry::{SETTINGS, Section, Setting};

/// The positional words: the application, or a subcommand and what it needs. Not clap's subcommands, because
/// options may stand before the application, and an application may be called anything.
pub(crate) const TARGET: &str = "APP";
/// The option that names a file of settings.
pub(crate) const CONFIG: &str = "config";
/// The option of `yett config`.
pub(crate) const JSON: &str = "json";

/// The ways of calling `yett`: one a line, with what it means after two blanks or more. Completions and the manual
/// page are made from it too.
pub const USAGE: &str = "yett APP [OPTIONS]       serve an application (the same as: yett run APP)\n       \
                     yett dev [APP]           serve it while it is written: reload, helpful errors\n       \
                     yett demo [OPTIONS]      serve the built-in showcase\n       \
                     yett check [APP]         check settings and application, without serving\n       \
                     yett config [APP]        print the settings, and where each came from\n       \
                     yett migrate SOURCE      turn another server's settings into a yett.toml\n       \
                     yett completions SHELL   print the completions for bash, zsh or fish";

const ABOUT: &str = "Yett, an application server for Python.\n\n\
    APP is module:attribute, module:factory(), path/to/file.py[:attribute], or a Paste file (*.ini).";

const AFTER_SHORT: &str = "More options (timeouts, limits, hooks, …) and explanations: yett --help";

const AFTER_LONG: &str = "\
Durations are written like 30s, 500ms, 1.5m or 2h; a bare number counts seconds. Sizes are
written like 4096, 64KiB or 1GiB.

An option on the command line wins over its YETT_ variable, which wins over yett.toml (or the
file that --config names), which wins over [tool.yett] in pyproject.toml, which wins over the
default. Files are looked for in the current directory. YETT_APP, or app in a file, names the
application where the command line does not.

Exit codes: 0 stopped as asked; 1 an error of Yett's own; 2 wrong usage; 3 the application
failed to start up; 4 the application cannot be loaded; 5 cannot listen; 128+N ended at once
by a second signal N.";

/// The whole command line: every option of every command. The application, or a command and what it needs, are
/// positional words (`APP`), hidden in help.
pub fn command() -> clap::Command {
    let mut command = clap::Command::new("yett")
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .override_usage(USAGE)
        .help_template("{about}\n\nUsage: {usage}\n\n{all-args}{after-help}")
        .about(ABOUT)
        .after_help(AFTER_SHORT)
        .after_long_help(AFTER_LONG)
        .arg(Arg::new(TARGET).num_args(0..).value_parser(clap::value_parser!(OsString)).hide(true));
    for &section in Section::ALL {
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            command = command.args(options(setting));
        }
    }
    command
        .next_help_heading("General")
        .arg(
            Arg::new(CONFIG)
                .short('c')
                .long("config")
                .value_name("PATH")
                .value_parser(clap::value_parser!(OsString))
                .help("Settings file [yett.toml]")
                .long_help(
                    "Settings file in place of yett.toml; a gunicorn.conf.py is understood as well.\n\
                     [default: yett.toml] [env: YETT_CONFIG]",
                ),
        )
        .arg(
            Arg::new(JSON)
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Let `yett config` print JSON")
                .hide_short_help(true),
        )
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Print the main options, or all (--help)"),
        )
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version"),
        )
        .version(env!("CARGO_PKG_VERSION"))
}

/// The option of a setting, or the two of a switch. Of those two, help shows the one that changes something.
fn options(setting: &'static Setting) -> Vec<Arg> {
    let base = |id: String, help: &str| {
        Arg::new(id)
            .help_heading(setting.section.title())
            .hide_short_help(!setting.section.in_short_help())
            .help(short_help(setting, help))
            .long_help(long_help(setting, help))
    };
    if let Kind::Bool(_, help_off) = setting.kind {
        let default_on = setting.default == "on";
        let no_flag = no_flag_id(setting);
        let yes = base(setting.name.into(), setting.help).long(setting.flag());
        let no = base(no_flag.clone(), help_off).long(no_flag.clone());
        return vec![
            yes.action(ArgAction::SetTrue).overrides_with(no_flag).hide(default_on),
            no.action(ArgAction::SetTrue).overrides_with(setting.name).hide(!default_on),
        ];
    }
    let action = if setting.kind.is_list() { ArgAction::Append } else { ArgAction::Set };
    let mut arg = base(setting.name.into(), setting.help)
        .long(setting.flag())
        .value_name(setting.placeholder)
        .value_parser(clap::value_parser!(OsString))
        .action(action);
    if let Some(short) = setting.short {
        arg = arg.short(short);
    }
    if let Kind::Target(_, LogKind::Access) = setting.kind {
        arg = arg.num_args(0..=1).default_missing_value(OsStr::from("-"));
    }
    vec![arg]
}

/// What switches a switch off, without the dashes.
pub(crate) fn no_flag_id(setting: &Setting) -> String {
    format!("no-{}", setting.flag())
}

fn short_help(setting: &Setting, help: &str) -> String {
    match (&setting.kind, setting.default) {
        (Kind::Bool(..), _) | (_, "") => help.into(),
        (_, default) => format!("{help} [{default}]"),
    }
}

/// Help line, details, default and variable, for `--help`.
fn long_help(setting: &Setting, help: &str) -> String {
    let mut text = format!("{help}.");
    if !setting.details.is_empty() {
        text.push(' ');
        text.push_str(&setting.details.replace('`', ""));
    }
    let default = if setting.default.is_empty() { "none" } else { setting.default };
    format!("{}\n[default: {default}] [env: {}]", wrap(&text, HELP_WIDTH), setting.variable())
}

/// Text width under an option: with the ten columns that clap indents, it fits the eighty of a terminal that
/// nobody resized and then some.
const HELP_WIDTH: usize = 80;

fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            wrapped.push('\n');
            column = 0;
        } else if column > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}
