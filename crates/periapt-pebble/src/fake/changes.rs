//! Changes and their tasks.

use std::collections::BTreeMap;

use super::state::{FakeChange, FakeState};
use super::{bad_request, refused};
use crate::error::Result;
use crate::info::{Change, ChangeId, ChangeState, ChangeStatus, NoticeType, Task, TaskId, TaskProgress};

/// How a task went.
pub(super) enum Outcome {
    Done,
    /// Done, and with a line in the log.
    Noted(String),
    Failed(String),
    /// It never ends.
    Hangs,
}

impl FakeState {
    pub(super) fn new_task(&mut self, kind: &str, summary: String, outcome: Outcome) -> Task {
        self.last_task += 1;
        let time = self.tick();
        let (status, line) = match outcome {
            Outcome::Done => (ChangeStatus::Done, None),
            Outcome::Noted(line) => (ChangeStatus::Done, Some(format!("{time} INFO {line}"))),
            Outcome::Failed(line) => (ChangeStatus::Error, Some(format!("{time} ERROR {line}"))),
            Outcome::Hangs => (ChangeStatus::Doing, None),
        };
        let ready = status != ChangeStatus::Doing;
        Task {
            id: TaskId(self.last_task.to_string()),
            kind: kind.to_owned(),
            summary,
            status,
            log: line.into_iter().collect(),
            progress: TaskProgress { label: String::new(), done: u64::from(ready), total: 1 },
            spawn_time: time,
            ready_time: ready.then_some(time),
            data: None,
        }
    }

    /// Makes a change of tasks that have had their outcome, and records its notice.
    pub(super) fn new_change(
        &mut self,
        kind: &str,
        summary: String,
        tasks: Vec<Task>,
        services: Vec<String>,
    ) -> ChangeId {
        self.last_change += 1;
        let id = ChangeId(self.last_change.to_string());
        let time = self.tick();
        let change = Change {
            id: id.clone(),
            kind: kind.to_owned(),
            summary,
            status: ChangeStatus::Doing,
            tasks,
            ready: false,
            err: None,
            spawn_time: time,
            ready_time: None,
            data: None,
        };
        self.changes.push(FakeChange { change, services });
        self.note_change(&id);
        self.settle_change(&id);
        id
    }

    /// Ends a change whose tasks have all ended.
    pub(super) fn settle_change(&mut self, id: &ChangeId) {
        let time = self.tick();
        let Some(change) = self.change_mut(id) else { return };
        if change.ready || change.tasks.iter().any(|task| task.status == ChangeStatus::Doing) {
            return;
        }
        let has = |status: ChangeStatus| change.tasks.iter().any(|task| task.status == status);
        change.status = if has(ChangeStatus::Error) {
            ChangeStatus::Error
        } else if has(ChangeStatus::Done) || change.tasks.is_empty() {
            ChangeStatus::Done
        } else {
            ChangeStatus::Hold
        };
        change.ready = true;
        change.ready_time = Some(time);
        let failed = change.tasks.iter().filter(|task| task.status == ChangeStatus::Error);
        let lines: Vec<String> = failed
            .map(|task| {
                let line =
                    task.log.last().and_then(|line| line.split_once(" ERROR ")).map_or("", |(_, text)| text);
                format!("- {} ({line})", task.summary)
            })
            .collect();
        if !lines.is_empty() {
            change.err = Some(format!("cannot perform the following tasks:\n{}", lines.join("\n")));
        }
        self.note_change(id);
    }

    /// A change has a status that it did not have before.
    fn note_change(&mut self, id: &ChangeId) {
        let Ok(change) = self.find_change(id) else { return };
        let mut data = BTreeMap::from([("kind".to_owned(), change.kind.clone())]);
        let check =
            change.data.as_ref().and_then(|data| data.get("check-name")).and_then(|name| name.as_str());
        data.extend(check.map(|name| ("check-name".to_owned(), name.to_owned())));
        self.record(None, NoticeType::ChangeUpdate, id.as_str(), &data, None);
    }

    pub(super) fn change_mut(&mut self, id: &ChangeId) -> Option<&mut Change> {
        self.changes.iter_mut().map(|fake| &mut fake.change).find(|change| change.id == *id)
    }

    pub(super) fn find_change(&self, id: &ChangeId) -> Result<&Change> {
        let found = self.changes.iter().map(|fake| &fake.change).find(|change| change.id == *id);
        found
            .ok_or_else(|| refused(404, "Not Found", format!("cannot find change with id {:?}", id.as_str())))
    }

    pub(super) fn list_changes(&self, wanted: &ChangeState, service: Option<&str>) -> Result<Vec<Change>> {
        let fits = |change: &Change| match wanted {
            ChangeState::All => Ok(true),
            ChangeState::InProgress => Ok(!change.ready),
            ChangeState::Ready => Ok(change.ready),
            ChangeState::Other(_) => Err(bad_request("changes can be all, in-progress or ready")),
        };
        let mut list = Vec::new();
        for fake in &self.changes {
            let about = service.is_none_or(|service| fake.services.iter().any(|name| name == service));
            if fits(&fake.change)? && about {
                list.push(fake.change.clone());
            }
        }
        Ok(list)
    }

    /// What was under way ends as Pebble ends it: tasks that had begun as done.
    pub(super) fn abort(&mut self, id: &ChangeId) -> Result<Change> {
        if self.find_change(id)?.ready {
            return Err(bad_request(format!("cannot abort change {id} with nothing pending")));
        }
        let time = self.tick();
        if let Some(change) = self.change_mut(id) {
            for task in change.tasks.iter_mut().filter(|task| task.status == ChangeStatus::Doing) {
                task.status = ChangeStatus::Done;
                task.ready_time = Some(time);
                task.progress.done = 1;
            }
        }
        self.settle_change(id);
        self.find_change(id).cloned()
    }
}
