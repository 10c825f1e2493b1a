//! What a command says and changes, or why it stops.

use periapt_model::command::Tell;
use periapt_model::deferral::DeferralReport;
use periapt_model::effects::{Changes, Effects, PortChange, Reboot};
use periapt_model::log::Level;
use periapt_model::names::{RelationId, SecretId, StorageName};
use periapt_model::secrets::{self, SecretWrite};
use periapt_model::wake::WakeChange;
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::call::{Immediate, Need};
use crate::format::{self, Format};
use crate::session::Session;
use crate::spec::Formats;

/// Why a command does not end well, or not yet.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It needs something first.
    Need(Need),
    /// It was asked to explain itself.
    Help,
    /// It was called wrongly: exit code 2.
    Usage(String),
    /// It cannot do it: exit code 1.
    Failed(String),
}

impl Stop {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

/// What a reading command found, before it has a format.
#[derive(Debug)]
pub(crate) enum Found {
    /// Texts, one a line in the smart format.
    Lines(Vec<String>),
    /// Anything else; its maps are printed in their order.
    Json(Value),
}

/// One change a command makes.
#[derive(Debug)]
pub(crate) enum Change {
    UnitBag(RelationId, Changes),
    AppBag(RelationId, Changes),
    Port(PortChange),
    State(Changes),
    /// The path of keys, and the value.
    ActionResult(Vec<String>, String),
    ActionFailed(String),
    Reboot(Reboot),
    Wake(WakeChange),
    Deferrals(Box<DeferralReport>),
    Secret(SecretId, SecretWrite),
    /// So many more of a storage.
    Storage(StorageName, u32),
    Tell(Tell),
    Log(Level, String),
}

/// What a command that ends well says and changes.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What it found, until [`Outcome::print`] has made text of it.
    pub found: Option<Found>,
    /// What it prints.
    pub text: String,
    /// The file to print into instead of standard output.
    pub file: Option<String>,
    /// Lines for standard error that are no failure.
    pub warnings: Vec<String>,
    /// What it changes, in order.
    pub changes: Vec<Change>,
}

impl Outcome {
    pub fn json(value: Value) -> Self {
        Self { found: Some(Found::Json(value)), ..Self::default() }
    }

    pub fn lines(lines: Vec<String>) -> Self {
        Self { found: Some(Found::Lines(lines)), ..Self::default() }
    }

    pub fn change(change: Change) -> Self {
        Self { changes: vec![change], ..Self::default() }
    }

    /// Makes text of what was found, in the format that was asked for.
    pub fn print(&mut self, args: &Arguments<'_>, formats: Formats) -> Result<(), Stop> {
        let format = args.format(formats)?;
        if let Some(found) = self.found.take() {
            self.text = match (found, format) {
                (Found::Lines(lines), Format::Smart) => format::lines(&lines),
                (Found::Lines(lines), format) => format::value(&Value::from(lines), format),
                (Found::Json(value), format) => format::value(&value, format),
            };
        }
        self.file = args.output_file().map(str::to_owned);
        Ok(())
    }
}

impl Change {
    /// Makes the change, and says what of it counts at once.
    pub fn apply(self, effects: &mut Effects, session: &mut Session) -> Option<Immediate> {
        match self {
            Self::UnitBag(id, changes) => effects.relations.entry(id).or_default().unit.extend(changes),
            Self::AppBag(id, changes) => effects.relations.entry(id).or_default().app.extend(changes),
            Self::Port(change) => effects.ports.push(change),
            Self::State(changes) => effects.state.extend(changes),
            Self::ActionResult(keys, value) => set_path(&mut effects.action.results, &keys, value),
            Self::Wake(change) => effects.wakes.push(change),
            Self::Deferrals(report) => effects.deferrals = Some(report),
            Self::ActionFailed(message) => effects.action.failed = Some(message),
            Self::Reboot(reboot) => {
                effects.reboot = Some(reboot);
                return (reboot == Reboot::Now).then_some(Immediate::RebootNow);
            }
            Self::Storage(name, count) => {
                let more = effects.storages.entry(name).or_default();
                *more = more.saturating_add(count);
            }
            Self::Secret(id, write) => {
                if matches!(write, SecretWrite::Create(..)) {
                    session.secrets_made = session.secrets_made.wrapping_add(1);
                }
                secrets::add_write(&mut effects.secrets, id, write);
            }
            Self::Log(level, message) => return Some(Immediate::Log { level, message }),
            Self::Tell(tell) => {
                match &tell {
                    Tell::UnitStatus { status, message } => {
                        session.unit_status = Some((*status, message.clone()))
                    }
                    Tell::ApplicationStatus { status, message } => {
                        session.application_status = Some((*status, message.clone()));
                    }
                    Tell::LeaderSettings(changes) => session.leader_settings.extend(changes.clone()),
                    Tell::TrackSecret { secret, label, revision } => {
                        let consumer = session.secrets.entry(secret.clone()).or_default();
                        consumer.revision = revision.unwrap_or(consumer.revision);
                        consumer.label = label.clone().or(consumer.label.take());
                    }
                    Tell::WorkloadVersion(_)
                    | Tell::TaskLog { .. }
                    | Tell::Payload { .. }
                    | Tell::ClaimLeadership => {}
                }
                return Some(Immediate::Tell(tell));
            }
        }
        None
    }
}

/// Sets a value below a path of keys. A text that stands where a map must be gives way, and so does a map where the
/// value must be: the last call wins (Juju 3.6: `addValueToMap`).
fn set_path(target: &mut Map<String, Value>, keys: &[String], value: String) {
    let Some((last, path)) = keys.split_last() else { return };
    let mut map = target;
    for key in path {
        let slot = map.entry(key.clone()).or_insert(Value::Null);
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        let Value::Object(inner) = slot else { return };
        map = inner;
    }
    map.insert(last.clone(), Value::String(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_result_wins_over_what_stands_in_its_way() {
        let mut results = Map::new();
        for (path, value) in [("a.b", "1"), ("a.b.c", "2"), ("d", "3"), ("a.e", "4"), ("d.f", "5")] {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            set_path(&mut results, &keys, value.to_owned());
        }
        assert_eq!(Value::Object(results), json!({"a": {"b": {"c": "2"}, "e": "4"}, "d": {"f": "5"}}));
    }
}
