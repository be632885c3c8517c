//! The chunked coding, both ways.

use super::*;
use crate::error::RequestError::{self, *};
use crate::h1::chunked::is_forbidden_trailer;
use crate::h1::{ChunkDecoder, ChunkPiece, FramePrefix};
use proptest::prelude::*;

/// Decodes `input` cut into pieces of `step` bytes: content, trailers, and how many bytes are left over at the end;
/// `None` for the last if the end did not come.
type Decoded = Result<(Vec<u8>, Vec<u8>, Option<usize>), RequestError>;

fn decode(input: &[u8], step: usize, limits: &Limits) -> Decoded {
    let mut decoder = ChunkDecoder::new();
    let (mut content, mut trailers, mut consumed, mut end) = (Vec::new(), None, 0, 0);
    loop {
        let (count, piece) = decoder.decode(&input[consumed..end], limits, &mut trailers)?;
        consumed += count;
        let so_far = |trailers: Option<Box<FieldBlock>>| trailers.unwrap_or_default().as_bytes().to_vec();
        match piece {
            ChunkPiece::Data(data) => content.extend_from_slice(data),
            ChunkPiece::End => return Ok((content, so_far(trailers), Some(end - consumed))),
            ChunkPiece::NeedInput if end == input.len() => return Ok((content, so_far(trailers), None)),
            ChunkPiece::NeedInput => end = (end + step).min(input.len()),
        }
    }
}

fn refused(input: &[u8]) -> Option<RequestError> {
    let whole = decode(input, usize::MAX / 2, &Limits::default());
    assert_eq!(decode(input, 1, &Limits::default()), whole, "{}", input.escape_ascii());
    whole.err()
}

#[test]
fn reasons() {
    let long_extension = [b"1;".as_slice(), &[b'a'; 4096]].concat();
    let long_trailer = [b"0\r\na:".as_slice(), &[b'b'; 9000]].concat();
    let cases: [(&[u8], RequestError); 16] = [
        (b"\r\n", BadChunkSize),
        (b"x\r\n", BadChunkSize),
        (b"0x1\r\n", BadChunkSize),
        (b"+1\r\n", BadChunkSize),
        (b"00000000000000001\r\n", BadChunkSize),
        (b"1\n", BareLf),
        (b"1 \r\n", BadChunkExtension),
        (b"1;\r\n", BadChunkExtension),
        (b"1;a=\"\r\n", BadChunkExtension),
        (b"1;a=\"\\\r\n", BadChunkExtension),
        (b"1\r\nab", BadChunkEnd),
        (b"1\r\na\rb", BadChunkEnd),
        (b"ffffffffffffffff\r\n", BodyTooLarge),
        (b"0\r\n a\r\n", ObsFold),
        (&long_extension, ChunkLineTooLong),
        (&long_trailer, TrailersTooLarge),
    ];
    for (input, error) in cases {
        assert_eq!(refused(input), Some(error), "{}", input.escape_ascii());
    }
}

#[test]
fn extensions_may_be_as_long_as_data_makes_up_for() {
    let limits = Limits { chunk_line: 10, ..Limits::default() };
    // Nine bytes of extension for one of data: the excess grows by eight a chunk.
    let small = b"1;abcdefgh\r\nx\r\n".repeat(2);
    assert_eq!(decode(&small, 100, &limits).unwrap_err(), ChunkLineTooLong);
    let large = b"9;abcdefg\r\n123456789\r\n".repeat(100);
    assert_eq!(decode(&large, 100, &limits).unwrap().0.len(), 900);
}

#[test]
fn a_last_chunk_may_have_zeros_and_extensions() {
    for input in [&b"0\r\n\r\n"[..], b"000\r\n\r\n", b"0;a=b\r\n\r\n"] {
        assert_eq!(decode(input, 1, &Limits::default()), Ok((vec![], vec![], Some(0))));
    }
}

#[test]
fn bytes_after_the_end_are_left_alone() {
    let decoded = decode(b"1\r\na\r\n0\r\n\r\nGET", 100, &Limits::default());
    assert_eq!(decoded, Ok((b"a".to_vec(), vec![], Some(3))));
}

#[test]
fn limits_of_trailers() {
    let section = b"0\r\na: b\r\nc: d\r\n\r\n";
    let with = |limits: Limits| decode(section, 1, &limits).err();
    assert_eq!(with(Limits { trailers: 12, ..Limits::default() }), None);
    assert_eq!(with(Limits { trailers: 9, ..Limits::default() }), Some(TrailersTooLarge));
    assert_eq!(with(Limits { fields: 2, ..Limits::default() }), None);
    assert_eq!(with(Limits { fields: 1, ..Limits::default() }), Some(TooManyFields));
    assert_eq!(with(Limits { field: 4, ..Limits::default() }), None);
    assert_eq!(with(Limits { field: 3, ..Limits::default() }), Some(FieldTooLarge));
}

#[test]
fn forbidden_trailers() {
    for name in
        ["Content-Length", "HOST", "content-type", "x-forwarded-proto", "Set-Cookie", "If-Match", "TE"]
    {
        assert!(is_forbidden_trailer(name.as_bytes()), "{name}");
    }
    for name in
        ["content-digest", "x-checksum", "server-timing", "hostess", "grpc-status", "x-forwarded", "etag"]
    {
        assert!(!is_forbidden_trailer(name.as_bytes()), "{name}");
    }
}

#[test]
fn chunk_headers() {
    for (size, header) in [
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xABCDE, "abcde\r\n"),
        (u64::MAX, "ffffffffffffffff\r\n"),
    ] {
        assert_eq!(FramePrefix::chunk(size).as_ref(), header.as_bytes());
    }
    assert_eq!(FramePrefix::default().as_ref(), b"");
}

proptest! {
    /// What goes out as chunks comes in again as it was, however it is cut.
    #[test]
    fn encoded_and_decoded(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        step in 1usize..50,
    ) {
        let mut sender = taken(&request("GET / HTTP/1.1", "TE: trailers\r\n"));
        let mut wire = Vec::new();
        sender.send_head(&response(200, &[]), None, &STAMP, &mut Vec::new());
        for piece in &pieces {
            let frame = sender.send_data(piece.len() as u64);
            wire.extend_from_slice(frame.prefix.as_ref());
            wire.extend_from_slice(&piece[..frame.take as usize]);
            wire.extend_from_slice(frame.suffix);
        }
        let mut trailers = FieldBlock::new();
        trailers.push(b"x", b"y").unwrap();
        sender.send_end(Some(&trailers), &mut wire);
        let decoded = decode(&wire, step, &Limits::default());
        prop_assert_eq!(decoded, Ok((pieces.concat(), b"x: y\r\n".to_vec(), Some(0))));
    }

    #[test]
    fn any_bytes_give_the_same_however_they_are_cut(
        input in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'2'), Just(b';'), Just(b'a'), any::<u8>()], 0..60,
        ),
        step in 1usize..10,
    ) {
        let whole = decode(&input, usize::MAX / 2, &Limits::default());
        prop_assert_eq!(decode(&input, step, &Limits::default()), whole);
    }
}
