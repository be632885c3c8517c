//! The chunked decoder finds the same in one piece and byte by byte, and never consumes more than there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use yett_proto::h1::{ChunkDecoder, ChunkPiece};
use yett_proto::{error::RequestError, limits::Limits};

fn decode(input: &[u8], step: usize) -> Result<(Vec<u8>, Vec<u8>, usize, bool), RequestError> {
    let (mut decoder, limits, mut trailers) = (ChunkDecoder::new(), Limits::default(), None);
    let (mut body, mut consumed, mut end) = (Vec::new(), 0, step.min(input.len()));
    loop {
        let (count, piece) = decoder.decode(&input[consumed..end], &limits, &mut trailers)?;
        consumed += count;
        assert!(consumed <= end);
        match piece {
            ChunkPiece::Data(data) => body.extend_from_slice(data),
            ChunkPiece::NeedInput if end < input.len() => end = (end + step).min(input.len()),
            piece => {
                let trailers = trailers.unwrap_or_default().as_bytes().to_vec();
                return Ok((body, trailers, consumed, piece == ChunkPiece::End));
            }
        }
    }
}

fuzz_target!(|data: &[u8]| assert_eq!(decode(data, data.len()), decode(data, 1)));
