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

/// A path as it is; none where it is empty.
pub(crate) fn path(text: &str) -> Result<String, String> {
    if text.contains('\0') { Err("contains a NUL, which no path can".into()) } else { Ok(text.into()) }
}

/// The name or the number of an account; none where it is empty. Whether there is such an account, the system
/// says when it is needed.
pub(crate) fn account(text: &str) -> Result<String, String> {
    match text.chars().find(|&c| c.is_control() || c.is_whitespace() || c == ':') {
        Some(c) => Err(format!("contains {c:?}, which no name of a user or group can")),
        None => Ok(text.into()),
    }
}

/// A function as `module:function`; none where it is empty.
pub(crate) fn function(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_numeric())
            && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let is_dotted = |names: &str| names.split('.').all(is_name);
    match text.split_once(':') {
        _ if text.is_empty() => Ok(String::new()),
        Some((module, function)) if is_dotted(module) && is_dotted(function) => Ok(text.into()),
        _ => Err("not a function; name it like module:function".into()),
    }
}

/// A pattern of file names.
pub(crate) fn pattern(text: &str) -> Result<String, String> {
    if text.contains('\0') { Err("contains a NUL, which no name can".into()) } else { Ok(text.into()) }
}
