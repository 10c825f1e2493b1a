//! Holds one unit's trace against the lifecycle table, event by event (I1).
//!
//! It is written from the table, not from [`next`](crate::next()), so that a fault in one shows in the other. Its
//! memory is bounded by what lives: the relations the unit is in and their members.

mod relation;
mod subjects;
mod trace;

use std::collections::BTreeMap;
use std::time::Duration;

use periapt_model::hook::{Hook, RelationEvent, RelationHook, StorageEvent};
use periapt_model::local::{HookStep, Local, Op};
use periapt_model::names::RelationId;
use periapt_model::time::Timestamp;

use relation::{Relation, remember};
use subjects::{Secrets, Storages};
pub use trace::{End, Span, TraceEvent};

use crate::table::{EventKind, Phase, Presence, place};

/// A trace that breaks the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{edge}: {text}")]
pub struct Violation {
    /// The edge it breaks: `E16`. See [`edge`](crate::table::edge).
    pub edge: &'static str,
    /// What happened, in words.
    pub text: String,
}

fn broken<T>(edge: &'static str, text: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { edge, text: text.into() })
}

/// What identifies a hook that runs again: everything but the version it is told of (I12).
fn identity(hook: &Hook) -> Hook {
    match hook {
        Hook::Relation(relation) => Hook::Relation(RelationHook { version: None, ..relation.clone() }),
        other => other.clone(),
    }
}

/// Checks one unit's trace. After a violation it goes on as if the event had been in order, so that one fault is not
/// reported again with each event that follows.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    installed: bool,
    /// `leader-elected` or `leader-settings-changed` has run.
    told_of_leadership: bool,
    configured: bool,
    started: bool,
    started_once: bool,
    removed: bool,
    dead: bool,
    dying: bool,
    leader: bool,
    /// An agent took the unit since the last `start`: a reboot may lie in between.
    new_agent: bool,
    /// The hook that must come next, and the edge that says so.
    must_follow: Option<(Hook, &'static str)>,
    /// The hook that failed or was interrupted.
    again: Option<Hook>,
    relations: BTreeMap<RelationId, Relation>,
    secrets: Secrets,
    storages: Storages,
    /// The last relations that were broken.
    gone: Vec<RelationId>,
    last_ended: Option<Timestamp>,
    last_update_status: Option<Timestamp>,
    interval: Option<Duration>,
    /// The shortest interval in force since the last `update-status`.
    shortest_interval: Option<Duration>,
}

impl Checker {
    /// For a unit of which nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For a unit whose agent goes on from `local`.
    #[must_use]
    pub fn resume(local: &Local) -> Self {
        let mut checker = Self {
            installed: local.installed,
            told_of_leadership: local.seen.is_some() || local.leader_settings.is_some() || local.leader,
            configured: local.seen.is_some(),
            started: local.started,
            started_once: local.started || local.stopped,
            removed: local.removed,
            dying: local.dying,
            leader: local.leader,
            new_agent: true,
            relations: local.relations.iter().map(|(id, ours)| (*id, Relation::resume(ours))).collect(),
            secrets: Secrets::resume(local),
            storages: Storages::resume(local),
            ..Self::default()
        };
        match &local.op {
            Op::Hook { hook, step, .. } => {
                if *hook == Hook::LeaderElected {
                    checker.told_of_leadership = local.seen.is_some() || local.leader_settings.is_some();
                }
                checker.must_follow = match hook {
                    Hook::Install => Some((Hook::Install, "E3")),
                    Hook::UpgradeCharm => Some((Hook::UpgradeCharm, "E12")),
                    Hook::Start if !local.started => Some((Hook::Start, "E9")),
                    // Only one that an upgrade queued is ever found queued; a failed one is held by `again`.
                    Hook::ConfigChanged if *step == HookStep::Queued => Some((Hook::ConfigChanged, "E13")),
                    _ => None,
                };
                if *step != HookStep::Queued {
                    checker.again = Some(identity(hook));
                }
            }
            Op::Deploy { interrupted: Some(held), .. } => checker.again = Some(identity(&held.hook)),
            Op::Deploy { interrupted: None, .. } | Op::Continue => {}
        }
        // A storage's hook may come before it, but nothing else.
        if !local.installed && local.charm.is_some() {
            checker.must_follow = Some((Hook::Install, "E3"));
        }
        checker
    }

    /// Tells the update-status interval in force from now on, without which its rhythm is not checked.
    pub fn set_update_status_interval(&mut self, interval: Duration) {
        self.interval = Some(interval);
        self.shortest_interval =
            Some(self.shortest_interval.map_or(interval, |shortest| shortest.min(interval)));
    }

