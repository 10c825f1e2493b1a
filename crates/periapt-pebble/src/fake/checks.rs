//! Checks that pass and fail when the test says so.

use std::collections::BTreeMap;

use super::changes::Outcome;
use super::state::{FakeCheck, FakeState};
use super::{bad_request, refused};
use crate::combine::Plan;
use crate::error::Result;
use crate::info::{ChangeId, ChangeStatus, CheckInfo, CheckStatus, ServiceStatus};
use crate::layer::{Action, Check, CheckLevel, Startup};

fn threshold(check: &Check) -> u64 {
    u64::from(check.threshold.unwrap_or(3)).max(1)
}

fn is_enabled(check: &Check) -> bool {
    check.startup.is_none() || check.startup == Some(Startup::Enabled)
}

impl FakeCheck {
    /// How it is.
    pub fn status(&self) -> CheckStatus {
        match self.change {
            None => CheckStatus::Inactive,
            Some(_) if self.failures >= threshold(&self.config) => CheckStatus::Down,
            Some(_) => CheckStatus::Up,
        }
    }
}

impl FakeState {
    /// Checks begin, or begin anew, with the layer that brings or changes them. One that was stopped by hand but is
    /// enabled begins too: so does Pebble.
    pub(super) fn plan_changed(&mut self, plan: &Plan) {
        self.checks.retain(|name, _| plan.checks.contains_key(name));
        for (name, config) in &plan.checks {
            let known = self.checks.get(name);
            if known.is_some_and(|known| {
                known.config == *config && (known.change.is_some() || !is_enabled(config))
            }) {
                continue;
            }
            self.end_check(name);
            let check =
                FakeCheck { config: config.clone(), successes: 0, failures: 0, change: None, previous: None };
            self.checks.insert(name.clone(), check);
            if is_enabled(config) {
                self.begin_check(name, "perform-check");
            }
        }
    }

    fn begin_check(&mut self, name: &str, kind: &str) {
        let Some(check) = self.checks.get(name) else { return };
        let what = match (&check.config.http, &check.config.tcp) {
            (Some(_), _) => "HTTP",
            (None, Some(_)) => "TCP",
            (None, None) => "exec",
        };
        let verb = if kind == "recover-check" { "Recover" } else { "Perform" };
        let summary = format!("{verb} {what} check {name:?}");
        let task = self.new_task(kind, summary.clone(), Outcome::Hangs);
        let id = self.new_change(kind, summary, vec![task], Vec::new());
        let data = BTreeMap::from([("check-name".to_owned(), serde_json::Value::from(name))]);
        if let Some(change) = self.change_mut(&id) {
            change.data = Some(data.clone());
        }
        let notice = self.notices.iter_mut().rfind(|notice| notice.key == id.as_str());
        if let Some(notice) = notice {
            notice.last_data.insert("check-name".to_owned(), name.to_owned());
        }
        if let Some(check) = self.checks.get_mut(name) {
            check.previous = check.change.replace(id).or_else(|| check.previous.take());
        }
    }

    /// Ends the change of a check that goes away or is stopped.
    fn end_check(&mut self, name: &str) {
        let Some(check) = self.checks.get_mut(name) else { return };
        if let Some(id) = check.change.take() {
            check.previous = Some(id.clone());
            self.finish_check(&id, None);
        }
    }

    fn finish_check(&mut self, id: &ChangeId, error: Option<&str>) {
        let time = self.tick();
        if let Some(task) = self.change_mut(id).and_then(|change| change.tasks.first_mut()) {
            task.status = if error.is_some() { ChangeStatus::Error } else { ChangeStatus::Done };
            task.log.extend(error.map(|error| format!("{time} ERROR {error}")));
            task.ready_time = Some(time);
            task.progress.done = 1;
        }
        self.settle_change(id);
    }

