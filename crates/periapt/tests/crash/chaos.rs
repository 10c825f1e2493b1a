//! Three related applications, and a hundred random deaths while an operator goes on working.
//!
//! `PERIAPT_CHAOS_SEED=N` repeats the choices of a run; what each of them hits still depends on the machine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use periapt_model::hook::Hook;
use periapt_model::journal::{Entry, Event, JournalRecord, Mark, Outcome};
use serde_json::Value;

use crate::arena::{Arena, SOON, assert_no_panic};
use crate::audit::{self, dispatches, journal, shown};
use crate::common::{charm, until};
use crate::processes::{self, Kind};

/// How many of each kind are killed.
const DEATHS: [(Kind, u32); 3] = [(Kind::Daemon, 20), (Kind::Charm, 40), (Kind::HookProgram, 40)];
/// An application is not scaled above this.
const MOST_UNITS: usize = 3;

/// SplitMix64: numbers that look random, from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit.max(1)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }
}

/// A unit's processes are killed at most so many times more often than those of the unit that was spared most: one that
/// is killed again and again rests longer each time, and nothing else would come to pass.
const SPREAD: u32 = 1;

/// How often a process of each unit was killed.
#[derive(Default)]
struct Tally(BTreeMap<String, u32>);

impl Tally {
    /// Whether it is the turn of `unit`, among those that are there. A new one begins with the least of the others.
    fn allows(&mut self, unit: &str, there: &[String]) -> bool {
        self.0.retain(|known, _| there.contains(known));
        let least = self.0.values().min().copied().unwrap_or(0);
        for unit in there {
            self.0.entry(unit.clone()).or_insert(least);
        }
        self.0.get(unit).is_some_and(|times| *times <= least + SPREAD)
    }
}

/// Kills what [`DEATHS`] says in a random order, each at a random moment.
fn kill_all(arena: &Arena, random: &mut Random) {
    let mut due: Vec<Kind> = DEATHS.iter().flat_map(|(kind, count)| (0..*count).map(|_| *kind)).collect();
    let mut tally = Tally::default();
    while !due.is_empty() {
        let kind = due.swap_remove(random.below(due.len()));
        // So many looks pass until it strikes: as long as some hook commands, or as some hooks.
        let mut patience = random.below(40);
        until(&format!("a {kind:?} is killed"), SOON, || {
            let mut victims = processes::of_home(&arena.home());
            victims.retain(|process| match kind {
                // A command that has just started the daemon bears its name for a moment, and so do all commands.
                Kind::Daemon => Some(process.pid) == arena.daemon_pid(),
                kind => process.kind == kind,
            });
            patience = patience.saturating_sub(1);
            let victim = random.pick(&victims).filter(|_| patience == 0)?;
            if kind == Kind::Charm && !tally.allows(&victim.unit, &arena.unit_folders()) {
                return None;
            }
            victim.kill().then(|| *tally.0.entry(victim.unit.clone()).or_default() += 1)
        });
    }
}

/// The operator, who does not know that anything is killed.
struct Operator<'a> {
    arena: &'a Arena,
    random: Random,
    /// The values of `note` that each application may have: the last that was acknowledged, and those tried since.
    notes: BTreeMap<&'static str, Vec<String>>,
    turn: u32,
}

const APPLICATIONS: [&str; 3] = ["front", "back", "tally"];

impl Operator<'_> {
    /// Runs a command that may be refused or cut off; whether it was done for certain.
    fn try_to(&self, arguments: &[&str]) -> bool {
        let said = self.arena.run(arguments);
        assert_no_panic(arguments, &said);
        said.code == 0
    }

    fn units(&self, application: &str) -> Vec<String> {
        let said = self.arena.run(&["status", "--format", "json"]);
        let status: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        let units = status["applications"][application]["units"].as_object();
        units.map(|units| units.keys().cloned().collect()).unwrap_or_default()
    }

    fn work(&mut self) {
        self.turn += 1;
        let application = *self.random.pick(&APPLICATIONS).unwrap_or(&"front");
        match self.random.below(12) {
            0 => {
                let units = self.units(application);
                if (1..MOST_UNITS).contains(&units.len()) {
                    self.try_to(&["add-unit", application]);
                }
            }
            1 => {
                let units = self.units(application);
                if let Some(unit) = self.random.pick(&units).filter(|_| units.len() > 1) {
                    self.try_to(&["remove-unit", unit, "--no-prompt"]);
                }
            }
            2 => drop(self.try_to(&["remove-relation", "back:data", "tally:source"])),
            3 => drop(self.try_to(&["integrate", "back:data", "tally:source"])),
            4 => {
                let units = self.units("front");
                if let Some(unit) = self.random.pick(&units) {
                    self.try_to(&["run", unit, "echo", "text=hello", "--background"]);
                }
            }
            _ => self.configure(application),
        }
        // A hook whose command was killed has failed. There may be none.
        self.try_to(&["resolved", "--all"]);
    }

    fn configure(&mut self, application: &'static str) {
        let note = format!("turn-{}", self.turn);
        let done = self.try_to(&["config", application, &format!("note={note}")]);
        let notes = self.notes.entry(application).or_default();
        if done {
            notes.clear();
        }
        notes.push(note);
    }
}

