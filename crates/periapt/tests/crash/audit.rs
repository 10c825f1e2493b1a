//! What must hold of every unit once its model has settled, whatever was killed before.

use std::collections::BTreeMap;

use periapt_lifecycle::checker::{Checker, TraceEvent};
use periapt_model::hook::Hook;
use periapt_model::journal::{Dispatch, Entry, Event, JournalRecord, Mark, Outcome};
use serde_json::Value;

use crate::arena::Arena;
use crate::recorder::{self, Subject};

/// The unit's journal, from its first record.
pub fn journal(arena: &Arena, unit: &str) -> Vec<JournalRecord> {
    let records = arena.records(unit).into_iter();
    records
        .map(|record| serde_json::from_value(record.clone()).unwrap_or_else(|e| panic!("{e}: {record}")))
        .collect()
}

pub fn dispatches(records: &[JournalRecord]) -> impl Iterator<Item = &Dispatch> {
    records.iter().filter_map(|record| match &record.entry {
        Entry::Dispatch(dispatch) => Some(&**dispatch),
        Entry::Mark(_) => None,
    })
}

/// The trace satisfies the table: by the agent's own checker, and by one that sees the journal from its beginning (I1).
#[track_caller]
pub fn check_trace(unit: &str, records: &[JournalRecord]) {
    let mut checker = Checker::new();
    for record in records {
        if let Entry::Mark(Mark::Violation { text }) = &record.entry {
            panic!("{unit}: its agent found a violation: {text}\n{}", shown(records));
        }
        if let Err(violation) = checker.feed(&TraceEvent::from_entry(&record.entry)) {
            panic!("{unit}: {violation}, at record {}\n{}", record.id, shown(records));
        }
    }
    let numbers: Vec<u64> = records.iter().map(|record| record.id).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{unit}: records out of order: {numbers:?}");
}

