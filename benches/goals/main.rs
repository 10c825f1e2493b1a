//! Measures Periapt against the goals that it set itself, each beside its floor, through the built program.
//!
//! `cargo bench -p periapt --bench goals [-- ROW…]`; `benches/README.md` says what each row is and what was last measured.
#![allow(missing_docs)]

mod commits;
mod daemon;
mod deploy;
mod dispatch;
mod hook_command;
mod logs;
mod measure;
mod secrets;
mod simulator;
mod status;
mod table;
mod units;
mod worker;

use table::Row;

/// The built program's own allocator, also for what runs in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A benchmark: its name on the command line, and what it measures.
type Benchmark = (&'static str, fn() -> Vec<Row>);

const BENCHMARKS: [Benchmark; 9] = [
    ("hook-command", hook_command::measure),
    ("dispatch", dispatch::measure),
    ("deploy", deploy::measure),
    ("units", units::measure),
    ("commits", commits::measure),
    ("simulator", simulator::measure),
    ("secrets", secrets::measure),
    ("status", status::measure),
    ("logs", logs::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, rest @ ..] = arguments.as_slice()
        && flag == worker::FLAG
    {
        return worker::run(rest);
    }
    // Cargo passes --bench to measure; a test run only wants to see that it builds.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let mut rows = Vec::new();
    for (name, measure) in BENCHMARKS {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            eprintln!("measuring: {name}");
            rows.extend(measure());
        }
    }
    print!("{}", table::render(&rows));
}
