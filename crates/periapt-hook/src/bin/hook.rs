//! The hook program, for this crate's tests and benchmark.
fn main() -> std::process::ExitCode {
    periapt_hook::program::main()
}
