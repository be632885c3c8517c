//! `docs/settings.md`, made from the registry.

use std::fmt::Write;

use crate::kind::Kind;
use crate::log_target::LogKind;
use crate::registry::{SETTINGS, Section, Setting};

const HEAD: &str = "\
<!-- Made by `cargo xtask generate` from crates/settings/src/registry. Do not edit. -->

# Settings

Every setting can be given in three ways; the first one found wins:

1. an option: `yett app:app --head-timeout 5s`, or from Python: `yett.run(\"app:app\", head_timeout=5)`;
2. a variable: `YETT_HEAD_TIMEOUT=5s` (an empty one counts as not set);
3. the default.

A **duration** is written like `30s`, `500ms`, `1.5m` or `2h`; a bare number counts seconds; a week is the most. A
**size** is written like `4096`, `64KiB`, `10MB` or `1GiB`; `K`, `M` and `G` count in 1024s, as `KiB` does. An unknown
option or a wrong value ends the program with [exit code](exit-codes.md) 2 and a message that names the nearest right
one.
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
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}
