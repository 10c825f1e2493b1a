//! Arbitrary bytes as the files of a charm.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| periapt_model::charm::fuzz_metadata(data));
