//! What the fuzzer runs; the tests run it over a committed corpus.

use crate::frame::{decode_request, decode_response, encode_request, encode_response, read_frame};

/// Reads arbitrary bytes in every way that either end reads them.
///
/// # Panics
/// If a message that was read does not encode to the bytes it was read from.
#[doc(hidden)]
pub fn fuzz_frames(data: &[u8]) {
    check(data);
    let mut stream = data;
    while let Ok(Some(frame)) = read_frame(&mut stream) {
        check(&frame);
    }
}

fn check(frame: &[u8]) {
    if let Ok(request) = decode_request(frame) {
        assert_eq!(encode_request(&request).as_deref(), Ok(frame));
    }
    if let Ok(response) = decode_response(frame) {
        assert_eq!(encode_response(&response).as_deref(), Ok(frame));
    }
}
