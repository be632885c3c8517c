//! Completions for bash, zsh and fish, by `clap_complete`, with the words and files that our own parsing of
//! values hides from it.

use clap::builder::PossibleValuesParser;
use clap::{Command, ValueHint};
use clap_complete::{Generator, Shell, generate};
use yett_settings::{Kind, SETTINGS};

use super::replace_once;
use super::usage::{self, TARGET};

/// What may follow `yett completions`.
const SHELLS: &str = "bash zsh fish";

/// The script for bash.
pub fn bash() -> Result<String, String> {
    let words: Vec<&str> = words().map(|(word, _)| word).collect();
    // clap_complete has no way to say "these words, or a file"; bash falls back on files by itself.
    let command = command().mut_arg(TARGET, |arg| arg.value_parser(PossibleValuesParser::new(&words)));
    let script = script(Shell::Bash, command)?;
    // What follows a word of Yett's own, beside what follows each option.
    let others = "                *)\n                    COMPREPLY=()\n";
    let shells = format!(
        "                completions)\n                    COMPREPLY=($(compgen -W \"{SHELLS}\" -- \"${{cur}}\"))\n\
         \x20                   return 0\n                    ;;\n"
    );
    replace_once(&script, others, &format!("{shells}{others}"))
}

/// The script for zsh, whose last argument is an application or a word of Yett's own.
pub fn zsh() -> Result<String, String> {
    let script = script(Shell::Zsh, command().mut_arg(TARGET, |arg| arg.value_hint(ValueHint::FilePath)))?;
    let place = format!("'*::{TARGET}:_files'");
    let script = replace_once(&script, &place, &format!("'*:{TARGET}:_yett_target'"))?;
    let words: Vec<String> = words().map(|(word, help)| format!("'{word}:{}'", in_zsh(help))).collect();
    let function = format!(
        "(( $+functions[_yett_target] )) ||\n_yett_target() {{\n    \
         if [[ ${{words[CURRENT - 1]}} == completions ]]; then\n        \
         _values shell {SHELLS}\n        return\n    fi\n    \
         local -a own\n    own=({})\n    \
         _alternative 'commands:command:{{_describe -t commands command own}}' \\\n        \
         'files:application:_files -g \"*.(py|ini)\"'\n}}\n\n",
        words.join(" ")
    );
    // What runs the function stands at the end.
    let end = "if [ \"$funcstack[1]\" = \"_yett\" ]; then";
    replace_once(&script, end, &format!("{function}{end}"))
}

/// The script for fish, for which `clap_complete` leaves out what is not an option.
pub fn fish() -> Result<String, String> {
    let mut script = script(Shell::Fish, command())?;
    for (word, help) in words() {
        let help = in_fish(help);
        script.push_str(&format!("complete -c yett -n \"__fish_use_subcommand\" -a {word} -d '{help}'\n"));
    }
    let after = "__fish_seen_subcommand_from completions";
    script.push_str(&format!("complete -c yett -n \"{after}\" -f -a \"{SHELLS}\"\n"));
    Ok(script)
}

/// The words of Yett's own that may stand in place of an application, and what each does.
fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    usage::forms().into_iter().filter_map(|form| Some((form.word?, form.meaning)))
}

/// The command line with words for each choice, and files where a path is meant.
fn command() -> Command {
    let mut command = yett_settings::command().mut_args(|arg| {
        let arg = match arg.get_help().map(|help| help.to_string().replace('`', "")) {
            Some(help) => arg.help(help),
            None => arg,
        };
        // Not every path is one of a file: a prefix is one of URLs.
        if arg.get_id() == "config" { arg.value_hint(ValueHint::FilePath) } else { arg }
    });
    for setting in SETTINGS {
        command = command.mut_arg(setting.name, |arg| match &setting.kind {
            Kind::Bool(..) => arg,
            Kind::Choice { words, .. } => arg.value_parser(PossibleValuesParser::new(*words)),
            Kind::Path(_) | Kind::Target(..) => arg.value_hint(ValueHint::FilePath),
            // Nothing that a shell could know: no file names either.
            _ => arg.value_hint(ValueHint::Other),
        });
    }
    command
}

fn script(shell: impl Generator, mut command: Command) -> Result<String, String> {
    let mut bytes = Vec::new();
    generate(shell, &mut command, "yett", &mut bytes);
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    // Lines without blanks at their ends, as everywhere in the repository.
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    Ok(lines.join("\n") + "\n")
}

/// The second part of `'word:help'`.
fn in_zsh(help: &str) -> String {
    help.replace('\\', "\\\\").replace(':', "\\:").replace('\'', "'\\''")
}

/// Between single quotes.
fn in_fish(help: &str) -> String {
    help.replace('\\', "\\\\").replace('\'', "\\'")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_option_is_in_every_script() {
        let (bash, zsh, fish) = (bash().unwrap(), zsh().unwrap(), fish().unwrap());
        for setting in SETTINGS {
            let flag = setting.flag();
            assert!(bash.contains(&format!("--{flag} ")), "bash: {flag}");
            assert!(
                zsh.contains(&format!("--{flag}[")) || zsh.contains(&format!("--{flag}=[")),
                "zsh: {flag}"
            );
            assert!(fish.contains(&format!(" -l {flag} ")), "fish: {flag}");
        }
    }

    #[test]
    fn choices_have_their_words_and_numbers_no_files() {
        assert!(bash().unwrap().contains("COMPREPLY=($(compgen -W \"auto asyncio uvloop\" -- \"${cur}\"))"));
        assert!(zsh().unwrap().contains(":NAME:(auto asyncio uvloop)'"));
        assert!(fish().unwrap().contains("-r -f -a \"auto\\t''\nasyncio\\t''\nuvloop\\t''\""));
        let line = |script: &str, flag: &str| {
            script.lines().find(|line| line.contains(flag)).map(str::to_owned).unwrap_or_default()
        };
        assert!(line(&fish().unwrap(), " -l backlog ").ends_with(" -r -f"));
        assert!(line(&fish().unwrap(), " -l access-log ").ends_with(" -r -F"));
    }

    #[test]
    fn quotes_and_colons_stay_what_they_are() {
        assert_eq!(in_zsh(r"a server's: \"), r"a server'\''s\: \\");
        assert_eq!(in_fish(r"a server's: \"), r"a server\'s: \\");
    }

    #[test]
    fn the_words_stand_where_an_application_may() {
        let words: Vec<_> = words().map(|(word, _)| word).collect();
        assert!(words.contains(&"demo"), "{words:?}");
        for word in words {
            assert!(bash().unwrap().contains(&format!(" {word}")), "bash: {word}");
            assert!(zsh().unwrap().contains(&format!("'{word}:")), "zsh: {word}");
            assert!(fish().unwrap().contains(&format!("-a {word} -d ")), "fish: {word}");
        }
    }
}
