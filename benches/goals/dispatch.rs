//! What the agent adds to a dispatch, by the moments that it writes to the daemon's own log.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::measure::{disk_floor, median, millis, percentile, spawn_floor};
use crate::table::Row;

const TIMES: usize = 200;
const GOAL: Duration = Duration::from_millis(3);

pub fn measure() -> Vec<Row> {
    let daemon = Daemon::with_log(Some("info,periapt_agent::moments=trace"));
    daemon.deploy("app", 1);
    daemon.wait();
    let before = daemon.log_text().len();
    for size in 1..=TIMES {
        daemon.ok(&["config", "app", &format!("size={size}")]);
        daemon.wait();
    }
    let log = daemon.log_text().split_off(before);
    let mut added = Vec::new();
    let mut around = [Vec::new(), Vec::new()];
    let mut moments = Moments::default();
    for line in log.lines().filter(|line| line.contains("periapt_agent::moments")) {
        let Some(at) = time_of_day(line) else { continue };
        match line.split_whitespace().find(|word| NAMES.contains(word)) {
            Some("decided") => moments = Moments { decided: Some(at), ..Moments::default() },
            Some("started") => moments.started = Some(at),
            Some("ended") => moments.ended = Some(at),
            Some("committed") => {
                if let Moments { decided: Some(decided), started: Some(started), ended: Some(ended) } =
                    moments
                {
                    let (before, after) = (started.saturating_sub(decided), at.saturating_sub(ended));
                    added.push(before + after);
                    around[0].push(before);
                    around[1].push(after);
                }
                moments = Moments::default();
            }
            _ => {}
        }
    }
    assert!(added.len() >= TIMES * 9 / 10, "only {} dispatches were seen", added.len());
    let disk = disk_floor(daemon.path());
    let start = spawn_floor("/bin/true", &[], 200);
    let p50 = median(&mut added);
    let [before, after] = &mut around;
    let measured = format!(
        "{} ({} before, {} after; p90 {})",
        millis(p50),
        millis(median(before)),
        millis(median(after)),
        millis(percentile(&mut added, 90))
    );
    let floor = format!("{} (two page writes with fsync, one /bin/true)", millis(2 * disk + start));
    vec![Row::new("what the agent adds to a dispatch, p50", "≤ 3 ms", measured, floor).met(p50 <= GOAL)]
}

const NAMES: [&str; 4] = ["decided", "started", "ended", "committed"];

#[derive(Clone, Copy, Default)]
struct Moments {
    decided: Option<Duration>,
    started: Option<Duration>,
    ended: Option<Duration>,
}

/// The time of day of a line that begins with `2026-01-31T12:34:56.123456Z`.
fn time_of_day(line: &str) -> Option<Duration> {
    let clock = line.split_whitespace().next()?.split_once('T')?.1.trim_end_matches('Z');
    let mut parts = clock.split(':');
    let hours: f64 = parts.next()?.parse().ok()?;
    let minutes: f64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some(Duration::from_secs_f64(hours * 3600.0 + minutes * 60.0 + seconds))
}
