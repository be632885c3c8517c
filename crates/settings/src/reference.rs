//! `docs/settings.md`, made from the registry.

use std::fmt::Write;

use crate::coming_from::quoted;
use crate::elsewhere::Peer;
use crate::kind::Kind;
use crate::log_target::LogKind;
use crate::registry::{SETTINGS, Section, Setting};

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
programs); `yett check` also loads the application, without serving it.

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
    push(
        page,
        format_args!("* Value: {}\n* Default: {default}. {}\n", setting.kind.describe(), setting.reason),
    );
    let elsewhere: Vec<String> = Peer::ALL
        .iter()
        .map(|&peer| (peer.title(), setting.equivalents.of(peer)))
        .filter(|(_, options)| !options.is_empty())
        .map(|(title, options)| format!("{title} {}", quoted(options)))
        .collect();
    if !elsewhere.is_empty() {
        push(page, format_args!("* Elsewhere: {}\n", elsewhere.join("; ")));
    }
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}
