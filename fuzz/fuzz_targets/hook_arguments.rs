//! Any bytes as the arguments of any hook command.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| periapt_context::fuzz_arguments(data));
