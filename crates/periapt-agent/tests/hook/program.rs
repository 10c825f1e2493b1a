//! The hook program, for this crate's tests.
fn main() -> std::process::ExitCode {
    periapt_hook::program::main()
}