    /// Takes the next event of the trace.
    ///
    /// # Errors
    /// The edge that it breaks.
    pub fn feed(&mut self, event: &TraceEvent) -> Result<(), Violation> {
        let verdict = self.check(event);
        self.apply(event);
        verdict
    }

    fn check(&self, event: &TraceEvent) -> Result<(), Violation> {
        if self.dead && *event != TraceEvent::Other {
            return broken("E36", "something happens to a unit that is dead");
        }
        match event {
            TraceEvent::Hook { hook, span, attempt, .. } => {
                self.check_span(span)?;
                self.check_hook(hook, *attempt, span)
            }
            TraceEvent::Task(span) => {
                self.check_span(span)?;
                if !self.installed && self.again.is_none() {
                    return broken("E4", "an action runs before install, and no hook is in error");
                }
                if self.removed {
                    return broken("E36", "an action runs after remove");
                }
                match &self.must_follow {
                    Some((hook, edge)) if self.again.is_none() => {
                        broken(edge, format!("an action runs before {hook}, which must come next"))
                    }
                    _ => Ok(()),
                }
            }
            TraceEvent::Replay(span) => self.check_span(span),
            TraceEvent::DyingSeen => match (&self.again, &self.must_follow) {
                (Some(hook), _) => broken("P2", format!("teardown begins while {hook} is due again")),
                (None, Some((hook, edge))) => broken(edge, format!("teardown begins before {hook}")),
                (None, None) => Ok(()),
            },
            TraceEvent::EnteredScope { relation, .. } if self.relations.contains_key(relation) => {
                broken("E15", format!("relation {relation} is entered a second time"))
            }
            TraceEvent::EnteredScope { .. } if self.dying => broken("P4", "a dying unit enters a relation"),
            TraceEvent::LeaderAccepted if self.dying => broken("P4", "a dying unit accepts leadership"),
            TraceEvent::LeaderAccepted if !self.installed => {
                broken("E4", "leadership is accepted before install")
            }
            TraceEvent::CharmInstalled { upgrade: true, forced: true } if self.again.is_none() => {
                broken("E12", "files are replaced by force although no hook has failed")
            }
            TraceEvent::CharmInstalled { upgrade: true, forced: false } if self.again.is_some() => {
                broken("P2", "an upgrade overtakes a failed hook")
            }
            // By force, under a failed hook of a dying unit, it is what may help that hook to its end.
            TraceEvent::CharmInstalled { upgrade: true, forced: false } if self.dying => {
                broken("P4", "a dying unit is upgraded")
            }
            TraceEvent::CharmInstalled { upgrade: false, .. } if self.installed => {
                broken("E3", "the charm is installed a second time")
            }
            TraceEvent::Dead if self.installed && !self.removed => {
                broken("E35", "an installed unit ends without remove")
            }
            _ => Ok(()),
        }
    }

    /// P3. A clock that was set back by more than the span is no overlap.
    fn check_span(&self, span: &Span) -> Result<(), Violation> {
        match self.last_ended {
            Some(last) if span.started < last && span.ended >= last => {
                broken("P3", format!("two processes of one unit overlap by {:?}", last.since(span.started)))
            }
            _ => Ok(()),
        }
    }

    fn check_hook(&self, hook: &Hook, attempt: u32, span: &Span) -> Result<(), Violation> {
        if self.removed {
            return broken("E36", format!("{hook} runs after remove"));
        }
        // A hook that runs again was in order the first time.
        if let Some(again) = &self.again {
            return match *again == identity(hook) {
                true => Ok(()),
                false => broken("P2", format!("{hook} runs although {again} is due again")),
            };
        }
        if let (Hook::Storage(storage), false) = (hook, self.installed) {
            return match (storage.event, &self.must_follow) {
                (StorageEvent::Attached, Some(_)) => self.storages.check(storage),
                _ => broken("E2", format!("{hook} runs before there are charm files")),
            };
        }
        if let Some((expected, edge)) = &self.must_follow
            && expected != hook
        {
            return broken(edge, format!("{hook} runs instead of {expected}, which must come next"));
        }
        if *hook == Hook::Install {
            return match (self.installed, &self.must_follow) {
                (true, _) => broken("E3", "install runs a second time"),
                (false, None) => broken("E3", "install runs without charm files"),
                (false, Some(_)) => Ok(()),
            };
        }
        if !self.installed {
            let edge = match hook {
                Hook::ConfigChanged => "E8",
                Hook::Relation(relation) if relation.event == RelationEvent::Created => "E5",
                _ => "E4",
            };
            return broken(edge, format!("{hook} runs before install"));
        }
        self.check_order(hook, attempt, span)?;
        self.check_place(hook)
    }

