//! The keyword arguments of `yett.run` for type checkers and editors: a `TypedDict` with a line of help for each.

use std::fmt::Write;

use yett_settings::{Kind, LogKind, Off, SETTINGS, Section};

const HEAD: &str = "\
# Made by `cargo xtask generate` from the settings registry. Do not edit.

import os
from typing import Literal, TypedDict

class Arguments(TypedDict, total=False):
    \"\"\"The settings as `yett.run` and `yett.testing.serve` take them; None leaves a setting at its default.\"\"\"
";

/// The whole stub.
pub fn stub() -> String {
    let mut text = String::from(HEAD);
    for &section in Section::ALL {
        push(&mut text, format_args!("\n    # {}\n", section.title()));
        for setting in SETTINGS.iter().filter(|setting| setting.section == section) {
            let default = if setting.default.is_empty() { "" } else { &format!(" [{}]", setting.default) };
            push(&mut text, format_args!("    {}: {} | None\n", setting.name, python_type(&setting.kind)));
            push(
                &mut text,
                format_args!("    \"\"\"{}.{default}\"\"\"\n", setting.help.replace('\\', "\\\\")),
            );
        }
    }
    text
}

/// What a value may be. The same types as the extension module accepts.
fn python_type(kind: &Kind) -> String {
    match kind {
        Kind::Bool(..) => "bool".into(),
        Kind::Choice { words, .. } => format!("Literal[\"{}\"]", words.join("\", \"")),
        Kind::Text(..) => "str".into(),
        Kind::Count(..) => "int".into(),
        Kind::CountOr(_, _, "off") => "int | str | Literal[False]".into(),
        Kind::CountOr(..) => "int | str".into(),
        Kind::Duration(_, _, off) => format!("float | str{}", or_false(*off)),
        Kind::Buffer(..) | Kind::Mode(..) => "int | str".into(),
        Kind::Size(_, off) => format!("int | str{}", or_false(*off)),
        Kind::Path(_) | Kind::Target(_, LogKind::Error) => "str | os.PathLike[str]".into(),
        Kind::Target(_, LogKind::Access) => "bool | str | os.PathLike[str]".into(),
        Kind::List(..) => "str | list[str] | tuple[str, ...]".into(),
        Kind::Binds(_) => "str | int | list[str] | tuple[str, ...]".into(),
    }
}

fn or_false(off: Off) -> &'static str {
    match off {
        Off::Allowed => " | Literal[False]",
        Off::Refused => "",
    }
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_type() {
        let stub = stub();
        for setting in SETTINGS {
            assert_eq!(stub.matches(&format!("\n    {}: ", setting.name)).count(), 1, "{}", setting.name);
        }
        assert!(stub.contains("    loop: Literal[\"auto\", \"asyncio\", \"uvloop\"] | None\n"));
        assert!(stub.contains("    limit_body: int | str | Literal[False] | None\n"));
        assert!(stub.contains("    head_timeout: float | str | None\n"));
    }
}
