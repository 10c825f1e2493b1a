//! One relation's automaton (reference 2.3).

use std::collections::BTreeSet;

use periapt_model::hook::{RelationEvent, RelationHook};
use periapt_model::local::LocalRelation;
use periapt_model::names::UnitName;

use super::{Violation, broken};

/// How many departed units of a relation, and relations of a unit, are remembered in order to name the right edge when
/// one of them comes up again.
pub(super) const REMEMBERED: usize = 16;

/// Puts `item` into a memory of the last few.
pub(super) fn remember<T>(memory: &mut Vec<T>, item: T) {
    if memory.len() == REMEMBERED {
        memory.remove(0);
    }
    memory.push(item);
}

#[derive(Clone, Debug, Default)]
pub(super) struct Relation {
    peer: bool,
    pub implicit: bool,
    pub created: bool,
    members: BTreeSet<UnitName>,
    pending: Option<UnitName>,
    departed: Vec<UnitName>,
}

impl Relation {
    pub fn entered(peer: bool, implicit: bool) -> Self {
        Self { peer, implicit, ..Self::default() }
    }

    pub fn resume(local: &LocalRelation) -> Self {
        Self {
            peer: local.peer,
            implicit: local.implicit,
            created: local.created,
            members: local.members.keys().cloned().collect(),
            pending: local.changed_pending.clone(),
            departed: Vec::new(),
        }
    }

    /// Whether a unit has joined whose first changed has not run.
    pub fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether nothing of it keeps a unit from stopping.
    pub fn is_drained(&self) -> bool {
        self.members.is_empty() && self.pending.is_none() && (self.peer || !self.created)
    }

    /// Whether `hook` may run now.
    pub fn check(&self, hook: &RelationHook, name: &str) -> Result<(), Violation> {
        if self.implicit {
            return broken("E15", format!("{name} runs in relation {}, which has no hooks", hook.relation));
        }
        if hook.event == RelationEvent::Created {
            return match self.created {
                true => broken("E15", format!("{name} runs a second time in relation {}", hook.relation)),
                false => Ok(()),
            };
        }
        if !self.created {
            let edge = if hook.event == RelationEvent::Changed && hook.remote_unit.is_none() {
                "E24"
            } else {
                "E15"
            };
            return broken(
                edge,
                format!("{name} runs before relation-created of relation {}", hook.relation),
            );
        }
        if let Some(pending) = &self.pending {
            let belongs = hook.event == RelationEvent::Changed && hook.remote_unit.as_ref() == Some(pending);
            if !belongs {
                let text = format!(
                    "{name} runs in relation {} before the first changed of {pending}",
                    hook.relation
                );
                return broken("E16", text);
            }
        }
        match (hook.event, &hook.remote_unit) {
            (RelationEvent::Joined, Some(unit)) if self.members.contains(unit) => broken(
                "E19",
                format!("{name} runs for {unit}, which has joined relation {} before", hook.relation),
            ),
            (RelationEvent::Changed, Some(unit)) if !self.members.contains(unit) => {
                let text = format!("{name} runs for {unit}, which is not in relation {}", hook.relation);
                broken(if self.departed.contains(unit) { "E22" } else { "E17" }, text)
            }
            (RelationEvent::Departed, Some(unit)) if !self.members.contains(unit) => {
                broken("E19", format!("{name} runs for {unit}, which is not in relation {}", hook.relation))
            }
            (RelationEvent::Joined | RelationEvent::Departed, None) => {
                broken("E19", format!("{name} runs in relation {} without a unit", hook.relation))
            }
            (RelationEvent::Broken, _) if self.peer => {
                broken("E21", format!("{name} runs in peer relation {}", hook.relation))
            }
            (RelationEvent::Broken, _) => match self.members.iter().next() {
                Some(unit) => {
                    broken("E20", format!("{name} runs in relation {} before {unit} departed", hook.relation))
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Takes over what `hook` did. A broken relation is taken out by the caller.
    pub fn done(&mut self, hook: &RelationHook) {
        match (hook.event, &hook.remote_unit) {
            (RelationEvent::Created, _) => self.created = true,
            (RelationEvent::Joined, Some(unit)) => {
                self.members.insert(unit.clone());
                self.departed.retain(|left| left != unit);
                self.pending = Some(unit.clone());
            }
            (RelationEvent::Changed, Some(_)) => self.pending = None,
            (RelationEvent::Departed, Some(unit)) => {
                self.members.remove(unit);
                remember(&mut self.departed, unit.clone());
            }
            _ => {}
        }
    }
}
