//! `operations`: which there are, shown one after the other, so that the results of all are never copied at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use periapt_model::entity::{Operation, Task, TaskHost};
use periapt_model::model::Model;
use periapt_model::names::TaskId;
use serde::{Serialize, Serializer};

use super::Zone;
use super::operation::{shown, status_of};

/// Which operations; empty sets mean all.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With a task on a unit of these applications.
    pub apps: BTreeSet<String>,
    /// With a task on these units.
    pub units: BTreeSet<String>,
    /// With a task on these machines.
    pub machines: BTreeSet<String>,
    /// Of these actions.
    pub actions: BTreeSet<String>,
    /// In these states.
    pub status: BTreeSet<String>,
    /// So many of the newest are left out.
    pub offset: usize,
    /// So many of the newest behind those, at most; None: all.
    pub limit: Option<usize>,
}

/// Operations by number. It serialises as an [`OperationList`](super::operation::OperationList).
#[derive(Debug)]
pub struct Listing<'a> {
    model: &'a Model,
    /// Oldest first.
    operations: Vec<&'a Operation>,
    zone: &'a Zone,
    brief: bool,
}

impl<'a> Listing<'a> {
    /// The operations that are wanted, without what was asked for on units themselves: Juju does not know it as one. With
    /// `brief`, without parameters, logs, messages and results.
    pub fn new(model: &'a Model, wanted: &Wanted, zone: &'a Zone, brief: bool) -> Self {
        let newest = model.operations.values().rev().map(AsRef::as_ref);
        let mut operations: Vec<&Operation> = newest
            .filter(|operation| wanted.has(model, operation))
            .skip(wanted.offset)
            .take(wanted.limit.unwrap_or(usize::MAX))
            .collect();
        operations.reverse();
        Self { model, operations, zone, brief }
    }

    /// Their numbers, oldest first.
    pub fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.operations.iter().map(|operation| operation.id)
    }
}

impl Serialize for Listing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one =
            |operation: &&Operation| (operation.id, shown(self.model, operation, self.zone, self.brief));
        serializer.collect_map(self.operations.iter().map(one))
    }
}

impl Wanted {
    fn has(&self, model: &Model, operation: &Operation) -> bool {
        let tasks: Vec<&Arc<Task>> = operation.tasks.iter().filter_map(|id| model.tasks.get(id)).collect();
        if tasks.iter().any(|task| task.kind.is_local()) {
            return false;
        }
        let any = |set: &BTreeSet<String>, text: &dyn Fn(&TaskHost) -> Option<String>| {
            set.is_empty() || tasks.iter().filter_map(|task| text(&task.host)).any(|text| set.contains(&text))
        };
        let is = |set: &BTreeSet<String>, text: &str| set.is_empty() || set.contains(text);
        any(&self.apps, &|host| host.unit().map(|unit| unit.app().to_string()))
            && any(&self.units, &|host| host.unit().map(ToString::to_string))
            && any(&self.machines, &|host| host.machine().map(|id| id.to_string()))
            && (self.actions.is_empty()
                || tasks.first().is_some_and(|task| self.actions.contains(&task.kind.name())))
            && is(&self.status, status_of(tasks.iter().map(|task| task.status)).as_str())
    }
}
