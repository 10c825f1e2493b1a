//! Five hundred units to settled, against a hundred; and what they cost when nothing happens.

use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Usage, Work};
use crate::measure::{micros, millis, processes_floor, seconds};
use crate::table::Row;

/// How long nothing happens.
const IDLE: Duration = Duration::from_secs(20);
const UNITS_EACH: usize = 10;

struct Settled {
    daemon: Daemon,
    took: Duration,
    processor: Duration,
    work: Work,
    empty: Usage,
}

fn settle(applications: usize) -> Settled {
    let daemon = Daemon::new();
    let (empty, before) = (daemon.usage(), daemon.processor());
    let start = Instant::now();
    for application in 0..applications {
        daemon.deploy(&format!("app{application}"), UNITS_EACH);
    }
    daemon.wait();
    let took = start.elapsed();
    let processor = daemon.processor().saturating_sub(before);
    let work = daemon.work();
    eprintln!("  {applications} applications: {took:?}, {work:?}, daemon's processor time {processor:?}");
    Settled { daemon, took, processor, work, empty }
}

/// What the daemon's threads used while nothing happened, in this time.
fn idle(daemon: &Daemon) -> (Usage, Duration) {
    // Threads that have nothing to do end after ten seconds.
    std::thread::sleep(Duration::from_secs(12));
    let before = daemon.usage();
    std::thread::sleep(IDLE);
    let after = daemon.usage();
    (after, after.processor.saturating_sub(before.processor))
}

fn per(span: Duration, count: u64) -> Duration {
    span.div_f64(count.max(1) as f64)
}

pub fn measure() -> Vec<Row> {
    let small = settle(10);
    let small_cost = per(small.processor, small.work.dispatches);
    drop(small.daemon);
    let large = settle(50);
    let units = 500;
    let cost = per(large.processor, large.work.dispatches);
    let ratio = cost.as_secs_f64() / small_cost.as_secs_f64();
    let floor = processes_floor(large.work.processes, large.work.hook_commands, 500);
    let mut rows = vec![
        Row::new(
            "500 units with peer relations, to settled",
            "–",
            format!(
                "{} ({} dispatches, {} hook commands)",
                seconds(large.took),
                large.work.dispatches,
                large.work.hook_commands
            ),
            format!("{} (the charms' processes alone)", seconds(floor)),
        ),
        Row::new(
            "the daemon's processor time for a dispatch, of 500 units against 100",
            "linear: ≤ 1.25 ×",
            format!("{ratio:.2} × ({})", micros(cost)),
            micros(small_cost),
        )
        .met(ratio <= 1.25),
    ];
    let (settled, used) = idle(&large.daemon);
    rows.push(memory("resident, per idle unit, after all that", settled, large.empty, units));
    rows.push(processor(used, units));
    large.daemon.ok(&["daemon", "stop"]);
    large.daemon.ok(&["daemon", "start"]);
    let (fresh, _) = idle(&large.daemon);
    rows.push(memory("resident, per idle unit, after a restart", fresh, large.empty, units));
    rows
}

fn memory(what: &str, now: Usage, empty: Usage, units: u64) -> Row {
    let each = now.resident_kib.saturating_sub(empty.resident_kib) / units;
    let measured = format!("{each} KiB ({} MiB in all)", now.resident_kib / 1024);
    let floor = format!("{} MiB without units", empty.resident_kib / 1024);
    // 100 KB are 97.6 KiB.
    Row::new(what, "< 100 KB", measured, floor).met(each <= 97)
}

fn processor(used: Duration, units: u64) -> Row {
    let share = used.as_secs_f64() / IDLE.as_secs_f64();
    let each = per(used, units).div_f64(IDLE.as_secs_f64());
    let measured = format!(
        "{:.2} % of one processor for all 500: {} in {} s, {} a second for each",
        share * 100.0,
        millis(used),
        IDLE.as_secs(),
        micros(each)
    );
    Row::new("processor time of idle units", "not measurable: < 1 % for all", measured, "0".to_owned())
        .met(share < 0.01)
}
