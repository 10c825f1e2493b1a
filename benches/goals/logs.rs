//! A million lines of a model's log, read back.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::measure::{millis, percentile, seconds};
use crate::table::Row;

const LINES: usize = 1_000_000;
/// As many as a file holds before it is put aside; the last of them is the newest file.
const FILES: usize = 3;
const TIMES: usize = 10;
const GOAL: Duration = Duration::from_millis(50);
const MOST_MIB: u64 = 50;

/// Writes the files as a daemon does that has logged so many lines.
fn write(daemon: &Daemon) -> u64 {
    let folder = daemon.path().join("logs");
    let newest = std::fs::read_dir(&folder).expect("the logs").flatten().map(|entry| entry.path());
    let newest = newest.filter(|path| path.extension().is_some_and(|end| end == "log")).min();
    let newest = newest.expect("a model that has logged");
    let mut bytes = 0;
    for file in 0..FILES {
        let path = match FILES - 1 - file {
            0 => newest.clone(),
            age => newest.with_extension(format!("log.{age}")),
        };
        let mut out = BufWriter::new(File::create(path).expect("a log file"));
        for line in LINES * file / FILES..LINES * (file + 1) / FILES {
            let at = 1_760_000_000_000_u64 + line as u64;
            writeln!(
                out,
                "{at} INFO unit-app-{} juju.worker.uniter.operation ran \"relation-{}-changed\" hook (via hook dispatching script: dispatch)",
                line % 100,
                line % 7,
            )
            .expect("a line");
        }
        out.flush().expect("the file");
        bytes += out.get_ref().metadata().expect("its length").len();
    }
    bytes
}

/// From the command's start to its first byte.
fn first_byte(daemon: &Daemon) -> Duration {
    let start = Instant::now();
    let mut child = daemon
        .command(&["debug-log", "--replay", "--no-tail"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdout.as_mut().expect("its output").read_exact(&mut [0]).expect("a first byte");
    let took = start.elapsed();
    child.kill().expect("it ends");
    child.wait().expect("it has ended");
    took
}

/// How long all of it takes, how many lines come, and the most memory that the command ever had, in KiB.
fn all(daemon: &Daemon) -> (Duration, usize, u64) {
    let start = Instant::now();
    let mut child = daemon
        .command(&["debug-log", "--replay", "--no-tail"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let status = format!("/proc/{}/status", child.id());
    let (mut lines, mut most, mut buffer) = (0, 0, vec![0; 1 << 16]);
    let output = child.stdout.as_mut().expect("its output");
    loop {
        let read = output.read(&mut buffer).expect("its output");
        if read == 0 {
            break;
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most = peak.and_then(|kib| kib.parse().ok()).unwrap_or(most);
    }
    assert!(child.wait().expect("it has ended").success());
    (start.elapsed(), lines, most)
}

pub fn measure() -> Vec<Row> {
    let daemon = Daemon::new();
    daemon.deploy("app", 1);
    daemon.wait();
    daemon.ok(&["daemon", "stop"]);
    let bytes = write(&daemon);
    daemon.ok(&["daemon", "start"]);
    let empty = daemon.usage().resident_kib;
    let mut first: Vec<Duration> = (0..TIMES).map(|_| first_byte(&daemon)).collect();
    let p50 = percentile(&mut first, 50);
    let (took, lines, most) = all(&daemon);
    assert!(lines >= LINES, "only {lines} lines came");
    let grown = daemon.usage().resident_kib.saturating_sub(empty) / 1024;
    let read = Instant::now();
    let mut whole = 0;
    for entry in std::fs::read_dir(daemon.path().join("logs")).expect("the logs").flatten() {
        whole += std::fs::read(entry.path()).map_or(0, |bytes| bytes.len() as u64);
    }
    assert!(whole >= bytes);
    let floor = read.elapsed();
    vec![
        Row::new(
            "`debug-log --replay` of a million lines, to the first byte, p50",
            "< 50 ms",
            millis(p50),
            format!("{} for all {} MiB", seconds(took), bytes >> 20),
        )
        .met(p50 < GOAL),
        Row::new(
            "… the most memory that the command ever had",
            "< 50 MB",
            format!("{} MiB (the daemon grew by {grown} MiB)", most / 1024),
            format!("{} to read the files", millis(floor)),
        )
        .met(most / 1024 < MOST_MIB),
    ]
}