    /// Has a check pass once. One that was down recovers. Nothing happens to one that does not run.
    ///
    /// # Errors
    /// [`Error::Api`](crate::Error::Api) with 404 if the plan has no such check.
    pub fn check_passes(&mut self, name: &str) -> Result<()> {
        let check = self.checks.get_mut(name).ok_or_else(|| no_check(name))?;
        let Some(change) = check.change.clone() else { return Ok(()) };
        let recovers = check.status() == CheckStatus::Down;
        check.failures = 0;
        check.successes = if recovers { 1 } else { check.successes + 1 };
        if recovers {
            self.finish_check(&change, None);
            self.begin_check(name, "perform-check");
        }
        Ok(())
    }

    /// Has a check fail once, for this reason. At its threshold it goes down and the services do what they say under
    /// `on-check-failure`; when one of them ends Pebble, this can no longer be reached. Nothing happens to a check
    /// that does not run.
    ///
    /// # Errors
    /// [`Error::Api`](crate::Error::Api) with 404 if the plan has no such check.
    pub fn check_fails(&mut self, name: &str, reason: &str) -> Result<()> {
        let check = self.checks.get_mut(name).ok_or_else(|| no_check(name))?;
        let Some(change) = check.change.clone() else { return Ok(()) };
        check.failures += 1;
        if check.failures != threshold(&check.config) {
            let time = self.tick();
            if let Some(task) = self.change_mut(&change).and_then(|change| change.tasks.first_mut()) {
                task.log.push(format!("{time} ERROR {reason}"));
                let surplus = task.log.len().saturating_sub(10);
                task.log.drain(..surplus);
            }
            return Ok(());
        }
        self.check_is_down(name);
        self.finish_check(&change, Some(reason));
        self.begin_check(name, "recover-check");
        Ok(())
    }

    fn check_is_down(&mut self, name: &str) {
        let now = self.tick();
        let mut ends = false;
        for record in self.services.values_mut().filter(|record| record.status != ServiceStatus::Inactive) {
            match record.config.on_check_failure.get(name) {
                Some(Action::Restart) => {
                    record.status = ServiceStatus::Active;
                    record.since = now;
                    record.starts += 1;
                }
                Some(Action::Shutdown | Action::SuccessShutdown) => ends = true,
                _ => {}
            }
        }
        if ends {
            self.can_connect = false;
        }
    }

    pub(super) fn start_enabled_checks(&mut self) {
        let idle =
            self.checks.iter().filter(|(_, check)| check.change.is_none() && is_enabled(&check.config));
        let names: Vec<String> = idle.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.restart_check(&name);
        }
    }

    fn restart_check(&mut self, name: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.successes = 0;
            check.failures = 0;
        }
        self.begin_check(name, "perform-check");
    }

    pub(super) fn switch_checks(&mut self, names: &[&str], on: bool) -> Result<Vec<String>> {
        if names.is_empty() {
            return Err(bad_request("the names of checks are needed"));
        }
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        let missing: Vec<&str> =
            names.iter().filter(|name| !self.checks.contains_key(**name)).copied().collect();
        if !missing.is_empty() {
            return Err(bad_request(format!("the plan has no checks {}", missing.join(", "))));
        }
        names.retain(|name| self.checks.get(*name).is_some_and(|check| check.change.is_some() != on));
        for name in &names {
            if on { self.restart_check(name) } else { self.end_check(name) }
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn list_checks(&self, level: Option<&CheckLevel>, names: &[&str]) -> Result<Vec<CheckInfo>> {
        let fits = |(name, check): &(&String, &FakeCheck)| {
            (names.is_empty() || names.contains(&name.as_str()))
                && level.is_none_or(|level| check.config.level.as_ref() == Some(level))
        };
        let wanted = self.checks.iter().filter(fits);
        Ok(wanted
            .map(|(name, check)| CheckInfo {
                name: name.clone(),
                level: check.config.level.clone(),
                startup: if is_enabled(&check.config) { Startup::Enabled } else { Startup::Disabled },
                status: check.status(),
                successes: Some(check.successes),
                failures: check.failures,
                threshold: threshold(&check.config),
                change_id: check.change.clone(),
                prev_change_id: check.previous.clone(),
            })
            .collect())
    }
}

fn no_check(name: &str) -> crate::Error {
    refused(404, "Not Found", format!("the plan has no check {name:?}"))
}
