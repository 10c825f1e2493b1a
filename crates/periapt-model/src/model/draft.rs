//! A model while it is being changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Key, Model, Record, Write};
use crate::entity::{Application, Machine, Member, ModelInfo, Relation, Task, Unit};
use crate::journal::JournalRecord;
use crate::names::{AppName, MachineId, RelationId, TaskId, UnitName};

/// A model that is being changed: every change is made and remembered, so that a later one sees an earlier one.
#[derive(Debug)]
pub struct Draft {
    /// The model with the changes so far.
    pub model: Model,
    writes: Vec<Write>,
}

impl Draft {
    /// Starts from `model`.
    pub fn new(model: &Model) -> Self {
        Self::of(model.clone())
    }

    /// Starts from a model that nobody else looks at any more: what it does not share is changed in place.
    pub fn of(model: Model) -> Self {
        Self { model, writes: Vec::new() }
    }

    /// Puts a record.
    pub fn put(&mut self, record: Record) {
        self.model.put(record.clone());
        self.writes.push(Write::Put(record));
    }

    /// Deletes a record.
    pub fn delete(&mut self, key: Key) {
        self.model.delete(&key);
        self.writes.push(Write::Delete(key));
    }

    /// Adds a journal record, giving it its id.
    pub fn journal(&mut self, at: crate::time::Timestamp, unit: UnitName, entry: crate::journal::Entry) {
        let record = Arc::new(JournalRecord { id: self.model.next_journal, at, unit, entry });
        self.model.next_journal += 1;
        self.writes.push(Write::Journal(record));
    }

    /// Changes the model's own record.
    pub fn info(&mut self, edit: impl FnOnce(&mut ModelInfo)) {
        let mut info = ModelInfo::clone(&self.model.info);
        edit(&mut info);
        self.put(Record::Info(Arc::new(info)));
    }

    /// Changes an application that is there; otherwise does nothing.
    pub fn application(&mut self, app: &AppName, edit: impl FnOnce(&mut Application)) {
        if let Some(found) = self.model.applications.get(app) {
            let mut found = Application::clone(found);
            edit(&mut found);
            self.put(Record::Application(Arc::new(found)));
        }
    }

    /// Changes a machine that is there; otherwise does nothing.
    pub fn machine(&mut self, id: MachineId, edit: impl FnOnce(&mut Machine)) {
        if let Some(found) = self.model.machines.get(&id) {
            let mut found = Machine::clone(found);
            edit(&mut found);
            self.put(Record::Machine(Arc::new(found)));
        }
    }

    /// Changes a unit that is there; otherwise does nothing.
    pub fn unit(&mut self, unit: &UnitName, edit: impl FnOnce(&mut Unit)) {
        if let Some(found) = self.model.units.get(unit) {
            let mut found = Unit::clone(found);
            edit(&mut found);
            self.put(Record::Unit(Arc::new(found)));
        }
    }

    /// Changes a relation that is there; otherwise does nothing.
    pub fn relation(&mut self, id: RelationId, edit: impl FnOnce(&mut Relation)) {
        if let Some(found) = self.model.relations.get(&id) {
            let mut found = Relation::clone(found);
            edit(&mut found);
            self.put(Record::Relation(Arc::new(found)));
        }
    }

    /// Changes a unit's place in a relation, making it if it is not there.
    pub fn member(&mut self, id: RelationId, unit: &UnitName, edit: impl FnOnce(&mut Member)) {
        let mut member = self.model.member(id, unit).map(|m| Member::clone(m)).unwrap_or_default();
        edit(&mut member);
        self.put(Record::Member(id, unit.clone(), Arc::new(member)));
    }

    /// Changes a task that is there; otherwise does nothing.
    pub fn task(&mut self, id: TaskId, edit: impl FnOnce(&mut Task)) {
        if let Some(found) = self.model.tasks.get(&id) {
            let mut found = Task::clone(found);
            edit(&mut found);
            self.put(Record::Task(Arc::new(found)));
        }
    }

    /// The changes, each key once: only its last change counts.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        self.finish().1
    }

    /// The model with all the changes, and the changes as [`Draft::into_writes`] has them: who makes them in the model that the
    /// draft began with gets the same model.
    #[must_use]
    pub fn finish(self) -> (Model, Vec<Write>) {
        let Self { model, writes } = self;
        let keys: Vec<Option<Key>> = writes.iter().map(Write::key).collect();
        let mut last: BTreeMap<&Key, usize> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            if let Some(key) = key {
                last.insert(key, place);
            }
        }
        let kept = writes
            .into_iter()
            .zip(&keys)
            .enumerate()
            .filter(|(place, (_, key))| key.as_ref().is_none_or(|key| last.get(key) == Some(place)))
            .map(|(_, (write, _))| write)
            .collect();
        (model, kept)
    }
}
