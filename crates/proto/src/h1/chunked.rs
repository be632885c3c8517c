//! The chunked transfer coding (RFC 9112 §7.1): a decoder for requests and chunk headers for responses.

use super::head::split_field;
use crate::error::RequestError;
use crate::headers::{FieldBlock, is_tchar};
use crate::limits::Limits;

/// 16 hexadecimal digits are 64 bits; more can only be zeros in front, which no honest sender needs.
const MAX_SIZE_DIGITS: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before or in a chunk-size line.
    #[default]
    Size,
    /// In the data of a chunk, so many bytes of which are still to come (at least one).
    Data(u64),
    /// Before the CRLF after a chunk's data.
    DataEnd,
    /// In the trailer section.
    Trailers,
    Done,
}

/// What [`ChunkDecoder::decode`] made of its input.
#[derive(Debug, PartialEq, Eq)]
pub enum ChunkPiece<'b> {
    /// Nothing can be made of the rest yet.
    NeedInput,
    /// A piece of the content, never empty.
    Data(&'b [u8]),
    /// The last chunk and the trailer section are complete.
    End,
}

/// Decodes one chunked body.
#[derive(Debug, Default)]
pub struct ChunkDecoder {
    state: State,
    /// Content announced so far.
    total: u64,
    /// Bytes of the incomplete line at the start of the input that hold no LF.
    seen: u32,
    /// Bytes of extensions that no data has made up for.
    excess: u32,
    /// Bytes and field lines of the trailer section.
    trailer_bytes: u32,
    trailer_fields: u32,
}

impl ChunkDecoder {
    /// A decoder at the start of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next piece of `input`, which holds all bytes received and not yet consumed. Returns how many bytes
    /// are consumed, also with `NeedInput`, and what they are. Trailers are put into `trailers`, except for those that a
    /// trailer section may not have.
    pub fn decode<'b>(
        &mut self,
        input: &'b [u8],
        limits: &Limits,
        trailers: &mut Option<Box<FieldBlock>>,
    ) -> Result<(usize, ChunkPiece<'b>), RequestError> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match self.state {
                State::Size => {
                    let max = limits.chunk_line;
                    let Some(line) = self.take_line(rest, max, RequestError::ChunkLineTooLong)? else {
                        break;
                    };
                    self.start_chunk(line, limits)?;
                    consumed += line.len() + 2;
                }
                State::Data(_) if rest.is_empty() => break,
                State::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok((consumed + length, ChunkPiece::Data(&rest[..length])));
                }
                State::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.state = State::Size;
                        consumed += 2;
                    }
                    [] | [b'\r'] => break,
                    _ => return Err(RequestError::BadChunkEnd),
                },
                State::Trailers => {
                    let left = limits.trailers.saturating_sub(self.trailer_bytes as usize);
                    let max = limits.field.min(left);
                    let too_long = if limits.field < left {
                        RequestError::FieldTooLarge
                    } else {
                        RequestError::TrailersTooLarge
                    };
                    let Some(line) = self.take_line(rest, max, too_long)? else { break };
                    consumed += line.len() + 2;
                    if line.is_empty() {
                        self.state = State::Done;
                        return Ok((consumed, ChunkPiece::End));
                    }
                    self.trailer_bytes = self.trailer_bytes.saturating_add(line.len() as u32 + 2);
                    self.take_trailer(line, limits, trailers)?;
                }
                State::Done => break,
            }
        }
        Ok((consumed, ChunkPiece::NeedInput))
    }

    /// The line at the start of `input` without its CRLF; `None` while it is incomplete.
    fn take_line<'b>(
        &mut self,
        input: &'b [u8],
        max: usize,
        too_long: RequestError,
    ) -> Result<Option<&'b [u8]>, RequestError> {
        let seen = (self.seen as usize).min(input.len());
        let Some(distance) = memchr::memchr(b'\n', &input[seen..]) else {
            // One byte of tolerance: it may be the CR.
            if input.len() > max.saturating_add(1) {
                return Err(too_long);
            }
            self.seen = input.len() as u32;
            return Ok(None);
        };
        self.seen = 0;
        let line = &input[..seen + distance];
        match line {
            [line @ .., b'\r'] if line.len() <= max => Ok(Some(line)),
            [line @ .., b'\r'] | line if line.len() > max => Err(too_long),
            _ => Err(RequestError::BareLf),
        }
    }

    /// `chunk-size [ chunk-ext ]`
    fn start_chunk(&mut self, line: &[u8], limits: &Limits) -> Result<(), RequestError> {
        let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
        if digits == 0 || digits > MAX_SIZE_DIGITS {
            return Err(RequestError::BadChunkSize);
        }
        let (digits, extensions) = line.split_at(digits);
        if !matches!(extensions, [] | [b';' | b' ' | b'\t', ..]) {
            return Err(RequestError::BadChunkSize);
        }
        check_extensions(extensions)?;
        let size = digits.iter().fold(0u64, |size, &digit| {
            let digit = if digit.is_ascii_digit() { digit - b'0' } else { (digit | 0x20) - b'a' + 10 };
            size << 4 | u64::from(digit)
        });
        self.total = self
            .total
            .checked_add(size)
            .filter(|&total| total <= limits.body)
            .ok_or(RequestError::BodyTooLarge)?;

        let excess = (u64::from(self.excess) + extensions.len() as u64).saturating_sub(size);
        if excess > limits.chunk_line as u64 {
            return Err(RequestError::ChunkLineTooLong);
        }
        self.excess = excess as u32;
        self.state = if size == 0 { State::Trailers } else { State::Data(size) };
        Ok(())
    }

    fn take_trailer(
        &mut self,
        line: &[u8],
        limits: &Limits,
        trailers: &mut Option<Box<FieldBlock>>,
    ) -> Result<(), RequestError> {
        if self.trailer_fields as usize >= limits.fields {
            return Err(RequestError::TooManyFields);
        }
        self.trailer_fields += 1;
        let field = split_field(line)?;
        let name = &line[..field.name_end];
        if !is_forbidden_trailer(name) {
            // Both parts were checked just now; a block that disagrees would be our mistake, and the field stays out.
            let _ = trailers.get_or_insert_default().push(name, &line[field.value]);
        }
        Ok(())
    }
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 §7.1.1). Extensions mean nothing to us, but
/// what is none could mean something to a proxy before us.
fn check_extensions(mut rest: &[u8]) -> Result<(), RequestError> {
    while !rest.is_empty() {
        let [b';', after @ ..] = skip_white_space(rest) else {
            return Err(RequestError::BadChunkExtension);
        };
        rest = skip_token(skip_white_space(after))?;
        if let [b'=', after @ ..] = skip_white_space(rest) {
            rest = match skip_white_space(after) {
                [b'"', after @ ..] => skip_quoted(after)?,
                after => skip_token(after)?,
            };
        }
    }
    Ok(())
}

