//! The ways of calling `yett`, read from the usage lines of its help: they are written down once, there.

/// The id of the positional argument.
pub const TARGET: &str = "APP";

/// One way.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// `yett demo [OPTIONS]`.
    pub form: &'static str,
    /// The word of Yett's own that it begins with, if any: `demo`.
    pub word: Option<&'static str>,
    /// `serve the built-in showcase`.
    pub meaning: &'static str,
}

/// All ways, in the order of help.
pub fn forms() -> Vec<Form> {
    parse(yett_settings::USAGE)
}

/// Each line is a form, two blanks or more, and what it means.
fn parse(usage: &'static str) -> Vec<Form> {
    let parts = usage.lines().map(|line| {
        let line = line.trim();
        line.split_once("  ").map_or((line, ""), |(form, meaning)| (form, meaning.trim()))
    });
    parts
        .map(|(form, meaning)| {
            let word = form.split_whitespace().nth(1);
            let own = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase());
            Form { form, word: word.filter(own), meaning }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_words_and_meanings_are_told_apart() {
        let forms = parse("yett APP [OPTIONS]    serve it\n       yett demo [OPTIONS]   show it\nyett");
        assert_eq!(
            forms,
            [
                Form { form: "yett APP [OPTIONS]", word: None, meaning: "serve it" },
                Form { form: "yett demo [OPTIONS]", word: Some("demo"), meaning: "show it" },
                Form { form: "yett", word: None, meaning: "" },
            ]
        );
    }

    #[test]
    fn help_has_them_all() {
        let forms = forms();
        assert!(forms.len() >= 2);
        assert!(forms.iter().all(|form| form.form.starts_with("yett ") && !form.meaning.is_empty()));
    }
}
