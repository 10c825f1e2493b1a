//! The program that every hook command is a link to: a separate binary, because it must start in no time.
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

fn main() -> std::process::ExitCode {
    // What it says or is told may be a secret: it leaves no core file. A system that cannot do so has no core files of ours.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    periapt_hook::program::main()
}
