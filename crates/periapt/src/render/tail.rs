//! `tail`: a journal record as lines for people, or as one line of JSON.

use std::time::Duration;

use periapt_model::hook::Hook;
use periapt_model::journal::{
    Deferrals, Dispatch, Dropped, Entry, Event, JournalRecord, Mark, NewlyDeferred, Outcome,
};
use periapt_model::local::{Deferred, Notice};
use serde_json::Value;

use super::style::{BAD, DIM, GOOD, NAME, STRONG, WAITS, paint};
use super::table::one_line;
use super::time::{Clock, span};

/// Where the events' names begin, so that what belongs to a dispatch stands below its name.
const MARGIN: usize = 14;

/// The widths that keep columns in line while records come one by one: they grow and never shrink.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns {
    unit: usize,
    event: usize,
}

impl Columns {
    /// Makes room for these records.
    pub fn fit<'a>(&mut self, records: impl IntoIterator<Item = &'a JournalRecord>) {
        for record in records {
            self.unit = self.unit.max(record.unit.to_string().len());
            if let Entry::Dispatch(dispatch) = &record.entry {
                self.event = self.event.max(event_name(&dispatch.event).chars().count());
            }
        }
        // One very long name must not push everything else off the screen.
        self.event = self.event.min(44);
    }
}

/// One record, with a line break after each of its lines.
pub fn text(record: &JournalRecord, clock: &Clock, columns: &mut Columns) -> String {
    columns.fit([record]);
    let unit = paint(NAME, format!("{:<width$}", record.unit.to_string(), width = columns.unit));
    match &record.entry {
        Entry::Mark(mark) => {
            let head = format!("{}  {unit}", paint(DIM, clock.precise(record.at)));
            let words = mark_words(mark);
            match mark {
                Mark::Violation { .. } => format!("{head}  {}\n", paint(BAD, words)),
                _ => format!("{head}  {}\n", paint(DIM, format!("· {words}"))),
            }
        }
        Entry::Dispatch(dispatch) => {
            let mut out = format!("{}  {unit}", paint(DIM, clock.precise(dispatch.started)));
            push_dispatch(&mut out, record.id, dispatch, clock, columns);
            out
        }
    }
}

fn push_dispatch(out: &mut String, id: u64, dispatch: &Dispatch, clock: &Clock, columns: &Columns) {
    let name = event_name(&dispatch.event);
    let took = match dispatch.outcome {
        Outcome::Missing | Outcome::Skipped => String::new(),
        _ => span(dispatch.ended.since(dispatch.started)),
    };
    let style = match (&dispatch.event, &dispatch.outcome) {
        (Event::Hook(Hook::DeferredWake), _) | (_, Outcome::Missing | Outcome::Skipped) => DIM,
        _ => STRONG,
    };
    let padded = format!("{name:<width$}", width = columns.event);
    out.push_str(&format!("  {}  {took:>9}  {}", paint(style, padded), mark_of(dispatch)));
    if dispatch.event_is_replayable() {
        out.push_str(&paint(DIM, format!("  #{id}")));
    }
    out.push('\n');
    push_deferrals(out, dispatch, clock);
    for event in &dispatch.custom_events {
        push_detail(out, &format!("{} custom event {}", paint(NAME, "◆"), one_line(event)));
    }
    if let Outcome::Failed { output, .. } = &dispatch.outcome {
        for line in output {
            push_detail(out, &format!("{} {}", paint(BAD, "│"), one_line(line)));
        }
    }
}

/// Which dispatches `replay` takes.
trait Replayable {
    fn event_is_replayable(&self) -> bool;
}

impl Replayable for Dispatch {
    fn event_is_replayable(&self) -> bool {
        matches!(&self.event, Event::Hook(hook) if hook.is_event())
    }
}

fn push_detail(out: &mut String, text: &str) {
    out.push_str(&" ".repeat(MARGIN));
    out.push_str(text);
    out.push('\n');
}

