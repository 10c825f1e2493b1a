//! The checker rejects what breaks the table: one trace, at least, for each edge that it watches over.

use std::collections::BTreeSet;
use std::time::Duration;

use periapt_model::hook::{
    Hook, RelationEvent, RelationHook, SecretEvent, SecretHook, StorageEvent, StorageHook,
};
use periapt_model::names::{RelationId, SecretId};
use periapt_model::time::Timestamp;

use super::harness::unit;
use crate::checker::{Checker, End, Span, TraceEvent as T};
use crate::table::{EDGES, Enforcement};

/// Builds a trace; each process takes a second.
#[derive(Clone, Default)]
struct Trace {
    events: Vec<T>,
    now: i64,
}

fn relation_hook(event: RelationEvent, id: u32, about: Option<&str>) -> Hook {
    Hook::Relation(RelationHook {
        event,
        relation: RelationId(id),
        endpoint: "r".parse().unwrap(),
        remote_app: "b".parse().unwrap(),
        remote_unit: about.map(unit),
        departing: None,
        version: None,
    })
}

fn secret(event: SecretEvent, revision: u32) -> Hook {
    let secret = SecretId::derived(&["a secret"]);
    Hook::Secret(SecretHook { event, secret, label: None, revision })
}

fn storage(event: StorageEvent, id: &str) -> Hook {
    Hook::Storage(StorageHook { event, storage: id.parse().unwrap() })
}

impl Trace {
    fn add(mut self, event: T) -> Self {
        self.events.push(event);
        self
    }

    fn span(&mut self) -> Span {
        let started = Timestamp(self.now);
        self.now += 1_000;
        Span { started, ended: Timestamp(self.now) }
    }

    fn hook(self, hook: Hook) -> Self {
        self.run(hook, End::Done)
    }

    fn run(mut self, hook: Hook, end: End) -> Self {
        let span = self.span();
        self.add(T::Hook { hook, attempt: 1, span, end })
    }

    fn task(mut self) -> Self {
        let span = self.span();
        self.add(T::Task(span))
    }

    fn relation(self, event: RelationEvent, id: u32, about: Option<&str>) -> Self {
        self.hook(relation_hook(event, id, about))
    }

    fn enter(self, id: u32) -> Self {
        self.add(T::EnteredScope { relation: RelationId(id), peer: false, implicit: false })
    }

    fn wait(mut self, seconds: i64) -> Self {
        self.now += seconds * 1_000;
        self
    }

    fn files(self) -> Self {
        self.add(T::CharmInstalled { upgrade: false, forced: false })
    }

    fn upgrade(self) -> Self {
        self.add(T::CharmInstalled { upgrade: true, forced: false })
    }
}

fn installed() -> Trace {
    Trace::default().files().hook(Hook::Install)
}

fn detached_before_install() -> Trace {
    Trace::default().files().hook(storage(StorageEvent::Detaching, "data/0"))
}

fn elected() -> Trace {
    installed().add(T::LeaderAccepted).hook(Hook::LeaderElected)
}

fn started() -> Trace {
    elected().hook(Hook::ConfigChanged).hook(Hook::Start)
}

fn joined() -> Trace {
    use RelationEvent::{Created, Joined};
    started().enter(0).relation(Created, 0, None).relation(Joined, 0, Some("b/0"))
}

fn changed() -> Trace {
    joined().relation(RelationEvent::Changed, 0, Some("b/0"))
}

fn stopped() -> Trace {
    started().add(T::DyingSeen).hook(Hook::Stop)
}

fn feed(trace: &Trace) -> Result<(), (usize, String, &'static str)> {
    let mut checker = Checker::new();
    checker.set_update_status_interval(Duration::from_secs(300));
    for (index, event) in trace.events.iter().enumerate() {
        checker.feed(event).map_err(|violation| (index, violation.text, violation.edge))?;
    }
    Ok(())
}

