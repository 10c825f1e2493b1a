//! Clocks, medians, and the floors that the machine sets.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The value below which so many of a hundred lie.
pub fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    values.get(values.len() * percent / 100).or(values.last()).copied().unwrap_or_default()
}

pub fn median(values: &mut [Duration]) -> Duration {
    percentile(values, 50)
}

pub fn micros(span: Duration) -> String {
    format!("{:.0} µs", span.as_secs_f64() * 1e6)
}

pub fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1e3)
}

pub fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

/// The processor time of this thread, which other programs on the machine do not lengthen as they do the clock's.
pub fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.expect("the kernel counts the time of threads"))
}

/// From a process's start to its end.
pub fn run(command: &mut Command) -> Duration {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let took = start.elapsed();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
    took
}

/// The median of a process's start to end.
pub fn spawn_floor(program: &str, args: &[&str], times: usize) -> Duration {
    let mut command = Command::new(program);
    command.args(args);
    let mut took: Vec<Duration> = (0..times).map(|_| run(&mut command)).collect();
    median(&mut took)
}

/// The median of writing one page over an old one and having it on the disk.
pub fn disk_floor(folder: &Path) -> Duration {
    const PAGES: usize = 500;
    let path = folder.join("floor");
    let mut file = File::create(&path).expect("the floor's file");
    let page = [7; 4096];
    for _ in 0..PAGES {
        file.write_all(&page).expect("a page");
    }
    file.sync_all().expect("synced");
    file.rewind().expect("at the beginning");
    let mut took: Vec<Duration> = (0..PAGES)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&page).expect("a page");
            file.sync_data().expect("synced");
            start.elapsed()
        })
        .collect();
    std::fs::remove_file(path).expect("the floor's file is ours");
    median(&mut took)
}

/// What the processes of charms cost without any agent: so many shells that do nothing, and so many `/bin/true` for
/// their hook commands, on `at_once` of this machine's processors.
pub fn processes_floor(shells: u64, commands: u64, at_once: usize) -> Duration {
    let shell = spawn_floor("/bin/sh", &["-c", ":"], 200);
    let command = spawn_floor("/bin/true", &[], 200);
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(at_once.max(1));
    let all = shell.as_secs_f64() * shells as f64 + command.as_secs_f64() * commands as f64;
    Duration::from_secs_f64(all / processors as f64)
}