fn push_deferrals(out: &mut String, dispatch: &Dispatch, clock: &Clock) {
    let Deferrals { deferred, again, done, dropped, dead } = &dispatch.deferrals;
    for Deferred { notice, first, tries, .. } in done {
        let waited = span(dispatch.ended.since(*first));
        let text = format!("{} done after {} and {waited}", what(notice), count(*tries, "deferral"));
        push_detail(out, &format!("{} {text}", paint(GOOD, "❯")));
    }
    for Deferred { notice, first, tries, reason, .. } in again {
        let (since, because) = (clock.moment(*first), because(reason));
        let text =
            format!("{} deferred again, {}, first at {since}{because}", what(notice), count(*tries, "time"));
        push_detail(out, &format!("{} {text}", paint(WAITS, "●")));
    }
    for NewlyDeferred { notice, reason } in deferred {
        push_detail(out, &format!("{} {} deferred{}", paint(BAD, "❮"), what(notice), because(reason)));
    }
    for Dropped { notice, reason } in dropped {
        push_detail(out, &format!("{} {} dropped{}", paint(WAITS, "✂"), what(notice), because(reason)));
    }
    for Deferred { notice, reason, .. } in dead {
        let text = format!("{} is a dead letter: it is kept, and not run", what(notice));
        push_detail(out, &format!("{} {text}{}", paint(BAD, "✝"), because(reason)));
    }
}

/// `: the API does not answer`, or nothing.
pub fn because(reason: &str) -> String {
    let reason = one_line(reason);
    if reason.is_empty() { reason } else { format!(": {reason}") }
}

/// `start by MyCharm._on_start`.
pub fn what(notice: &Notice) -> String {
    one_line(&format!("{} by {}", notice.event_name(), handler(notice)))
}

/// `MyCharm._on_start`: the observer's last name and the method.
pub fn handler(notice: &Notice) -> String {
    let observer = notice.observer.rsplit('/').next().unwrap_or(&notice.observer);
    let observer = observer.split('[').next().unwrap_or(observer);
    match observer {
        "" => notice.method.clone(),
        observer => format!("{observer}.{}", notice.method),
    }
}

