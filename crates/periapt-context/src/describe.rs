//! What a hook wrote, in words for the journal. Values are left out: they may be secret.

use std::time::Duration;

use periapt_model::command::Tell;
use periapt_model::deferral::DeferralReport;
use periapt_model::effects::{Changes, Effects, PortChange, Reboot};
use periapt_model::entity::PayloadChange;
use periapt_model::names::{RelationId, SecretId};
use periapt_model::secrets::{SecretChange, SecretRemoval, SecretUpdate};
use periapt_model::time::format_duration;
use periapt_model::wake::{WakeChange, WakeWhen};
use serde_json::{Map, Value};

use crate::view::View;

/// What a hook wrote, one line for each kind of write, in the form of the hook command: `relation-set db:3 host port=`,
/// where `port=` was removed.
#[must_use]
pub fn describe(view: &View, effects: &Effects) -> Vec<String> {
    let mut out = Vec::new();
    for (id, bags) in &effects.relations {
        let name = relation_name(view, *id);
        out.extend(keys(&format!("relation-set {name}"), &bags.unit));
        out.extend(keys(&format!("relation-set --app {name}"), &bags.app));
    }
    out.extend(effects.ports.iter().map(port_line));
    out.extend(keys("state-set", &effects.state));
    out.extend(effects.storages.iter().map(|(name, count)| format!("storage-add {name}={count}")));
    out.extend(effects.secrets.iter().flat_map(|(id, change)| secret_lines(view, id, change)));
    if !effects.action.results.is_empty() {
        let mut line = "action-set".to_owned();
        add_paths(&mut line, "", &effects.action.results);
        out.push(line);
    }
    if effects.action.failed.is_some() {
        out.push("action-fail".to_owned());
    }
    match effects.reboot {
        Some(Reboot::AfterHook) => out.push("juju-reboot".to_owned()),
        Some(Reboot::Now) => out.push("juju-reboot --now".to_owned()),
        None => {}
    }
    out.extend(effects.wakes.iter().map(wake_line));
    out.extend(effects.deferrals.as_deref().and_then(report_line));
    out
}

fn wake_line(change: &WakeChange) -> String {
    let (name, when) = match change {
        WakeChange::Cancel(name) => return format!("periapt-wake --cancel {name}"),
        WakeChange::Ask { name, when, .. } => (name, when),
    };
    let mut line = match when {
        WakeWhen::AfterMs(ms) => {
            format!("periapt-wake --after {}", format_duration(Duration::from_millis(*ms)))
        }
        WakeWhen::At(at) => format!("periapt-wake --at {}", at.to_rfc3339()),
        WakeWhen::On(event) => format!("periapt-wake --on {event}"),
    };
    if let Some(name) = name {
        line.push_str(&format!(" --name {name}"));
    }
    line
}

/// A framework reports after each dispatch: that nothing is deferred is not worth a line.
fn report_line(report: &DeferralReport) -> Option<String> {
    let counts =
        [(report.queue.len(), "queued"), (report.dropped.len(), "dropped"), (report.dead.len(), "dead")];
    let counts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!counts.is_empty()).then(|| format!("periapt-deferred {}", counts.join(", ")))
}

/// The same for what counted at once. A claim of leadership is no write of the charm's.
#[must_use]
pub fn describe_tell(tell: &Tell) -> Option<String> {
    match tell {
        Tell::UnitStatus { status, .. } => Some(format!("status-set {status}")),
        Tell::ApplicationStatus { status, .. } => Some(format!("status-set --application {status}")),
        Tell::WorkloadVersion(_) => Some("application-version-set".to_owned()),
        Tell::LeaderSettings(changes) => keys("leader-set", changes),
        Tell::TrackSecret { secret, label, revision } => {
            let mut line = format!("secret-get {secret}");
            if label.is_some() {
                line.push_str(" --label");
            }
            if let Some(revision) = revision {
                line.push_str(&format!(" revision {revision}"));
            }
            Some(line)
        }
        Tell::TaskLog { .. } => Some("action-log".to_owned()),
        Tell::Payload { key, change } => {
            let verb = match change {
                PayloadChange::Register { .. } => "register",
                PayloadChange::Status(_) => "status-set",
                PayloadChange::Unregister => "unregister",
            };
            Some(format!("payload-{verb} {}", key.class))
        }
        Tell::ClaimLeadership => None,
    }
}

fn relation_name(view: &View, id: RelationId) -> String {
    match view.relation(id) {
        Some(known) => format!("{}:{id}", known.endpoint),
        None => id.to_string(),
    }
}

fn keys(start: &str, changes: &Changes) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let mut line = start.to_owned();
    for (key, value) in changes {
        line.push(' ');
        line.push_str(key);
        if value.is_none() {
            line.push('=');
        }
    }
    Some(line)
}

/// Which fields and keys were written, never what was.
fn secret_lines(view: &View, id: &SecretId, change: &SecretChange) -> Vec<String> {
    let mut out = Vec::new();
    let SecretUpdate { label, description, expire, rotate, content } = &change.update;
    let verb = if change.create.is_some() { "secret-add" } else { "secret-set" };
    if change.create.is_some() || !change.update.is_empty() {
        let mut line = format!("{verb} {id}");
        for (flag, given) in [
            (" --label", label.is_some()),
            (" --description", description.is_some()),
            (" --expire", expire.is_some()),
            (" --rotate", rotate.is_some()),
        ] {
            line.push_str(if given { flag } else { "" });
        }
        for key in content.iter().flat_map(|content| content.keys()) {
            line.push(' ');
            line.push_str(key);
        }
        out.push(line);
    }
    match &change.remove {
        Some(SecretRemoval::Whole) => out.push(format!("secret-remove {id}")),
        Some(SecretRemoval::Revisions(numbers)) => {
            out.extend(numbers.iter().map(|number| format!("secret-remove {id} --revision {number}")));
        }
        None => {}
    }
    for (reader, scope) in &change.access {
        out.push(match scope {
            Some(relation) => format!("secret-grant {id} {} {reader}", relation_name(view, *relation)),
            None => format!("secret-revoke {id} {reader}"),
        });
    }
    out
}

fn port_line(change: &PortChange) -> String {
    let verb = if change.open { "open-port" } else { "close-port" };
    if change.endpoints.iter().any(String::is_empty) {
        return format!("{verb} {}", change.range);
    }
    format!("{verb} {} --endpoints {}", change.range, change.endpoints.join(","))
}

fn add_paths(line: &mut String, prefix: &str, results: &Map<String, Value>) {
    for (key, value) in results {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => add_paths(line, &path, inner),
            _ => {
                line.push(' ');
                line.push_str(&path);
            }
        }
    }
}