/// Each breaks the edge with its last event, and nothing before.
fn bad_traces() -> Vec<(&'static str, Trace)> {
    use RelationEvent::{Broken, Changed, Created, Departed, Joined};
    use StorageEvent::{Attached, Detaching};
    let peer =
        |trace: Trace| trace.add(T::EnteredScope { relation: RelationId(5), peer: true, implicit: false });
    let mut overlap = started().task();
    overlap.now -= 500;
    vec![
        ("E3", installed().hook(Hook::Install)),
        ("E3", started().files()),
        ("E3", Trace::default().hook(Hook::Install)),
        ("E3", Trace::default().files().hook(Hook::Start)),
        ("E4", Trace::default().files().task()),
        ("E4", Trace::default().hook(Hook::Start)),
        ("E4", Trace::default().task()),
        ("P2", Trace::default().files().run(Hook::Install, End::Again).task().hook(Hook::Start)),
        ("E5", Trace::default().enter(0).relation(Created, 0, None)),
        ("E6", installed().enter(0).add(T::LeaderAccepted).hook(Hook::LeaderElected)),
        ("E6", installed().enter(0).hook(Hook::LeaderSettingsChanged)),
        ("E7", installed().hook(Hook::ConfigChanged)),
        ("E7", installed().hook(Hook::LeaderElected)),
        ("E7", started().add(T::LeaderResigned).hook(Hook::LeaderElected)),
        ("E7", started().hook(Hook::LeaderSettingsChanged)),
        ("E8", Trace::default().hook(Hook::ConfigChanged)),
        ("E9", elected().hook(Hook::ConfigChanged).hook(Hook::LeaderElected)),
        ("E9", elected().hook(Hook::ConfigChanged).task()),
        ("E9", elected().hook(Hook::Start)),
        ("E10", elected().enter(0).relation(Created, 0, None).relation(Joined, 0, Some("b/0"))),
        ("E11", elected().hook(Hook::UpdateStatus)),
        ("E12", started().upgrade().hook(Hook::ConfigChanged)),
        ("E12", started().upgrade().task()),
        ("E12", started().hook(Hook::UpgradeCharm)),
        ("E12", started().add(T::CharmInstalled { upgrade: true, forced: true })),
        ("E13", started().upgrade().hook(Hook::UpgradeCharm).hook(Hook::UpdateStatus)),
        ("E15", started().enter(0).relation(Joined, 0, Some("b/0"))),
        ("E15", started().enter(0).relation(Broken, 0, None)),
        ("E15", started().relation(Created, 0, None)),
        ("E15", started().enter(0).relation(Created, 0, None).relation(Created, 0, None)),
        ("E15", started().enter(0).enter(0)),
        ("E16", joined().relation(Departed, 0, Some("b/0"))),
        ("E16", joined().relation(Joined, 0, Some("b/1"))),
        ("E16", joined().relation(Changed, 0, None)),
        ("E17", changed().relation(Changed, 0, Some("b/1"))),
        ("E19", changed().relation(Joined, 0, Some("b/0"))),
        ("E19", changed().relation(Departed, 0, Some("b/7"))),
        ("E20", changed().relation(Broken, 0, None)),
        ("E21", peer(started()).relation(Created, 5, None).relation(Broken, 5, None)),
        ("E22", changed().relation(Departed, 0, Some("b/0")).relation(Changed, 0, Some("b/0"))),
        (
            "E23",
            started()
                .enter(0)
                .relation(Created, 0, None)
                .relation(Broken, 0, None)
                .relation(Changed, 0, None),
        ),
        ("E24", started().enter(0).relation(Changed, 0, None)),
        ("E32", changed().add(T::DyingSeen).hook(Hook::Stop)),
        ("E32", changed().add(T::DyingSeen).relation(Departed, 0, Some("b/0")).hook(Hook::Stop)),
        ("E35", started().add(T::DyingSeen).hook(Hook::Remove)),
        ("E35", stopped().add(T::Dead)),
        ("E36", stopped().hook(Hook::Remove).task()),
        ("E36", stopped().hook(Hook::Remove).hook(Hook::UpdateStatus)),
        ("E36", stopped().hook(Hook::Remove).add(T::Dead).add(T::AgentStarted)),
        ("E38", stopped().hook(Hook::Stop)),
        ("E38", elected().add(T::DyingSeen).hook(Hook::Stop)),
        ("E2", Trace::default().hook(storage(Attached, "data/0"))),
        ("E2", detached_before_install()),
        ("E28", started().hook(storage(Attached, "data/0")).hook(storage(Attached, "data/0"))),
        ("E28", started().hook(storage(Detaching, "data/0"))),
        ("E30", started().hook(secret(SecretEvent::Changed, 2)).hook(secret(SecretEvent::Changed, 2))),
        ("E30", started().hook(secret(SecretEvent::Remove, 1)).hook(secret(SecretEvent::Remove, 1))),
        ("P4", started().add(T::DyingSeen).hook(secret(SecretEvent::Changed, 2))),
        ("E33", started().hook(storage(Attached, "data/0")).add(T::DyingSeen).hook(Hook::Stop)),
        ("E39", started().hook(Hook::Start)),
        ("P1", elected().hook(Hook::DeferredWake)),
        ("P2", started().run(Hook::ConfigChanged, End::Again).hook(Hook::UpdateStatus)),
        ("P2", started().run(Hook::ConfigChanged, End::Again).add(T::DyingSeen)),
        ("P2", started().run(Hook::ConfigChanged, End::Again).upgrade()),
        (
            "P2",
            changed().run(relation_hook(Changed, 0, Some("b/0")), End::Again).relation(
                Departed,
                0,
                Some("b/0"),
            ),
        ),
        ("P3", overlap.task()),
        ("P4", started().add(T::DyingSeen).hook(Hook::ConfigChanged)),
        ("P4", started().add(T::DyingSeen).hook(Hook::UpdateStatus)),
        ("P4", started().add(T::DyingSeen).hook(Hook::DeferredWake)),
        ("P4", started().add(T::DyingSeen).enter(0)),
        ("P4", started().add(T::DyingSeen).add(T::LeaderAccepted)),
        ("P4", started().add(T::DyingSeen).upgrade()),
        ("P4", started().hook(Hook::Stop)),
        ("E35", started().hook(Hook::Remove)),
        ("P4", changed().add(T::DyingSeen).relation(Changed, 0, Some("b/0"))),
        ("P4", changed().add(T::DyingSeen).relation(Joined, 0, Some("b/1"))),
        ("P5", started().hook(Hook::UpdateStatus).wait(200).hook(Hook::UpdateStatus)),
    ]
}