/// `1 time`, `3 times`.
pub fn count(n: u32, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The event with what it is about: `db-relation-changed (db:3 mysql/0)`.
pub fn event_name(event: &Event) -> String {
    match event {
        Event::Hook(hook) => hook_name(hook),
        Event::Action { name, task } => format!("action {name} (task {task})"),
        Event::Exec { task } => format!("exec (task {task})"),
        Event::Replay { hook, record, .. } => format!("replay of #{record} {}", hook_name(hook)),
    }
}

/// The hook with what it is about.
pub fn hook_name(hook: &Hook) -> String {
    match hook {
        Hook::DeferredWake => "(wake of deferred events)".to_owned(),
        Hook::Relation(relation) => {
            // Not `departing`: that is the unit itself, in each of its last hooks, when it is the one that goes.
            let subject = relation
                .remote_unit
                .as_ref()
                .map_or_else(|| relation.remote_app.to_string(), ToString::to_string);
            format!("{hook} ({}:{} {subject})", relation.endpoint, relation.relation)
        }
        hook => hook.to_string(),
    }
}

fn mark_of(dispatch: &Dispatch) -> String {
    let attempt = match dispatch.attempt {
        0 | 1 => String::new(),
        n => format!(" (attempt {n})"),
    };
    match &dispatch.outcome {
        Outcome::Done => paint(GOOD, format!("✓{attempt}")),
        Outcome::Missing => paint(DIM, "– no such hook"),
        Outcome::Skipped => paint(WAITS, "» skipped by resolved --no-retry"),
        Outcome::Failed { reason, .. } => paint(BAD, format!("✗ {}{attempt}", one_line(reason))),
        Outcome::Interrupted { reason } => {
            paint(WAITS, format!("↯ interrupted: {}{attempt}", one_line(reason)))
        }
    }
}

fn mark_words(mark: &Mark) -> String {
    match mark {
        Mark::AgentStarted { epoch } => format!("agent {epoch} started"),
        Mark::CharmInstalled { charm, upgrade: false, .. } => format!("charm {} put in place", charm.url),
        Mark::CharmInstalled { charm, forced: true, .. } => format!("upgraded to {} by force", charm.url),
        Mark::CharmInstalled { charm, .. } => format!("upgraded to {}", charm.url),
        Mark::EnteredScope { relation, endpoint, peer, .. } => {
            format!("entered {}relation {endpoint}:{relation}", if *peer { "peer " } else { "" })
        }
        Mark::LeaderAccepted => "became leader".to_owned(),
        Mark::LeaderResigned => "is no longer leader".to_owned(),
        Mark::DyingSeen => "is going away".to_owned(),
        Mark::StorageForgotten { storage } => format!("storage {storage} went away without a hook"),
        Mark::RelationForgotten { relation } => format!("relation {relation} went away without hooks"),
        Mark::HookDropped { hook, reason } => format!("{} not run: {}", hook_name(hook), one_line(reason)),
        Mark::Violation { text } => format!("breaks the lifecycle (a fault of Periapt): {text}"),
        Mark::Dead => "is gone".to_owned(),
    }
}

/// The record as one line of JSON: its own form, and `time` in RFC 3339 beside the milliseconds; `duration-ms` and
/// `name` for a dispatch, so that nobody has to compute them.
pub fn json(record: &JournalRecord, clock: &Clock) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(record)?;
    if let Value::Object(map) = &mut value {
        map.insert("time".to_owned(), clock.rfc3339(record.at).into());
        if let Entry::Dispatch(dispatch) = &record.entry {
            map.insert("name".to_owned(), dispatch.event.name().into());
            let took: Duration = dispatch.ended.since(dispatch.started);
            map.insert("duration-ms".to_owned(), u64::try_from(took.as_millis()).unwrap_or(u64::MAX).into());
        }
    }
    let mut line = serde_json::to_string(&value)?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use periapt_model::hook::{RelationEvent, RelationHook};
    use periapt_model::names::RelationId;

    use super::*;
    use crate::render::time::tests::{NOW, utc};

    fn notice(event: &str, method: &str) -> Notice {
        Notice {
            sequence: 1,
            event: format!("MyCharm/on/{event}[6]"),
            observer: "MyCharm".to_owned(),
            method: method.to_owned(),
        }
    }

    fn dispatch(hook: Hook, millis: u64, outcome: Outcome) -> Dispatch {
        Dispatch {
            event: Event::Hook(hook),
            attempt: 1,
            started: NOW,
            ended: NOW + Duration::from_millis(millis),
            outcome,
            deferrals: Deferrals::default(),
            custom_events: Vec::new(),
            writes: Vec::new(),
            hook_commands: 0,
            leader: false,
        }
    }

    fn record(id: u64, dispatch: Dispatch) -> JournalRecord {
        JournalRecord {
            id,
            at: dispatch.ended,
            unit: "app/0".parse().unwrap(),
            entry: Entry::Dispatch(Box::new(dispatch)),
        }
    }

    fn plain(records: &[JournalRecord]) -> String {
        let (clock, mut columns) = (utc(), Columns::default());
        columns.fit(records);
        let text: String = records.iter().map(|r| text(r, &clock, &mut columns)).collect();
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_deferral_is_followed_from_its_beginning_to_its_end() {
        let first = NOW - Duration::from_millis(3200);
        let known = |tries| Deferred {
            first,
            tries,
            reason: "no\x1b[2J answer\n".into(),
            ..Deferred::new(notice("start", "_on_start"), NOW)
        };
        let mut deferring = dispatch(Hook::Start, 412, Outcome::Done);
        let reason = "no answer".to_owned();
        deferring.deferrals.deferred.push(NewlyDeferred { notice: notice("start", "_on_start"), reason });
        deferring.custom_events.push("MyCharm/on/db_ready[7]".to_owned());
        let mut again = dispatch(Hook::DeferredWake, 1300, Outcome::Done);
        again.deferrals.again.push(known(2));
        let mut ended = dispatch(Hook::DeferredWake, 300, Outcome::Done);
        ended.deferrals.done.push(known(2));
        ended.deferrals.dropped.push(Dropped {
            notice: notice("db_relation_joined", "_on_db"),
            reason: "its relation is gone".to_owned(),
        });
        ended.deferrals.dead.push(Deferred { reason: String::new(), ..known(1) });
        insta::assert_snapshot!(plain(&[record(1, deferring), record(2, again), record(3, ended)]), @r"
        12:03:17.000  app/0  start                         412 ms  ✓  #1
                      ❮ start by MyCharm._on_start deferred: no answer
                      ◆ custom event MyCharm/on/db_ready[7]
        12:03:17.000  app/0  (wake of deferred events)      1.3 s  ✓
                      ● start by MyCharm._on_start deferred again, 2 times, first at 12:03:13: no answer
        12:03:17.000  app/0  (wake of deferred events)     300 ms  ✓
                      ❯ start by MyCharm._on_start done after 2 deferrals and 3.5 s
                      ✂ db_relation_joined by MyCharm._on_db dropped: its relation is gone
                      ✝ start by MyCharm._on_start is a dead letter: it is kept, and not run
        ");
    }

    #[test]
    fn failures_show_their_last_words_and_marks_are_one_line() {
        let relation = RelationHook {
            event: RelationEvent::Changed,
            relation: RelationId(3),
            endpoint: "db".parse().unwrap(),
            remote_app: "mysql".parse().unwrap(),
            remote_unit: Some("mysql/0".parse().unwrap()),
            departing: None,
            version: Some(2),
        };
        let failed =
            Outcome::Failed { reason: "exit status 1".into(), output: vec!["KeyError: 'host'".into()] };
        let mut failure = dispatch(Hook::Relation(relation), 90, failed);
        failure.attempt = 2;
        let missing = dispatch(Hook::Install, 0, Outcome::Missing);
        let mark = JournalRecord {
            id: 4,
            at: NOW,
            unit: "app/10".parse().unwrap(),
            entry: Entry::Mark(Mark::LeaderAccepted),
        };
        insta::assert_snapshot!(plain(&[record(1, failure), record(2, missing), mark]), @r"
        12:03:17.000  app/0   db-relation-changed (db:3 mysql/0)      90 ms  ✗ exit status 1 (attempt 2)  #1
                      │ KeyError: 'host'
        12:03:17.000  app/0   install                                        – no such hook  #2
        12:03:17.000  app/10  · became leader
        ");
    }

    #[test]
    fn a_unit_that_goes_is_shown_with_whom_it_leaves() {
        let leaving = Hook::Relation(RelationHook {
            event: RelationEvent::Departed,
            relation: RelationId(3),
            endpoint: "cluster".parse().unwrap(),
            remote_app: "db".parse().unwrap(),
            remote_unit: Some("db/0".parse().unwrap()),
            departing: Some("db/2".parse().unwrap()),
            version: None,
        });
        assert_eq!(hook_name(&leaving), "cluster-relation-departed (cluster:3 db/0)");
    }

    #[test]
    fn json_keeps_the_record_and_adds_what_is_asked_for_most() {
        let line = json(&record(7, dispatch(Hook::Start, 42, Outcome::Done)), &utc()).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["id"], 7);
        assert_eq!(value["name"], "start");
        assert_eq!(value["duration-ms"], 42);
        assert_eq!(value["time"], "2025-02-24T12:03:17.042Z");
        let back: JournalRecord = serde_json::from_value(value).unwrap();
        assert_eq!(back.id, 7);
    }
}
