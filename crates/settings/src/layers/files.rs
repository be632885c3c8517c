//! Settings in files: `yett.toml`, `[tool.yett]` in `pyproject.toml`, and values that somebody else has read
//! from a file of another kind.

use std::io;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::kind::{Kind, Language, Value};
use crate::layers::{APP, Layers, Origin, Raw};
use crate::mistake::Mistake;

/// Read from the current directory if it is there.
pub(crate) const OWN_FILE: &str = "yett.toml";
/// Its `[tool.yett]` is read from the current directory if it is there.
pub(crate) const PROJECT_FILE: &str = "pyproject.toml";

/// More than this of a value is not repeated in a message.
const SHOWN_CHARACTERS: usize = 60;

/// Settings that Python has read from a file: those of a `gunicorn.conf.py`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileValues {
    /// The file, as it was named.
    pub path: String,
    /// Names of ours, values, and lines.
    pub values: Vec<(String, Value, usize)>,
}

/// Whether a file is one that Python has to read.
pub(crate) fn is_python(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "py")
}

impl Layers {
    /// Adds what a file says. `required`: somebody has named it, so that it must be there.
    pub fn read_file(&mut self, path: &str, required: bool, read: impl Fn(&Path) -> io::Result<Vec<u8>>) {
        let bytes = match read(Path::new(path)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => return,
            Err(error) => return self.unread(format!("cannot read {path}: {error}")),
        };
        let is_project = Path::new(path).file_name().is_some_and(|name| name == PROJECT_FILE);
        match String::from_utf8(bytes) {
            // Others read that file too, and tell what is wrong with it, if it says nothing to us.
            Ok(text) if is_project && !required && !text.contains("yett") => {}
            Ok(text) => File { path, text: &text }.read(is_project, self),
            Err(_) => self.unread(format!("{path}: not valid UTF-8")),
        }
    }

    /// Adds what Python has read.
    pub fn read_values(&mut self, file: FileValues) {
        for (name, value, line) in file.values {
            let origin = Origin::File { path: file.path.clone(), line };
            match (name.as_str(), value) {
                (APP, Value::Text(target)) => self.name_app(&target, origin),
                (_, value) => {
                    if let Some(setting) = self.known(&name, &origin) {
                        let given = format!("{origin}: {}", value.given(&name));
                        self.add(Raw { setting, value, origin, language: Language::Python, given });
                    }
                }
            }
        }
    }

    fn wrong_in_file(&mut self, message: String) {
        self.wrong(Mistake::new(message));
    }

    /// Nobody knows what else the file says.
    fn unread(&mut self, message: String) {
        self.unread = true;
        self.wrong_in_file(message);
    }
}

struct File<'a> {
    path: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn read(&self, is_project: bool, layers: &mut Layers) {
        let (root, mut errors) = DeTable::parse_recoverable(self.text);
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in &errors {
            let origin = self.at(&error.span().unwrap_or_default());
            let message = error.message().lines().next().unwrap_or_default();
            layers.unread(format!("{origin}: not valid TOML: {message}"));
        }
        if !errors.is_empty() {
            return;
        }
        if !is_project {
            return self.read_table(root.get_ref(), layers);
        }
        let Some((_, tool)) = entry(root.get_ref(), "tool") else { return };
        let Some((key, ours)) = tool.get_ref().as_table().and_then(|tool| entry(tool, "yett")) else {
            return;
        };
        match ours.get_ref() {
            DeValue::Table(table) => self.read_table(table, layers),
            _ => layers.wrong_in_file(format!("{}: tool.yett is not a table", self.at(&key))),
        }
    }

    fn read_table(&self, table: &DeTable<'_>, layers: &mut Layers) {
        let mut entries: Vec<_> = table.iter().collect();
        // The table is sorted by name; people read from the top.
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let (name, origin) = (key.get_ref().as_ref(), self.at(&key.span()));
            match value.get_ref() {
                DeValue::Table(_) => {
                    layers.wrong_in_file(format!(
                        "{origin}: there is no table '{name}'; {}",
                        Self::instead_of(name)
                    ));
                }
                value if name == APP => match value {
                    DeValue::String(target) if !target.is_empty() => layers.name_app(target, origin),
                    _ => layers.wrong_in_file(format!(
                        "{origin}: app: a string like \"module:attribute\" is needed"
                    )),
                },
                _ => self.read_setting(name, value, origin, layers),
            }
        }
    }

    /// What to write instead of a table.
    fn instead_of(table: &str) -> &'static str {
        match table {
            "tool" => "settings stand in this file without [tool.yett]",
            "yett" => "settings stand in this file without [yett]",
            _ => "settings stand side by side, like head_timeout = \"5s\"",
        }
    }

    fn read_setting(&self, name: &str, value: &Spanned<DeValue<'_>>, origin: Origin, layers: &mut Layers) {
        let Some(setting) = layers.known(name, &origin) else { return };
        let given = format!("{origin}: {name} = {}", self.shown(&value.span()));
        if let (Kind::Mode(..), DeValue::Integer(number)) = (&setting.kind, value.get_ref())
            && number.radix() != 8
        {
            // 440 would be the mode 670.
            let digits = number.as_str();
            return layers.wrong_in_file(format!(
                "{given}: not an octal number; write it like \"{digits}\" or 0o{digits}"
            ));
        }
        match converted(value.get_ref()) {
            Ok(value) => layers.add(Raw { setting, value, origin, language: Language::Toml, given }),
            Err(reason) => layers.wrong_in_file(format!("{given}: {reason}")),
        }
    }

    fn at(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().iter().take(span.start);
        Origin::File { path: self.path.into(), line: 1 + before.filter(|&&byte| byte == b'\n').count() }
    }

    fn shown(&self, span: &Range<usize>) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let shown: String = line.chars().take(SHOWN_CHARACTERS).collect();
        if shown.len() < text.len() { format!("{shown}…") } else { shown }
    }
}

/// The place of a key, and its value.
fn entry<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<(Range<usize>, &'a Spanned<DeValue<'i>>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span(), value))
}

fn converted(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Int(parsed.map_err(|_| "the number is too large")?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().map_err(|_| "not a number")?),
        DeValue::Array(items) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(ToOwned::to_owned));
            Value::List(texts.collect::<Option<_>>().ok_or("only strings may stand in the array")?)
        }
        DeValue::Datetime(_) => return Err("a date is not the value of any setting".into()),
        DeValue::Table(_) => return Err("a table is not the value of any setting".into()),
    })
}