#[test]
fn every_bad_trace_is_rejected_by_the_edge_it_breaks() {
    for (index, (edge, trace)) in bad_traces().into_iter().enumerate() {
        let (at, text, found) = feed(&trace).expect_err(&format!("trace {index} of {edge} was accepted"));
        assert_eq!(found, edge, "trace {index}: {text}");
        assert_eq!(at, trace.events.len() - 1, "trace {index} of {edge}: {text}");
    }
}

#[test]
fn every_edge_that_is_watched_over_has_a_bad_trace() {
    let covered: BTreeSet<&str> = bad_traces().iter().map(|(edge, _)| *edge).collect();
    let watched: BTreeSet<&str> =
        EDGES.iter().filter(|edge| edge.enforcement == Enforcement::Checked).map(|edge| edge.id).collect();
    assert_eq!(covered, watched);
}

#[test]
fn good_traces_are_accepted() {
    use RelationEvent::{Broken, Changed, Created, Departed, Joined};
    let traces = [
        stopped().hook(Hook::Remove).add(T::Dead),
        installed().add(T::DyingSeen).hook(Hook::Remove).add(T::Dead),
        Trace::default().files().add(T::Dead),
        started().add(T::AgentStarted).hook(Hook::Start),
        started().upgrade().hook(Hook::UpgradeCharm).hook(Hook::ConfigChanged).hook(Hook::UpdateStatus),
        started().run(Hook::ConfigChanged, End::Again).task().hook(Hook::ConfigChanged),
        Trace::default().files().run(Hook::Install, End::Again).task().hook(Hook::Install).task(),
        started()
            .run(Hook::ConfigChanged, End::Again)
            .add(T::CharmInstalled { upgrade: true, forced: true })
            .hook(Hook::ConfigChanged),
        started().hook(Hook::DeferredWake).hook(Hook::UpdateStatus).wait(240).hook(Hook::UpdateStatus),
        joined().add(T::DyingSeen).relation(Changed, 0, Some("b/0")).relation(Departed, 0, Some("b/0")),
        // Another relation between joined and changed; an application's change before anybody joined.
        joined().enter(1).relation(Created, 1, None).relation(Changed, 1, None).relation(
            Changed,
            0,
            Some("b/0"),
        ),
        // Suspended and resumed.
        changed()
            .relation(Departed, 0, Some("b/0"))
            .relation(Broken, 0, None)
            .enter(0)
            .relation(Created, 0, None)
            .relation(Joined, 0, Some("b/0")),
        started()
            .add(T::EnteredScope { relation: RelationId(0), peer: false, implicit: true })
            .add(T::DyingSeen)
            .add(T::RelationForgotten(RelationId(0)))
            .hook(Hook::Stop),
    ];
    for (index, trace) in traces.iter().enumerate() {
        assert_eq!(feed(trace), Ok(()), "trace {index}");
    }
}

#[test]
fn one_fault_is_reported_once() {
    let mut checker = Checker::new();
    let trace = elected()
        .hook(Hook::UpdateStatus)
        .hook(Hook::ConfigChanged)
        .hook(Hook::Start)
        .hook(Hook::UpdateStatus);
    let faults = trace.events.iter().filter(|event| checker.feed(event).is_err()).count();
    assert_eq!(faults, 1);
}

#[test]
fn a_clock_that_steps_back_is_no_overlap() {
    let mut trace = started();
    trace.now -= 3_600_000;
    assert_eq!(feed(&trace.hook(Hook::ConfigChanged)), Ok(()));
}
