//! The head of a request: request line and field lines (RFC 9112 §3, §5), in one pass over the input.
//!
//! A head that has come whole, the common case, is parsed by [`parse`] alone. One that comes in pieces is checked line
//! by line by [`resume`], so that a bad line is refused as soon as it is complete, and parsed once when it is whole: no
//! byte is looked at more than a fixed number of times, however small the pieces. Both find the same errors in the
//! same order: that of the lines first, and what the fields mean together (`framing`) after the last line.

use std::ops::Range;

use super::framing::Significant;
use crate::error::RequestError;
use crate::headers::{TCHAR, is_field_value, is_tchar};
use crate::limits::Limits;
use crate::request::{FieldSpan, HeadSpans, Span, Version};
use crate::scan::{table_length, target_length, text_length};
use crate::target::{TargetParts, split_target};

/// Longer than any registered method (the longest has 17 bytes); what is longer is answered 501 (RFC 9112 §3).
const MAX_METHOD: usize = 32;

/// The head limit never exceeds this, so that spans fit 32 bits.
const MAX_HEAD: usize = 1 << 30;

/// How far an incomplete head has been looked at, in bytes from its start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    /// Start of the first incomplete line. All lines before were checked.
    line: u32,
    /// Bytes seen; there is no LF between `line` and here.
    seen: u32,
    /// Complete field lines.
    fields: u32,
}

impl Scan {
    /// True if there was no byte of a head yet.
    pub(super) fn is_empty(self) -> bool {
        self.seen == 0
    }

    /// Bytes seen so far.
    pub(super) fn seen(self) -> usize {
        self.seen as usize
    }
}

/// What [`parse`] found.
#[derive(Debug)]
pub(super) enum Parsed {
    /// The whole head: its end in the input, and whether the client lets the connection live on.
    Complete { end: usize, keep_alive: bool },
    /// A part of one.
    Incomplete(Scan),
}

/// Parses the head that begins at `start` of `input` and fills `spans`, which are relative to `input`.
pub(super) fn parse(
    input: &[u8],
    start: usize,
    limits: &Limits,
    spans: &mut HeadSpans,
) -> Result<Parsed, RequestError> {
    let head = &input[start..];
    let lines = Lines::new(head, limits);
    let method_end = find_method_end(head)?;
    let end = lines.request_line_end(0)?;
    let (Some(method_end), Some(end)) = (method_end, end) else {
        return Ok(Parsed::Incomplete(Scan { line: 0, seen: head.len() as u32, fields: 0 }));
    };
    let request_line = parse_request_line(&head[..end], method_end)?;

    spans.fields.clear();
    let fields_start = end + 2;
    let mut line = fields_start;
    let mut significant = Significant::default();
    let fields_end = loop {
        let (field, end) = match lines.next(line, line, spans.fields.len())? {
            Line::Field(field, end) => (field, end),
            Line::Empty => break line,
            Line::Incomplete => {
                let fields = spans.fields.len() as u32;
                return Ok(Parsed::Incomplete(Scan { line: line as u32, seen: head.len() as u32, fields }));
            }
        };
        let bytes = &head[line..end];
        significant.note(&bytes[..field.name_end], &bytes[field.value.clone()], spans.fields.len());
        let at = start + line;
        spans.fields.push(FieldSpan {
            name: Span::new(at..at + field.name_end),
            value: Span::new(at + field.value.start..at + field.value.end),
        });
        line = end + 2;
    };

    fill_request_line(spans, start, &request_line);
    spans.field_block = Span::new(start + fields_start..start + fields_end);
    let keep_alive = significant.decide(request_line.version, limits, spans)?;
    Ok(Parsed::Complete { end: start + fields_end + 2, keep_alive })
}

fn fill_request_line(spans: &mut HeadSpans, start: usize, line: &RequestLine) {
    let target = start + line.target.start;
    let in_target = |range: &Range<usize>| Span::new(target + range.start..target + range.end);
    spans.method = Span::new(start..start + line.method_end);
    spans.target = Span::new(target..start + line.target.end);
    spans.path = line.parts.path.as_ref().map(in_target);
    spans.query = in_target(&line.parts.query);
    spans.authority = line.parts.authority.as_ref().map(in_target);
    spans.version = line.version;
}