#[test]
fn a_hundred_deaths() {
    let seed = std::env::var("PERIAPT_CHAOS_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("PERIAPT_CHAOS_SEED={seed}");
    let arena = Arena::new();
    let recorder = charm("testing/recorder");
    arena.ok(&["deploy", &recorder, "front", "-n", "2"]);
    arena.ok(&["deploy", &recorder, "back"]);
    arena.ok(&["deploy", &charm("testing/tally"), "tally"]);
    arena.ok(&["integrate", "front:data", "back:source"]);
    arena.ok(&["integrate", "front:data", "tally:source"]);
    arena.ok(&["integrate", "back:data", "tally:source"]);
    arena.settle();

    let began = std::time::Instant::now();
    let mut operator = Operator { arena: &arena, random: Random(seed), notes: BTreeMap::new(), turn: 0 };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let _over = OnDrop(|| over.store(true, Ordering::Relaxed));
            kill_all(&arena, &mut Random(!seed));
        });
        while !over.load(Ordering::Relaxed) {
            operator.work();
        }
        if let Err(panic) = killer.join() {
            std::panic::resume_unwind(panic);
        }
    });

    println!("everything is killed after {:?}", began.elapsed());
    until("the model settles", 2 * SOON, || {
        arena.run(&["resolved", "--all"]);
        let said = arena.run(&["wait", "--timeout", "10s"]);
        assert_no_panic(&["wait"], &said);
        println!("{}", said.stderr);
        (said.code == 0).then_some(())
    });
    println!("settled after {:?}", began.elapsed());
    for (application, notes) in &operator.notes {
        let note = arena.ok(&["config", application, "note"]);
        assert!(notes.iter().any(|known| known == note.trim()), "{application}: {note:?}, not {notes:?}");
    }
    let deaths = DEATHS[0].1;
    let units = arena.units();
    for unit in &units {
        match unit.starts_with("tally/") {
            true => tally(&arena, unit),
            false => audit::recorder(&arena, unit, deaths),
        }
    }
    let mut by_unit: BTreeMap<String, Vec<JournalRecord>> = BTreeMap::new();
    for line in arena.ok(&["tail", "--all", "--no-follow", "--format", "json"]).lines() {
        let record: JournalRecord = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        by_unit.entry(record.unit.to_string()).or_default().push(record);
    }
    // The deaths were felt.
    let count = |what: fn(&Outcome) -> bool| {
        by_unit.values().flat_map(|records| dispatches(records)).filter(|d| what(&d.outcome)).count()
    };
    let interrupted = count(|outcome| matches!(outcome, Outcome::Interrupted { .. }));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
    println!("{interrupted} dispatches were interrupted, {failed} failed");
    assert!(interrupted >= 20 && failed >= 10, "{interrupted} interrupted, {failed} failed");
    // Those that have gone, too, lived by the table to their end.
    by_unit.retain(|unit, _| !units.contains(unit));
    for (unit, records) in &by_unit {
        audit::check_trace(unit, records);
        let last = records.last().map(|record| &record.entry);
        assert_eq!(last, Some(&Entry::Mark(Mark::Dead)), "{unit}:\n{}", shown(records));
    }
    arena.close();
}

/// Runs something when it is dropped, however its thread ends.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Holds a settled unit of the charm `tally` against its journal: every handler ran once for each dispatch that ended
/// well, and each event that was deferred was done, once (I2, I3).
#[track_caller]
fn tally(arena: &Arena, unit: &str) {
    let ran = arena.json(&["run", unit, "tally"]);
    let counts = &ran[unit]["results"];
    let records = journal(arena, unit);
    audit::check_trace(unit, &records);
    let count = |name: &str| counts[name].as_str().map_or(0, |n| n.parse().unwrap_or(u64::MAX));
    let why = |what: &str| format!("{unit}: {what}: {ran}\n{}", shown(&records));

    let (mut by_name, mut deferred, mut done): (BTreeMap<String, u64>, u64, u64) = Default::default();
    for dispatch in dispatches(&records) {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        deferred += count(dispatch.deferrals.deferred.len());
        done += count(dispatch.deferrals.done.len());
        assert!(dispatch.deferrals.dropped.is_empty(), "{}", why("something deferred was dropped"));
        if let (Event::Hook(hook), Outcome::Done) = (&dispatch.event, &dispatch.outcome) {
            *by_name.entry(hook.name()).or_default() += 1;
        }
    }
    let changes = by_name.remove(&Hook::ConfigChanged.name()).unwrap_or(0);
    for name in ["remove", "update-status", "leader-settings-changed", &Hook::DeferredWake.name()] {
        by_name.remove(name);
    }
    for (name, expected) in &by_name {
        assert_eq!(count(name), *expected, "{}", why(name));
    }
    assert_eq!(count("deferred"), changes, "{}", why("config-changed"));
    assert_eq!(deferred, changes, "{}", why("what was deferred, by the journal"));
    assert_eq!(count("done"), changes, "{}", why("what was done"));
    assert_eq!(done, changes, "{}", why("what was done, by the journal"));
    assert_eq!(counts["waiting"], "0", "{}", why("what still waits"));
}
