//! The charm's program.

fn main() -> std::process::ExitCode {
    cache_charm::main()
}