    /// What each hook needs before it.
    fn check_order(&self, hook: &Hook, attempt: u32, span: &Span) -> Result<(), Violation> {
        let in_setup = !self.configured && !self.dying;
        let not_created = || self.relations.iter().find(|(_, r)| !r.created && !r.implicit);
        match hook {
            Hook::LeaderElected if !self.leader => {
                broken("E7", "leader-elected runs on a unit that has not accepted leadership")
            }
            Hook::LeaderSettingsChanged if self.leader => {
                broken("E7", "leader-settings-changed runs on the leader")
            }
            Hook::LeaderElected | Hook::LeaderSettingsChanged => match not_created().filter(|_| in_setup) {
                Some((id, _)) => {
                    broken("E6", format!("{hook} runs before relation-created of relation {id}"))
                }
                None => Ok(()),
            },
            Hook::ConfigChanged if in_setup && !self.told_of_leadership => {
                broken("E7", "the first config-changed runs before leader-elected or leader-settings-changed")
            }
            Hook::Start if !self.configured => broken("E9", "start runs before the first config-changed"),
            Hook::Start if self.started && !self.new_agent => {
                broken("E39", "start runs a second time although the machine cannot have been restarted")
            }
            Hook::UpgradeCharm if self.must_follow.is_none() => {
                broken("E12", "upgrade-charm runs without new files")
            }
            Hook::UpdateStatus if !self.started => broken("E11", "update-status runs before start"),
            Hook::UpdateStatus => self.check_rhythm(attempt, span),
            Hook::DeferredWake if !self.started_once => {
                broken("P1", "deferred events are woken before start")
            }
            Hook::Stop if !self.started => broken("E38", "stop runs although the unit was not started"),
            Hook::Stop | Hook::Remove if self.storages.check_detached("").is_err() => {
                self.storages.check_detached(&hook.name())
            }
            Hook::Secret(secret) => self.secrets.check(secret, self.dying),
            Hook::Storage(storage) => self.storages.check(storage),
            Hook::Stop => match self.relations.iter().find(|(_, relation)| !relation.is_drained()) {
                Some((id, _)) => broken("E32", format!("stop runs before relation {id} is drained")),
                None => Ok(()),
            },
            Hook::Remove if self.started => broken("E35", "remove runs before stop"),
            Hook::Remove => match self.relations.iter().find(|(_, relation)| !relation.is_drained()) {
                Some((id, _)) => broken("E32", format!("remove runs before relation {id} is drained")),
                None => Ok(()),
            },
            Hook::Relation(relation) => self.check_relation(relation, &hook.name()),
            _ => Ok(()),
        }
    }

    fn check_relation(&self, hook: &RelationHook, name: &str) -> Result<(), Violation> {
        let Some(relation) = self.relations.get(&hook.relation) else {
            let edge = if self.gone.contains(&hook.relation) { "E23" } else { "E15" };
            return broken(edge, format!("{name} runs in relation {}, which is not entered", hook.relation));
        };
        relation.check(hook, name)?;
        // Before the start a relation can only be created, or drained with its unit; nobody has joined it.
        if hook.event == RelationEvent::Joined && !self.started_once {
            return broken("E10", format!("{name} runs before the first start"));
        }
        Ok(())
    }

    /// P5, for a first try only: a retry has its own rhythm.
    fn check_rhythm(&self, attempt: u32, span: &Span) -> Result<(), Violation> {
        let (Some(last), Some(interval), 1) = (self.last_update_status, self.shortest_interval, attempt)
        else {
            return Ok(());
        };
        let gap = span.started.since(last);
        // A clock that was set back says nothing.
        match span.started >= last && gap.as_millis() * 10 < interval.as_millis() * 8 {
            true => {
                broken("P5", format!("update-status runs {gap:?} after the last one, of every {interval:?}"))
            }
            false => Ok(()),
        }
    }