/// Checks the lines of `head` that have become complete since the last call. True if the head is whole: then it is
/// time for [`parse`].
pub(super) fn resume(head: &[u8], scan: &mut Scan, limits: &Limits) -> Result<bool, RequestError> {
    let lines = Lines::new(head, limits);
    if scan.line == 0 {
        let method_end = find_method_end(head)?;
        let end = lines.request_line_end(scan.seen as usize)?;
        let (Some(method_end), Some(end)) = (method_end, end) else {
            scan.seen = head.len() as u32;
            return Ok(false);
        };
        parse_request_line(&head[..end], method_end)?;
        scan.line = end as u32 + 2;
        scan.seen = scan.line;
    }
    loop {
        match lines.next(scan.line as usize, scan.seen as usize, scan.fields as usize)? {
            Line::Field(_, end) => {
                scan.fields += 1;
                scan.line = end as u32 + 2;
                scan.seen = scan.line;
            }
            Line::Empty => return Ok(true),
            Line::Incomplete => {
                scan.seen = head.len() as u32;
                return Ok(false);
            }
        }
    }
}

/// What comes after the request line.
enum Line {
    /// A field line and its end, the place of its CR.
    Field(FieldLine, usize),
    /// The empty line, which ends the head.
    Empty,
    Incomplete,
}

/// The lines of one head, under its limits.
struct Lines<'a> {
    head: &'a [u8],
    limits: &'a Limits,
    /// The limit of the whole head.
    limit: usize,
}

impl<'a> Lines<'a> {
    fn new(head: &'a [u8], limits: &'a Limits) -> Self {
        Lines { head, limits, limit: limits.head.min(MAX_HEAD) }
    }

    /// The line that begins at `line`, has no LF before `seen`, and follows `fields` field lines.
    // Inlined by force: a line that is seen for the first time is most often whole and ordinary, and the call with its
    // large result would cost as much as the work.
    #[inline(always)]
    fn next(&self, line: usize, seen: usize, fields: usize) -> Result<Line, RequestError> {
        if seen == line && fields < self.limits.fields {
            let within_limit = self.head.get(line..self.head.len().min(self.limit)).unwrap_or_default();
            match quick_field(within_limit) {
                Some(field) if field.value.end <= self.limits.field => {
                    let end = line + field.value.end;
                    return Ok(Line::Field(field, end));
                }
                _ => {}
            }
        }
        self.next_thoroughly(line, seen, fields)
    }

    #[inline(never)]
    fn next_thoroughly(&self, line: usize, seen: usize, fields: usize) -> Result<Line, RequestError> {
        let Some(end) = self.find_end(line, seen, self.limits.field, RequestError::FieldTooLarge)? else {
            return Ok(Line::Incomplete);
        };
        if end == line {
            return Ok(Line::Empty);
        }
        if fields >= self.limits.fields {
            return Err(RequestError::TooManyFields);
        }
        Ok(Line::Field(split_field(&self.head[line..end])?, end))
    }

    /// The end of the request line, see [`find_end`](Self::find_end).
    #[inline]
    fn request_line_end(&self, seen: usize) -> Result<Option<usize>, RequestError> {
        self.find_end(0, seen, self.limits.request_line, RequestError::RequestLineTooLong)
    }

    /// The end (the place of the CR) of the line that begins at `line` and has no LF before `seen`; `None` while it is
    /// incomplete. A line of more than `max` bytes is `too_long`, whether it is complete or not.
    #[inline]
    fn find_end(
        &self,
        line: usize,
        seen: usize,
        max: usize,
        too_long: RequestError,
    ) -> Result<Option<usize>, RequestError> {
        let Some(distance) = memchr::memchr(b'\n', &self.head[seen..]) else {
            // One byte of tolerance: it may be the CR.
            let pending = self.head.len() - line;
            if pending > max.saturating_add(1) || self.head.len() >= self.limit {
                return Err(self.first_exceeded(line, max, too_long));
            }
            return Ok(None);
        };
        let newline = seen + distance;
        let has_cr = newline > line && self.head[newline - 1] == b'\r';
        let end = newline - usize::from(has_cr);
        if end - line > max || newline >= self.limit {
            return Err(self.first_exceeded(line, max, too_long));
        }
        if has_cr { Ok(Some(end)) } else { Err(RequestError::BareLf) }
    }

    /// Which limit a line crossed first: the answer must not depend on how the bytes came.
    #[cold]
    fn first_exceeded(&self, line: usize, max: usize, too_long: RequestError) -> RequestError {
        if line.saturating_add(max) < self.limit { too_long } else { RequestError::HeadTooLarge }
    }
}

/// A request line taken apart. Ranges of the line; `parts` are ranges of the target.
struct RequestLine {
    method_end: usize,
    target: Range<usize>,
    parts: TargetParts,
    version: Version,
}

