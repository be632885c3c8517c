//! Rules for settings that are text.

/// A name of which nothing is asked but that there is one.
pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a name is needed".into()) } else { Ok(text.into()) }
}

/// A prefix like `/app`: what ASGI servers put in front of `path`, and what applications put in front of
/// their links.
pub(crate) fn normal_root_path(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if !text.starts_with('/') {
        return Err(format!("must start with a slash: /{text}"));
    }
    if let Some(c) = text.chars().find(|&c| c.is_control() || matches!(c, '?' | '#')) {
        return Err(format!("contains {c:?}, which no path can"));
    }
    Ok(text.trim_end_matches('/').into())
}
