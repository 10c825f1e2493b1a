//! The program that every hook command is a link to: a separate binary, because it must start in no time.
fn main() -> std::process::ExitCode {
    periapt_hook::program::main()
}
