//! Arbitrary bytes as messages of the hook protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| periapt_hook::fuzz_frames(data));
