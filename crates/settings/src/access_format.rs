//! What the access log says about a request.

/// The rule of `access_log_format`.
pub(crate) fn check(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a format is needed, like common".into()) } else { Ok(text.into()) }
}