    /// Where it may occur at all (reference 2.2).
    fn check_place(&self, hook: &Hook) -> Result<(), Violation> {
        let phase = match (self.dying, self.started_once) {
            (true, _) => Phase::Teardown,
            (false, false) => Phase::Setup,
            (false, true) => Phase::Operation,
        };
        let Some(place) = place(EventKind::from(hook)) else { return Ok(()) };
        match (place.in_phase(phase), phase) {
            // The only condition that can be met here is that of Kubernetes, which is not there yet.
            (Presence::Only(_), Phase::Operation) if *hook == Hook::Stop => {
                broken("P4", "stop runs in a unit that is not going away")
            }
            (Presence::Only(_), Phase::Teardown) if self.is_stray_change(hook) => {
                broken("P4", format!("{hook} runs after the unit's end was seen"))
            }
            (Presence::No, Phase::Teardown) => {
                broken("P4", format!("{hook} runs after the unit's end was seen"))
            }
            (Presence::No, _) => broken("P4", format!("{hook} runs in {phase:?}, where it has no place")),
            _ => Ok(()),
        }
    }

    /// A change that does not belong to a join: the relation's automaton lets only the pending one through while there is
    /// one, so a change in teardown is stray if none is pending.
    fn is_stray_change(&self, hook: &Hook) -> bool {
        let relation = hook.relation().filter(|relation| relation.event == RelationEvent::Changed);
        relation
            .is_some_and(|hook| self.relations.get(&hook.relation).is_none_or(|known| !known.has_pending()))
    }

    fn apply(&mut self, event: &TraceEvent) {
        match event {
            TraceEvent::Hook { hook, span, end, .. } => {
                self.last_ended = Some(span.ended);
                if *hook == Hook::UpdateStatus {
                    self.last_update_status = Some(span.started);
                    self.shortest_interval = self.interval;
                }
                match end {
                    End::Again => self.again = Some(identity(hook)),
                    End::Done => self.done(hook),
                }
            }
            TraceEvent::Task(span) | TraceEvent::Replay(span) => self.last_ended = Some(span.ended),
            TraceEvent::AgentStarted => self.new_agent = true,
            TraceEvent::CharmInstalled { upgrade: false, .. } => {
                self.must_follow = Some((Hook::Install, "E3"))
            }
            TraceEvent::CharmInstalled { forced: false, .. } => {
                self.must_follow = Some((Hook::UpgradeCharm, "E12"));
            }
            TraceEvent::EnteredScope { relation, peer, implicit } => {
                self.relations.insert(*relation, Relation::entered(*peer, *implicit));
                self.gone.retain(|gone| gone != relation);
            }
            TraceEvent::RelationForgotten(relation) => drop(self.relations.remove(relation)),
            TraceEvent::StorageForgotten(storage) => self.storages.forget(storage),
            TraceEvent::LeaderAccepted => self.leader = true,
            TraceEvent::LeaderResigned => {
                self.leader = false;
                self.secrets.resigned();
            }
            TraceEvent::DyingSeen => self.dying = true,
            TraceEvent::HookDropped(hook) => {
                if self.again.as_ref() == Some(&identity(hook)) {
                    self.again = None;
                }
                if self.must_follow.as_ref().is_some_and(|(expected, _)| expected == hook) {
                    self.must_follow = None;
                }
            }
            TraceEvent::Dead => self.dead = true,
            TraceEvent::CharmInstalled { .. } | TraceEvent::Other => {}
        }
    }

    fn done(&mut self, hook: &Hook) {
        self.again = None;
        // A storage that comes before `install` puts nothing in its place.
        if self.installed || !matches!(hook, Hook::Storage(_)) {
            self.must_follow = None;
        }
        match hook {
            Hook::Install => self.installed = true,
            Hook::ConfigChanged => {
                // The one that ends the setup. One after an upgrade comes in a unit that has started.
                if !self.started_once {
                    self.must_follow = Some((Hook::Start, "E9"));
                }
                self.configured = true;
            }
            Hook::Start => {
                self.started = true;
                self.started_once = true;
                self.new_agent = false;
            }
            Hook::Stop => self.started = false,
            Hook::Remove => self.removed = true,
            Hook::UpgradeCharm => self.must_follow = Some((Hook::ConfigChanged, "E13")),
            Hook::LeaderElected | Hook::LeaderSettingsChanged => self.told_of_leadership = true,
            Hook::Relation(relation) if relation.event == RelationEvent::Broken => {
                self.relations.remove(&relation.relation);
                remember(&mut self.gone, relation.relation);
            }
            Hook::Relation(relation) => {
                if let Some(known) = self.relations.get_mut(&relation.relation) {
                    known.done(relation);
                }
            }
            Hook::Secret(secret) => self.secrets.done(secret),
            Hook::Storage(storage) => self.storages.done(storage),
            Hook::UpdateStatus | Hook::DeferredWake => {}
        }
    }
}
