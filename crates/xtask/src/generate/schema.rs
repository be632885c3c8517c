//! The JSON Schema of `yett.toml` and of `[tool.yett]`, for editors.
//!
//! Draft 7, as editors expect it, without what draft 4 has not, because some tools for TOML know only that. It
//! accepts the types that Yett accepts, and refuses what no setting of that type can be; what only the value
//! itself can tell, such as whether an address is one, is left to Yett.

use serde_json::{Map, Value, json};
use yett_settings::{BUFFER_MAX, Kind, LONGEST, LogKind, Off, SETTINGS, Setting, Zero};

/// The whole schema.
pub fn schema() -> Result<String, String> {
    let mut properties = Map::new();
    properties.insert("app".into(), application());
    for setting in SETTINGS {
        properties.insert(setting.name.into(), property(setting));
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        // A name, not an address: tools that put schemas together ask for one.
        "$id": "urn:yett:settings",
        "title": "Settings of Yett",
        "description": "yett.toml, or the table [tool.yett] of pyproject.toml.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn application() -> Value {
    json!({
        "description": "What to serve: module:attribute, module:factory(), path/to/file.py[:attribute], \
                        or a Paste file (*.ini).",
        "type": "string",
        "minLength": 1,
    })
}

fn property(setting: &Setting) -> Value {
    let mut property = values(&setting.kind);
    let details = if setting.details.is_empty() { "" } else { " " };
    property["description"] =
        format!("{}.{details}{}", setting.help, setting.details).replace('`', "").into();
    property["default"] = match setting.kind {
        Kind::Bool(..) => (setting.default == "on").into(),
        Kind::Count(..) | Kind::CountOr(..) => {
            setting.default.parse::<u64>().map_or_else(|_| setting.default.into(), Into::into)
        }
        _ => setting.default.into(),
    };
    property
}

/// What a value may look like. Numbers count seconds and bytes, as everywhere.
fn values(kind: &Kind) -> Value {
    match kind {
        Kind::Bool(..) => any([json!({"type": "boolean"}), switch()]),
        // The words, for editors to offer, and their capitals.
        Kind::Choice { words, .. } => any([
            json!({"type": "string", "enum": words}),
            json!({"type": "string", "pattern": format!("^({})$", patterns(words))}),
        ]),
        Kind::Text(..) | Kind::Path(_) => json!({"type": "string"}),
        Kind::Count(_, allowed) => any([
            json!({"type": "integer", "minimum": allowed.start(), "maximum": allowed.end()}),
            json!({"type": "string", "pattern": "^[0-9]+$"}),
        ]),
        Kind::CountOr(_, allowed, word) => {
            let mut forms = vec![
                json!({"type": "integer", "minimum": allowed.start(), "maximum": allowed.end()}),
                json!({"type": "string", "pattern": format!("^([0-9]+|{})$", any_case(word))}),
            ];
            if *word == "off" {
                forms.push(json!({"enum": [false]}));
            }
            any(forms)
        }
        Kind::Duration(_, zero, off) => {
            let mut seconds = json!({"type": "number", "minimum": 0, "maximum": LONGEST.as_secs()});
            if *zero == Zero::Refused {
                seconds["not"] = json!({"enum": [0]});
            }
            any([seconds, duration()].into_iter().chain(off_values(*off)))
        }
        Kind::Buffer(_, least) => {
            any([json!({"type": "integer", "minimum": least, "maximum": BUFFER_MAX}), size()])
        }
        Kind::Size(_, off) => {
            any([json!({"type": "integer", "minimum": 0}), size()].into_iter().chain(off_values(*off)))
        }
        Kind::Mode(_, unset) => any([
            json!({"type": "integer", "minimum": 0, "maximum": 0o777}),
            json!({"type": "string", "pattern": format!("^((0o)?0*[0-7]{{1,3}}|{})$", any_case(unset))}),
        ]),
        // An error log cannot be off.
        Kind::Target(_, LogKind::Error) => json!({"type": "string", "minLength": 1, "not": no_text()}),
        Kind::Target(_, LogKind::Access) => any([
            json!({"type": "boolean"}),
            json!({"type": "string", "minLength": 1, "not": {"enum": ["logging"]}}),
        ]),
        Kind::Binds(_) => any([
            json!({"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}),
            json!({"type": "string", "minLength": 1}),
            json!({"type": "integer", "minimum": 0, "maximum": u16::MAX}),
        ]),
        Kind::List(..) => any([
            json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
            json!({"type": "string"}),
        ]),
    }
}

fn patterns(words: &[&str]) -> String {
    words.iter().map(|word| any_case(word)).collect::<Vec<_>>().join("|")
}

/// The pattern of a word of letters and digits, in capitals or not.
fn any_case(word: &str) -> String {
    let either =
        |c: char| if c.is_ascii_lowercase() { format!("[{c}{}]", c.to_ascii_uppercase()) } else { c.into() };
    word.chars().map(either).collect()
}

fn any(forms: impl IntoIterator<Item = Value>) -> Value {
    json!({"anyOf": forms.into_iter().collect::<Vec<_>>()})
}

/// The words of a switch.
fn switch() -> Value {
    json!({"type": "string", "enum": ["on", "off", "yes", "no", "true", "false", "1", "0"]})
}

/// What switches a limit or a timeout off, if anything does.
fn off_values(off: Off) -> Vec<Value> {
    match off {
        Off::Allowed => vec![json!({"enum": [false]}), off_text()],
        Off::Refused => Vec::new(),
    }
}

fn off_text() -> Value {
    json!({"type": "string", "pattern": "^[oO][fF][fF]$"})
}

/// Every spelling of a switch that is off.
fn no_text() -> Value {
    json!({"type": "string", "pattern": "^([oO][fF][fF]|[fF][aA][lL][sS][eE]|[nN][oO]|0)$"})
}

/// `30s`, `500ms`, `1.5m`, `2h`, `1d`.
fn duration() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *(ms|s|m|min|h|d)?$"})
}

/// `4096`, `64KiB`, `10MB`, `1GiB`, `1k`; in either case.
fn size() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *([kKmMgGtT]([iI]?[bB])?|[bB])?$"})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_setting_is_a_property_with_its_default() {
        let schema: Value = serde_json::from_str(&schema().unwrap()).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), SETTINGS.len() + 1);
        for setting in SETTINGS {
            let property = &properties[setting.name];
            assert!(
                property["description"].as_str().unwrap().starts_with(&setting.help.replace('`', "")),
                "{}",
                setting.name
            );
            assert!(!property["default"].is_null(), "{}", setting.name);
        }
        assert_eq!(properties["backlog"]["default"], 2048);
        assert_eq!(properties["server_header"]["default"], true);
        assert_eq!(properties["loop"]["anyOf"][0]["enum"], json!(["auto", "asyncio", "uvloop"]));
    }
}