pub fn shown(records: &[JournalRecord]) -> String {
    let lines = records.iter().map(|record| match &record.entry {
        Entry::Dispatch(d) => format!("{} {} try {} {:?}", record.id, d.event.name(), d.attempt, d.outcome),
        Entry::Mark(mark) => format!("{} {mark:?}", record.id),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a dispatch was for; None for what does not run the charm's own program.
fn subject(event: &Event) -> Option<Subject> {
    let of_hook = |hook: &Hook| {
        let (relation, unit) = hook.relation().map_or_else(Default::default, |relation| {
            let unit = relation.remote_unit.as_ref().map(ToString::to_string).unwrap_or_default();
            (format!("{}:{}", relation.endpoint, relation.relation), unit)
        });
        (format!("hooks/{}", hook.name()), relation, unit)
    };
    match event {
        Event::Hook(hook) | Event::Replay { hook, .. } => Some(of_hook(hook)),
        Event::Action { name, .. } => Some((format!("actions/{name}"), String::new(), String::new())),
        Event::Exec { .. } => None,
    }
}

/// Everything that the model holds for a unit of the charm `recorder`, as its own hook commands tell it: lines of
/// `state KEY VALUE`, `own|app RELATION DATA` and `remote RELATION MEMBER DATA`.
const LOOK: &str = r#"
for name in dispatches changes; do printf 'state\t%s\t%s\n' $name "$(state-get $name)"; done
for endpoint in mates data source; do
    for id in $(relation-ids $endpoint); do
        printf 'own\t%s\t%s\n' $id "$(relation-get --format=json -r $id - $JUJU_UNIT_NAME)"
        if [ $endpoint != source ] && [ "$(is-leader)" = True ]; then
            printf 'app\t%s\t%s\n' $id "$(relation-get --format=json --app -r $id - ${JUJU_UNIT_NAME%/*})"
        fi
        for member in $(relation-list -r $id); do
            printf 'remote\t%s\t%s\t%s\n' $id $member "$(relation-get --format=json -r $id - $member)"
        done
        if [ $endpoint = source ]; then
            app=$(relation-list --app -r $id)
            printf 'remote\t%s\t%s\t%s\n' $id $app "$(relation-get --format=json --app -r $id - $app)"
        fi
    done
done
"#;

/// Holds a settled unit of the charm `recorder` against its journal. The daemon died `deaths` times at most since the
/// unit came: as many dispatches may have run without a record.
#[track_caller]
pub fn recorder(arena: &Arena, unit: &str, deaths: u32) {
    let records = journal(arena, unit);
    check_trace(unit, &records);
    let lines = recorder::lines(arena, unit);
    recorder::assert_one_at_a_time(unit, &lines);
    let why = |what: &str| format!("{unit}: {what}\n{}", shown(&records));

    // What ran and what is recorded.
    let (mut recorded, mut done): (BTreeMap<Subject, u32>, BTreeMap<Subject, u32>) = Default::default();
    for dispatch in dispatches(&records).filter(|dispatch| dispatch.outcome != Outcome::Skipped) {
        let Some(subject) = subject(&dispatch.event) else { continue };
        *recorded.entry(subject.clone()).or_default() += 1;
        if dispatch.outcome == Outcome::Done {
            *done.entry(subject).or_default() += 1;
        }
    }
    let counts = recorder::counts(&lines);
    for (subject, count) in &done {
        let ended = counts.get(subject).map_or(0, |(_, ended)| *ended);
        assert!(
            ended >= *count,
            "{}",
            why(&format!("{subject:?} is recorded {count} times and ended {ended}"))
        );
    }
    let (mut unrecorded, mut uncommitted) = (0, 0);
    for (subject, (begun, ended)) in &counts {
        unrecorded += begun.saturating_sub(recorded.get(subject).copied().unwrap_or(0));
        uncommitted += ended.saturating_sub(done.get(subject).copied().unwrap_or(0));
        let is_dropped = records.iter().any(|record| match &record.entry {
            Entry::Mark(Mark::HookDropped { hook, .. }) => {
                crate::audit::subject(&Event::Hook(hook.clone())).as_ref() == Some(subject)
            }
            _ => false,
        });
        assert!(
            recorded.contains_key(subject) || is_dropped,
            "{}",
            why(&format!("{subject:?} ran and is not in the journal"))
        );
    }
    assert!(unrecorded <= deaths, "{}", why(&format!("{unrecorded} dispatches without a record")));
    assert!(
        uncommitted <= deaths,
        "{}",
        why(&format!("{uncommitted} dispatches ended well without a record"))
    );

    // What it wrote counts once, and nothing of it is lost.
    let total: u32 = done.values().sum();
    let changes: u32 =
        done.iter().filter(|((path, ..), _)| path == "hooks/config-changed").map(|(_, n)| n).sum();
    let result = arena.exec(unit, LOOK);
    let seen = recorder::last_seen(&lines);
    for line in result.lines() {
        let json =
            |data: &str| -> Value { serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {line}")) };
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["state", "dispatches", n] => {
                assert_eq!(n, total.to_string(), "{}", why("its count of dispatches"))
            }
            ["state", _, n] => assert_eq!(n, changes.to_string(), "{}", why("its count of config-changed")),
            ["own", id, data] => assert_eq!(json(data)["changes"], changes.to_string(), "{}", why(id)),
            ["app", id, data] => {
                assert_eq!(json(data)["app-changes"], changes.to_string(), "{}", why(id));
                assert_eq!(json(data)["leader"], unit, "{}", why(id));
            }
            ["remote", id, member, data] => {
                let last = seen.get(&(id.to_owned(), member.to_owned())).map(String::as_str);
                let last = last.map_or(Value::Object(Default::default()), json);
                assert_eq!(last, json(data), "{}", why(&format!("its last sight of {member} in {id}")));
            }
            _ => panic!("unexpected: {line:?}"),
        }
    }

    // The statuses are those of a unit that has never been in trouble.
    let status = arena.json(&["status"]);
    let shown = &status["applications"][unit.split('/').next().unwrap_or_default()]["units"][unit];
    assert_eq!(shown["juju-status"]["current"], "idle", "{}", why(&shown.to_string()));
    assert_eq!(shown["workload-status"]["current"], "active", "{}", why(&shown.to_string()));
    let own = dispatches(&records).filter(|dispatch| subject(&dispatch.event).is_some());
    let own: Vec<&Dispatch> = own.filter(|dispatch| dispatch.outcome == Outcome::Done).collect();
    let upto =
        own.iter().rposition(|dispatch| matches!(dispatch.event, Event::Hook(_))).map_or(0, |at| at + 1);
    let message = format!("{upto} dispatches");
    assert_eq!(shown["workload-status"]["message"], message, "{}", why(&shown.to_string()));
}
