//! Services that start and stop, though nothing runs.

use std::collections::BTreeSet;

use super::changes::Outcome;
use super::state::{FakeService, FakeState, SentSignal};
use super::{bad_request, refused};
use crate::combine::Plan;
use crate::error::{Error, Result};
use crate::info::{ChangeId, ServiceInfo, ServiceStatus, Task};
use crate::layer::Startup;
use crate::pebble::ServiceAction;
use crate::validate::order;

/// The signals that have a name on Linux.
const SIGNALS: [&str; 34] = [
    "SIGABRT",
    "SIGALRM",
    "SIGBUS",
    "SIGCHLD",
    "SIGCLD",
    "SIGCONT",
    "SIGFPE",
    "SIGHUP",
    "SIGILL",
    "SIGINT",
    "SIGIO",
    "SIGIOT",
    "SIGKILL",
    "SIGPIPE",
    "SIGPOLL",
    "SIGPROF",
    "SIGPWR",
    "SIGQUIT",
    "SIGSEGV",
    "SIGSTKFLT",
    "SIGSTOP",
    "SIGSYS",
    "SIGTERM",
    "SIGTRAP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGUSR1",
    "SIGUSR2",
    "SIGVTALRM",
    "SIGWINCH",
    "SIGXCPU",
    "SIGXFSZ",
];

/// `names` and all that they lead to.
fn closure<'a>(
    names: impl IntoIterator<Item = &'a str>,
    next: impl Fn(&str) -> Vec<&'a str>,
) -> BTreeSet<&'a str> {
    let mut open: Vec<&str> = names.into_iter().collect();
    let mut all = BTreeSet::new();
    while let Some(name) = open.pop() {
        if all.insert(name) {
            open.extend(next(name));
        }
    }
    all
}

/// `names` and what they require.
fn with_required<'a>(plan: &'a Plan, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    closure(names, |name| {
        plan.services.get(name).into_iter().flat_map(|s| &s.requires).map(String::as_str).collect()
    })
}

/// `names` and those that require them.
fn with_requiring<'a>(plan: &'a Plan, names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    closure(names, |name| {
        let requiring =
            plan.services.iter().filter(|(_, service)| service.requires.iter().any(|other| other == name));
        requiring.map(|(name, _)| name.as_str()).collect()
    })
}

fn summary(action: &ServiceAction, names: &[String], all: usize) -> String {
    let mut verb = action.as_str().to_owned();
    verb[..1].make_ascii_uppercase();
    match (names.first(), all) {
        (None, _) => format!("{verb} - no services"),
        (Some(first), 0 | 1) => format!("{verb} service {first:?}"),
        (Some(first), all) => format!("{verb} service {first:?} and {} more", all - 1),
    }
}

