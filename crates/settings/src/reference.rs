//! `docs/settings.md`, made from the registry.

use std::fmt::Write;

use crate::coming_from::quoted;
use crate::elsewhere::Peer;
use crate::kind::{Kind, Value};
use crate::log_target::LogKind;
use crate::registry::{Equivalents, SETTINGS, Section, Setting};

const HEAD: &str = "\
<!-- Made by `cargo xtask generate` from crates/settings/src/registry. Do not edit. -->

# Settings

Every setting has one name and can be given in five places; the first that has it wins:

1. an option: `yett app:app --head-timeout 5s`;
2. a variable: `YETT_HEAD_TIMEOUT=5s` (an empty one counts as not set);
3. `yett.toml` in the current directory, or the file that `--config PATH` or `YETT_CONFIG` names: `head_timeout = \"5s\"`;
4. `pyproject.toml` in the current directory, under `[tool.yett]`: `head_timeout = \"5s\"`;
5. the default.

Files are not looked for in other directories. Only a file that somebody names must be there. `--config gunicorn.conf.py`
is understood as well. `yett config` prints what all of it comes to, and where each value came from (`--json` for
programs); `yett check` also loads the application, without serving it. Editors can complete and check the file:
[shell and editor](shell-and-editor.md).

```toml
# yett.toml
app = \"module:app\"                 # then `yett` alone serves it; YETT_APP says the same
bind = [\"127.0.0.1:8000\", \"unix:/run/app.sock\"]
head_timeout = \"5s\"                # or 5, or 5.0
limit_body = \"10MiB\"               # or 10485760
keep_alive_timeout = \"off\"         # or false
server_header = false
```

From Python, `yett.run(\"app:app\", head_timeout=5)` takes the same names over the defaults; it looks at neither
variables nor files.

A **duration** is written like `30s`, `500ms`, `1.5m` or `2h`; a bare number counts seconds; a week is the most. A
**size** is written like `4096`, `64KiB`, `10MB` or `1GiB`; `K`, `M` and `G` count in 1024s, as `KiB` does. A **list** is
an array in a file; elsewhere its parts are separated by commas or spaces, and an option may be repeated (`bind` as an
option takes one address each time).

Whatever is wrong, in whichever place and even where another place wins, ends the program with
[exit code](exit-codes.md) 2 and a line for each mistake: the file and line, variable or option, what was expected, and
the nearest right name.
";

/// The whole page.
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    for &section in Section::ALL {
        push(&mut page, format_args!("\n## {}\n", section.title()));
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            describe(&mut page, setting);
        }
    }
    page
}

fn describe(page: &mut String, setting: &Setting) {
    let flag = setting.flag();
    let option = match (&setting.kind, setting.short) {
        (Kind::Bool(..), _) => format!("`--{flag}`, `--no-{flag}`"),
        (Kind::Target(_, LogKind::Access), _) => format!("`--{flag} [{}]`", setting.placeholder),
        (_, Some(short)) => format!("`-{short}`, `--{flag} {}`", setting.placeholder),
        (_, None) => format!("`--{flag} {}`", setting.placeholder),
    };
    let default = match setting.default {
        "" => "empty".into(),
        default => format!("`{default}`"),
    };
    push(page, format_args!("\n### {}\n\n{}.", setting.name, setting.help));
    if !setting.details.is_empty() {
        push(page, format_args!(" {}", setting.details));
    }
    push(page, format_args!("\n\n* Option: {option}\n* Variable: `{}`\n", setting.variable()));
    let unit = setting.unit().map(|unit| format!("; a bare number counts {unit}")).unwrap_or_default();
    let reload = if setting.reloadable { "a reload (SIGHUP) changes it" } else { "takes a restart" };
    push(page, format_args!("* In a file: `{} = {}`\n", setting.name, in_file(setting)));
    push(page, format_args!("* Value: {}{unit}\n", setting.describe()));
    push(page, format_args!("* Default: {default}. {}\n", setting.reason));
    push(page, format_args!("* Since {}; {reload}\n", setting.since));
    elsewhere(page, setting.name, &setting.equivalents);
}

/// What other servers call it.
fn elsewhere(page: &mut String, name: &str, equivalents: &Equivalents) {
    let cells: Vec<String> =
        Peer::ALL.iter().map(|&peer| quoted(&at_peer(name, equivalents, peer))).collect();
    if cells.iter().all(String::is_empty) {
        push(page, format_args!("* Elsewhere: no equivalent\n"));
        return;
    }
    page.push_str("\n|");
    for peer in Peer::ALL {
        push(page, format_args!(" {} |", peer.title()));
    }
    push(page, format_args!("\n|{}\n|", "---|".repeat(cells.len())));
    for cell in &cells {
        push(page, format_args!(" {} |", if cell.is_empty() { "–" } else { cell }));
    }
    page.push('\n');
}

fn at_peer<'a>(name: &str, equivalents: &Equivalents, peer: Peer) -> Vec<&'a str> {
    let matched = peer.matched().iter().filter(|(_, ours)| *ours == name).flat_map(|(names, _)| *names);
    equivalents.of(peer).iter().chain(matched).copied().collect()
}

/// A value of the setting as `yett.toml` has it.
fn in_file(setting: &Setting) -> String {
    let (text, value) = setting.sample;
    match setting.kind {
        // Nobody writes it as a decimal number.
        Kind::Mode(..) => toml(&Value::Text(text.into())),
        _ => toml(&value()),
    }
}

/// As TOML writes it.
fn toml(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        // Samples are printable, and Rust writes those as TOML does.
        Value::Text(text) => format!("{text:?}"),
        Value::List(texts) => format!("{texts:?}"),
    }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_a_row_is_told() {
        let page = reference();
        for setting in SETTINGS {
            let start = page.find(&format!("\n### {}\n", setting.name)).unwrap_or_default();
            let entry = page[start..].split("\n#").nth(1).unwrap_or_default();
            let flag = setting.flag();
            for part in [setting.help, setting.details, setting.reason, setting.placeholder, &flag] {
                assert!(entry.contains(part), "{}: {part}", setting.name);
            }
            for part in [&setting.variable(), &setting.describe(), &format!("Since {}; ", setting.since)] {
                assert!(entry.contains(part.as_str()), "{}: {part}", setting.name);
            }
            assert_eq!(entry.contains("takes a restart"), !setting.reloadable, "{}", setting.name);
        }
    }

    #[test]
    fn names_elsewhere_make_a_table() {
        let mut page = String::new();
        let names = Equivalents { gunicorn: &["g"], uvicorn: &["--u", "--v"], granian: &[] };
        elsewhere(&mut page, "backlog", &names);
        let heads = "| Gunicorn | Uvicorn | Granian | uWSGI |\n|---|---|---|---|\n";
        assert_eq!(page, format!("\n{heads}| `g` | `--u`, `--v` | – | `listen` |\n"));
        let mut page = String::new();
        elsewhere(&mut page, "nobody", &Equivalents { gunicorn: &[], uvicorn: &[], granian: &[] });
        assert_eq!(page, "* Elsewhere: no equivalent\n");
    }

    #[test]
    fn values_as_files_have_them() {
        assert_eq!(toml(&Value::Bool(false)), "false");
        assert_eq!(toml(&Value::Float(0.5)), "0.5");
        assert_eq!(toml(&Value::Text("64KiB".into())), "\"64KiB\"");
        assert_eq!(toml(&Value::List(vec!["a".into(), "b".into()])), "[\"a\", \"b\"]");
    }
}