/// The end of the method; `None` while it is incomplete. Looks at no more than the first 33 bytes, before the line is
/// complete: what can be no request, such as a TLS handshake sent to a plain port, is refused at once.
#[inline]
fn find_method_end(head: &[u8]) -> Result<Option<usize>, RequestError> {
    let start = &head[..head.len().min(MAX_METHOD + 1)];
    match start.iter().position(|&b| !is_tchar(b)) {
        Some(end) if start[end] == b' ' && end > 0 => Ok(Some(end)),
        Some(end) => Err(match start[end] {
            b'\n' => RequestError::BareLf,
            b'\r' => RequestError::BadRequestLine,
            _ => RequestError::BadMethod,
        }),
        None if start.len() > MAX_METHOD => Err(RequestError::MethodTooLong),
        None => Ok(None),
    }
}

/// `method SP request-target SP HTTP-version` (RFC 9112 §3), with exactly one space at each place.
#[inline]
fn parse_request_line(line: &[u8], method_end: usize) -> Result<RequestLine, RequestError> {
    let method = &line[..method_end];
    let after_method = line.get(method_end + 1..).unwrap_or_default();
    let length = target_length(after_method);
    match after_method.get(length) {
        Some(b' ') if length > 0 => {}
        Some(b'\r') => return Err(RequestError::BareCr),
        Some(_) => return Err(RequestError::BadTarget),
        // No version: HTTP/0.9, or a line that was cut off.
        None => return Err(RequestError::BadRequestLine),
    }
    let target = &after_method[..length];
    let version = match &after_method[length + 1..] {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(RequestError::UnsupportedVersion);
        }
        _ => return Err(RequestError::BadVersion),
    };
    if method == b"CONNECT" {
        return Err(RequestError::ConnectUnsupported);
    }
    let parts = split_target(method, target)?;
    Ok(RequestLine { method_end, target: method_end + 1..method_end + 1 + length, parts, version })
}

/// A field line taken apart: the name is its first `name_end` bytes.
#[derive(Debug)]
pub(super) struct FieldLine {
    pub(super) name_end: usize,
    /// The value without the white space around it.
    pub(super) value: Range<usize>,
}

/// The field line at the start of `bytes`, which ends where its value does, if it is a whole one without faults, with no
/// white space but a single space where everybody puts it. `None` means nothing: [`split_field`] is to judge.
#[inline(always)]
pub(super) fn quick_field(bytes: &[u8]) -> Option<FieldLine> {
    let name_end = table_length(bytes, &TCHAR);
    let [b':', after @ ..] = bytes.get(name_end..)? else { return None };
    let (value, start) = match after {
        [b' ', value @ ..] => (value, name_end + 2),
        _ => (after, name_end + 1),
    };
    let length = text_length(value);
    let [b'\r', b'\n', ..] = value.get(length..)? else { return None };
    let has_space_around = length > 0 && (value[0] == b' ' || value[length - 1] == b' ');
    let is_ordinary = name_end > 0 && !has_space_around;
    is_ordinary.then_some(FieldLine { name_end, value: start..start + length })
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5) without its CRLF; of heads and of trailer sections.
#[inline]
pub(super) fn split_field(line: &[u8]) -> Result<FieldLine, RequestError> {
    let name_end = table_length(line, &TCHAR);
    if name_end == 0 || line.get(name_end) != Some(&b':') {
        return Err(field_name_error(line, name_end));
    }
    let (mut start, mut end) = (name_end + 1, line.len());
    if !is_field_value(&line[start..]) {
        let has_cr = line.contains(&b'\r');
        return Err(if has_cr { RequestError::BareCr } else { RequestError::BadFieldValue });
    }
    while start < end && matches!(line[start], b' ' | b'\t') {
        start += 1;
    }
    while start < end && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    Ok(FieldLine { name_end, value: start..end })
}

/// What is wrong with a line whose token is not followed by a colon.
#[cold]
fn field_name_error(line: &[u8], name_end: usize) -> RequestError {
    match line.get(name_end) {
        None => RequestError::MissingColon,
        Some(b' ' | b'\t') if name_end == 0 => RequestError::ObsFold,
        Some(b' ' | b'\t') => {
            let after = &line[name_end..];
            match after.iter().find(|&&b| b != b' ' && b != b'\t') {
                Some(b':') => RequestError::SpaceBeforeColon,
                _ if after.contains(&b':') => RequestError::BadFieldName,
                _ => RequestError::MissingColon,
            }
        }
        Some(b'\r') => RequestError::BareCr,
        Some(_) => RequestError::BadFieldName,
    }
}