impl FakeState {
    pub(super) fn list_services(&self, names: &[&str]) -> Result<Vec<ServiceInfo>> {
        let plan = self.plan()?;
        let wanted =
            plan.services.iter().filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()));
        Ok(wanted
            .map(|(name, service)| {
                let record = self.services.get(name);
                ServiceInfo {
                    name: name.clone(),
                    startup: if service.is_enabled() { Startup::Enabled } else { Startup::Disabled },
                    current: record.map_or(ServiceStatus::Inactive, |record| record.status.clone()),
                    current_since: record.map(|record| record.since),
                }
            })
            .collect())
    }

    fn is_active(&self, name: &str) -> bool {
        self.services.get(name).is_some_and(|record| record.status == ServiceStatus::Active)
    }

    fn start_one(&mut self, plan: &Plan, name: &str) -> Task {
        let summary = format!("Start service {name:?}");
        let Some(config) = plan.services.get(name).cloned() else {
            return self.new_task(
                "start",
                summary,
                Outcome::Failed(format!("the plan has no service {name:?}")),
            );
        };
        if self.is_active(name) {
            if let Some(record) = self.services.get_mut(name) {
                record.config = config;
            }
            return self.new_task(
                "start",
                summary,
                Outcome::Noted(format!("Service {name:?} already started.")),
            );
        }
        let since = self.tick();
        let starts = self.services.get(name).map_or(0, |record| record.starts);
        let mut record = FakeService { status: ServiceStatus::Active, since, config, starts: starts + 1 };
        let outcome = if let Some(error) = self.start_errors.get(name) {
            record.status = ServiceStatus::Inactive;
            record.starts = starts;
            Outcome::Failed(error.clone())
        } else if self.start_hangs.contains(name) {
            Outcome::Hangs
        } else {
            Outcome::Done
        };
        self.services.insert(name.to_owned(), record);
        self.new_task("start", summary, outcome)
    }

    fn stop_one(&mut self, name: &str) -> Task {
        let since = self.tick();
        let outcome = match self.services.get_mut(name) {
            Some(record) if record.status != ServiceStatus::Inactive => {
                record.status = ServiceStatus::Inactive;
                record.since = since;
                Outcome::Done
            }
            Some(_) => Outcome::Noted(format!("Service {name:?} already stopped.")),
            None => Outcome::Noted(format!("Service {name:?} has never been started.")),
        };
        self.new_task("stop", format!("Stop service {name:?}"), outcome)
    }

    pub(super) fn act_on_services(&mut self, action: &ServiceAction, services: &[&str]) -> Result<ChangeId> {
        let plan = self.plan()?;
        let named = matches!(action, ServiceAction::Start | ServiceAction::Stop | ServiceAction::Restart);
        if let ServiceAction::Other(word) = action {
            return Err(bad_request(format!("no action {word:?} on services")));
        }
        if named == services.is_empty() {
            let rule = if named { "needs the names of services" } else { "takes no names of services" };
            return Err(bad_request(format!("{action} {rule}")));
        }
        let mut names: Vec<&str> = services.to_vec();
        if *action == ServiceAction::Autostart {
            names =
                plan.services.iter().filter(|(_, s)| s.is_enabled()).map(|(name, _)| name.as_str()).collect();
            if names.is_empty() {
                let (status, message) = ("Bad Request".to_owned(), "no default services".to_owned());
                return Err(Error::Api {
                    code: 400,
                    status,
                    message,
                    kind: Some("no-default-services".to_owned()),
                });
            }
        }
        if *action == ServiceAction::Replan {
            return self.replan(&plan);
        }
        let mut to_start = BTreeSet::new();
        let mut to_stop = BTreeSet::new();
        match action {
            ServiceAction::Stop => to_stop = with_requiring(&plan, names.iter().copied()),
            ServiceAction::Restart => {
                to_stop = names.iter().copied().collect();
                to_start = with_required(&plan, names.iter().copied());
            }
            _ => to_start = with_required(&plan, names.iter().copied()),
        }
        let missing = to_start.iter().chain(&to_stop).find(|name| !plan.services.contains_key(**name));
        if let Some(missing) = missing {
            return Err(bad_request(format!("service {missing:?} does not exist")));
        }
        let all = to_start.union(&to_stop).count();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let about = to_start.union(&to_stop).map(|name| (*name).to_owned()).collect();
        let tasks = self.run_tasks(&plan, &to_stop, &to_start)?;
        Ok(self.new_change(action.as_str(), summary(action, &names, all), tasks, about))
    }

    fn run_tasks(&mut self, plan: &Plan, stop: &BTreeSet<&str>, start: &BTreeSet<&str>) -> Result<Vec<Task>> {
        let loops = |e: crate::combine::LayerError| bad_request(e.to_string());
        let mut tasks = Vec::new();
        for name in order(plan, stop).map_err(loops)?.into_iter().rev() {
            tasks.push(self.stop_one(name));
        }
        for name in order(plan, start).map_err(loops)? {
            tasks.push(self.start_one(plan, name));
        }
        Ok(tasks)
    }

    /// Pebble restarts what is configured in another way than when it was started, also what was stopped since.
    fn replan(&mut self, plan: &Plan) -> Result<ChangeId> {
        let changed =
            |name: &str| plan.services.get(name) != self.services.get(name).map(|record| &record.config);
        let stop: Vec<String> = self.services.keys().filter(|name| changed(name)).cloned().collect();
        let enabled =
            plan.services.iter().filter(|(_, service)| service.is_enabled()).map(|(name, _)| name.as_str());
        let again = stop.iter().map(String::as_str).filter(|name| plan.services.contains_key(*name));
        let start = with_required(plan, enabled.chain(again));
        let stop: BTreeSet<&str> = stop.iter().map(String::as_str).collect();
        let about: Vec<String> = stop.union(&start).map(|name| (*name).to_owned()).collect();
        let tasks = self.run_tasks(plan, &stop, &start)?;
        self.start_enabled_checks();
        let summary = summary(&ServiceAction::Replan, &about, about.len());
        Ok(self.new_change("replan", summary, tasks, about))
    }

    pub(super) fn signal_services(&mut self, signal: &str, services: &[&str]) -> Result<()> {
        if services.is_empty() {
            return Err(bad_request("a signal needs the names of services"));
        }
        let mut errors = Vec::new();
        for service in services {
            if !SIGNALS.contains(&signal) {
                errors.push(format!("no signal {signal:?}"));
            } else if self.is_active(service) {
                self.signals.push(SentSignal { signal: signal.to_owned(), service: (*service).to_owned() });
            } else {
                errors.push(format!("service {service:?} is not running"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(refused(500, "Internal Server Error", errors.join("; "))) }
    }
}
