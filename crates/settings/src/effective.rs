//! `yett config`: what all layers come to, and where each value came from.

use std::fmt::Write;

use crate::kind::Value;
use crate::layers::{APP, Effective, Origin};
use crate::registry::SETTINGS;

/// A line for each setting: name, value, origin.
pub(crate) fn table(effective: &Effective) -> String {
    let shown = |name| effective.settings.show(name).unwrap_or_default();
    let mut rows = vec![("setting", "value".to_owned(), "from".to_owned())];
    if let Some((target, origin)) = &effective.app {
        rows.push((APP, target.clone(), origin.to_string()));
    }
    rows.extend(SETTINGS.iter().map(|setting| {
        let value = Some(shown(setting.name)).filter(|value| !value.is_empty());
        (setting.name, value.unwrap_or_else(|| "\"\"".into()), effective.origins.of(setting.name).to_string())
    }));
    let wide = |text: &str| text.chars().count();
    let name_width = rows.iter().map(|row| wide(row.0)).max().unwrap_or_default();
    // One long list of addresses should not push the third column out of sight of all others.
    let value_width =
        rows.iter().map(|row| wide(&row.1)).filter(|&width| width <= 40).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value, origin) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name:name_width$}  {value:value_width$}  {origin}");
    }
    text
}

/// One object: `app` (or null), and `settings` by name, each with its `value` as a file of settings may have it
/// (durations in seconds, sizes in bytes, `false` for one that is off), its `text` as a person writes it, the layer it came
/// `from`, and `where` in it.
pub(crate) fn json(effective: &Effective) -> String {
    let app = match &effective.app {
        Some((target, origin)) => format!("{{\"value\": {}, {}}}", string(target), places(origin)),
        None => "null".into(),
    };
    let rows: Vec<String> = SETTINGS
        .iter()
        .map(|setting| {
            let text = effective.settings.show(setting.name).unwrap_or_default();
            let value = match effective.settings.get(setting.name) {
                // A number too large to mean something stands for it.
                Some(Value::Int(_) | Value::Float(_)) if text == "off" => Value::Bool(false),
                value => value.unwrap_or(Value::Bool(false)),
            };
            format!(
                "    \"{}\": {{\"value\": {}, \"text\": {}, {}}}",
                setting.name,
                literal(&value),
                string(&text),
                places(effective.origins.of(setting.name))
            )
        })
        .collect();
    format!("{{\n  \"app\": {app},\n  \"settings\": {{\n{}\n  }}\n}}\n", rows.join(",\n"))
}

fn places(origin: &Origin) -> String {
    let place = match origin {
        Origin::Default => "null".into(),
        _ => string(&origin.to_string()),
    };
    format!("\"from\": \"{}\", \"where\": {place}", origin.layer())
}

fn literal(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        // Durations only, which are finite.
        Value::Float(number) => number.to_string(),
        Value::Text(text) => string(text),
        Value::List(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

/// A string of JSON (RFC 8259 §7).
fn string(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
