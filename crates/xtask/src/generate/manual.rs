//! The manual page `yett(1)`, by `clap_mangen`.

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use yett_settings::{Kind, SETTINGS};

use super::replace_once;
use super::usage::{self, TARGET};

/// What a manual page begins with and help has no room for.
const ABOUT: &str = "an application server for Python";

const DESCRIPTION: &str = "Takes HTTP from the network and hands it to an ASGI or WSGI application, in the \
    application's own event loop or in threads.";

/// What makes an apostrophe one.
const PREAMBLE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";

/// The whole page.
pub fn page() -> Result<String, String> {
    let long_help = yett_settings::command().get_after_long_help().map(ToString::to_string);
    let man = Man::new(command()).manual("Yett");
    let mut bytes = Vec::new();
    let io = |error: std::io::Error| error.to_string();
    man.render_title(&mut bytes).map_err(io)?;
    man.render_name_section(&mut bytes).map_err(io)?;
    synopsis().to_writer(&mut bytes).map_err(io)?;
    man.render_options_section(&mut bytes).map_err(io)?;
    notes(&long_help.unwrap_or_default()).to_writer(&mut bytes).map_err(io)?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    // Each part begins with the same lines, of which the page needs one.
    let page = format!("{PREAMBLE}{}", text.replace(PREAMBLE, ""));
    // No date, so that the page is the same whenever it is made; roff's field for it is left out, not empty.
    replace_once(&page, "\n.TH yett 1  ", "\n.TH yett 1 \"\" ")
}

/// The command line with everything that it accepts: also the half of a switch that only undoes the other.
fn command() -> clap::Command {
    // What the short help leaves out, and has no other text, must not be left out here.
    let all = yett_settings::command().mut_args(|arg| arg.hide_short_help(false));
    let mut command = all.about(ABOUT).mut_arg(TARGET, |arg| arg.hide(true));
    for setting in SETTINGS {
        if let Kind::Bool(..) = setting.kind {
            let (yes, no) = (setting.flag(), format!("no-{}", setting.flag()));
            let (hidden, other) = if setting.default == "on" { (setting.name.into(), no) } else { (no, yes) };
            let help = format!("The default. Undoes --{other} and what {} says.", setting.variable());
            command = command.mut_arg(hidden, |arg| arg.hide(false).help(help.clone()).long_help(help));
        }
    }
    command
}

fn synopsis() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for (index, form) in usage::forms().into_iter().enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        let rest = form.form.strip_prefix("yett").unwrap_or(form.form);
        roff.text([bold("yett"), roman(rest)]);
    }
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(DESCRIPTION)]);
    for form in usage::forms() {
        roff.control("TP", []);
        roff.text([italic(form.form)]);
        roff.text([roman(sentence(form.meaning))]);
    }
    roff
}

/// The paragraphs under the options of help.
fn notes(help: &str) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["NOTES"]);
    for (index, paragraph) in help.split("\n\n").enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        roff.text([roman(words.join(" "))]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(
        "docs/settings.md and docs/exit-codes.md in the sources say more of each setting and each exit code.",
    )]);
    roff
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As a reader sees it: roff writes a hyphen as `\-`, and bold as `\fB…\fR`.
    fn shown() -> String {
        page().unwrap().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
    }

    #[test]
    fn every_option_and_variable_is_named() {
        let page = shown();
        for setting in SETTINGS {
            assert!(page.contains(&format!("--{}", setting.flag())), "{}", setting.name);
            assert!(page.contains(&setting.variable()), "{}", setting.name);
            if let Kind::Bool(..) = setting.kind {
                assert!(page.contains(&format!("\n--no-{}\n", setting.flag())), "{}", setting.name);
                assert!(page.contains(&format!("\n--{}\n", setting.flag())), "{}", setting.name);
            }
        }
    }

    #[test]
    fn every_option_is_explained() {
        let page = page().unwrap();
        let entries: Vec<&str> = page.split(".TP\n\\fB").skip(1).collect();
        assert!(entries.len() > SETTINGS.len());
        for entry in entries {
            let explanation = entry.lines().nth(1).unwrap_or_default();
            assert!(explanation.len() > 10, "{entry}");
        }
    }

    #[test]
    fn every_form_and_note_is_there() {
        let page = shown();
        for form in usage::forms() {
            assert!(page.contains(form.form), "{}", form.form);
        }
        assert!(page.contains("Exit codes: 0"));
        assert!(page.starts_with(&format!("{PREAMBLE}.TH yett 1 \"\" ")), "{}", &page[..80]);
        assert_eq!(page.matches(PREAMBLE).count(), 1);
    }

    #[test]
    fn sentences() {
        assert_eq!(sentence("serve it"), "Serve it.");
        assert_eq!(sentence(""), "");
    }
}