fn skip_white_space(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().take_while(|&&b| b == b' ' || b == b'\t').count();
    &bytes[length..]
}

fn skip_token(bytes: &[u8]) -> Result<&[u8], RequestError> {
    match bytes.iter().take_while(|&&b| is_tchar(b)).count() {
        0 => Err(RequestError::BadChunkExtension),
        length => Ok(&bytes[length..]),
    }
}

/// What follows a quoted-string whose opening quote is already gone (RFC 9110 §5.6.4).
fn skip_quoted(mut bytes: &[u8]) -> Result<&[u8], RequestError> {
    let is_text = |b: u8| b == b'\t' || (b >= b' ' && b != 0x7F);
    loop {
        bytes = match bytes {
            [b'"', rest @ ..] => return Ok(rest),
            [b'\\', escaped, rest @ ..] if is_text(*escaped) => rest,
            [b'\\', ..] => return Err(RequestError::BadChunkExtension),
            [byte, rest @ ..] if is_text(*byte) => rest,
            _ => return Err(RequestError::BadChunkExtension),
        };
    }
}

/// Fields that a trailer section may not have, as they would change how a message already under way is framed, routed,
/// authenticated or understood (RFC 9110 §6.5.1), or which an application trusts because a proxy checked them in the
/// head.
pub(super) fn is_forbidden_trailer(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 36] = [
        // framing and connection
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        // routing
        b"forwarded",
        b"host",
        b"via",
        b"x-real-ip",
        // request modifiers
        b"cache-control",
        b"expect",
        b"max-forwards",
        b"pragma",
        b"range",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        // authentication
        b"authorization",
        b"cookie",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"set-cookie",
        b"www-authenticate",
        b"origin",
        b"referer",
        // response control
        b"age",
        b"date",
        b"expires",
        b"location",
        b"retry-after",
        b"vary",
        b"warning",
    ];
    let starts_with =
        |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    NAMES.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
        || starts_with(b"x-forwarded-")
        // How the content is to be understood; its digest is the one that is known only at its end (RFC 9530 §2).
        || (starts_with(b"content-") && !name.eq_ignore_ascii_case(b"content-digest"))
}

/// What goes before a piece of a response body: nothing, or a chunk header. Inline, so that it can be the first part of a
/// vectored write without an allocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramePrefix {
    bytes: [u8; MAX_SIZE_DIGITS + 2],
    length: u8,
}

impl FramePrefix {
    /// The chunk header `size CRLF` of a chunk with `size` bytes; `size` is not 0, which would end the body.
    pub(super) fn chunk(size: u64) -> Self {
        debug_assert!(size > 0);
        let mut bytes = [0; MAX_SIZE_DIGITS + 2];
        let digits = (16 - size.leading_zeros() as usize / 4).max(1);
        for (place, byte) in bytes[..digits].iter_mut().enumerate() {
            let digit = (size >> (4 * (digits - 1 - place)) & 0xF) as usize;
            *byte = b"0123456789abcdef"[digit];
        }
        bytes[digits] = b'\r';
        bytes[digits + 1] = b'\n';
        FramePrefix { bytes, length: digits as u8 + 2 }
    }
}

impl AsRef<[u8]> for FramePrefix {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }
}
