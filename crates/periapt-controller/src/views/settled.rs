//! `wait`: whether what somebody waits for has come, and what it is that has not.
//!
//! A model is settled by the controller's own knowledge: no agent has anything to do, and nothing that was asked for is
//! unfinished. Statuses that charms set do not count.

use std::fmt;
use std::str::FromStr;

use periapt_lifecycle::{Step, is_idle, is_settled};
use periapt_model::model::Model;
use periapt_model::names::{AppName, UnitName};
use periapt_model::status::{Life, Status, WorkloadStatus};
use periapt_model::time::{Moment, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::status::{application_status, presented};
use super::why::agent_view;

/// An application or a unit, written `app` or `app/0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// An application.
    Application(AppName),
    /// A unit.
    Unit(UnitName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(app) => app.fmt(f),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = periapt_model::names::InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.contains('/') {
            true => text.parse().map(Self::Unit),
            false => text.parse().map(Self::Application),
        }
    }
}

/// A text, to readers of the API's description.
impl PartialSchema for Subject {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl ToSchema for Subject {}

impl TryFrom<String> for Subject {
    type Error = periapt_model::names::InvalidName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.to_string()
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// Nothing is due, running, failed, deferred or going away.
    Settled,
    /// As settled, but events may be deferred.
    Idle,
    /// The application or unit is gone.
    Gone(Subject),
    /// The application or unit shows this workload status.
    Status {
        /// Whose.
        of: Subject,
        /// The word.
        #[schema(value_type = String)]
        word: WorkloadStatus,
    },
    /// The whole model is gone.
    ModelGone,
}

/// A text that is no goal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot wait for {text:?}: {reason}")]
pub struct InvalidGoal {
    /// As given.
    pub text: String,
    /// What is wrong, or what may be said.
    pub reason: String,
}

impl FromStr for Goal {
    type Err = InvalidGoal;

    /// Reads `settled`, `idle`, `gone`, `gone:app`, `gone:app/0`, `app=active` and `app/0=active`.
    fn from_str(text: &str) -> Result<Self, InvalidGoal> {
        let invalid = |reason: String| InvalidGoal { text: text.to_owned(), reason };
        match text {
            "settled" => return Ok(Self::Settled),
            "idle" => return Ok(Self::Idle),
            "gone" => return Ok(Self::ModelGone),
            _ => {}
        }
        if let Some(subject) = text.strip_prefix("gone:") {
            return subject.parse().map(Self::Gone).map_err(|e| invalid(e.to_string()));
        }
        let (of, word) = text.split_once('=').ok_or_else(|| {
            invalid("say settled, idle, gone, gone:APP, gone:UNIT, APP=STATUS or UNIT=STATUS".to_owned())
        })?;
        let of = of.parse().map_err(|e: periapt_model::names::InvalidName| invalid(e.to_string()))?;
        let word = word.parse().map_err(|_| {
            let words: Vec<&str> = WorkloadStatus::ALL.iter().map(|w| w.as_str()).collect();
            invalid(format!("{word:?} is not a status; there are: {}", words.join(", ")))
        })?;
        Ok(Self::Status { of, word })
    }
}

/// One thing that is still waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// The unit, application or model.
    pub subject: String,
    /// What it does, or what it lacks.
    pub reason: String,
    /// When something will happen there by itself, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub next: Option<Timestamp>,
}

impl Waiting {
    fn new(subject: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { subject: subject.to_string(), reason: reason.into(), next: None }
    }
}

/// What of `goals` has not come; empty: all has. Without goals: [`Goal::Settled`]. `model` is None once it is gone.
pub fn waiting(model: Option<&Model>, goals: &[Goal], moment: &Moment) -> Vec<Waiting> {
    let goals = if goals.is_empty() { &[Goal::Settled] } else { goals };
    let mut out = Vec::new();
    for goal in goals {
        let Some(model) = model else {
            if let Goal::Status { of, word } = goal {
                out.push(Waiting::new(of, format!("never {word}: its model is gone")));
            }
            continue;
        };
        match goal {
            Goal::Settled => unsettled(model, moment, true, &mut out),
            Goal::Idle => unsettled(model, moment, false, &mut out),
            Goal::Gone(subject) => {
                let there = match subject {
                    Subject::Application(app) => model.applications.contains_key(app),
                    Subject::Unit(unit) => model.units.contains_key(unit),
                };
                out.extend(there.then(|| still_there(model, subject, moment)));
            }
            Goal::Status { of, word } => out.extend(other_status(model, of, *word)),
            Goal::ModelGone => out.push(Waiting::new(format!("model {}", model.info.name), remains(model))),
        }
    }
    out
}

fn unsettled(model: &Model, moment: &Moment, deferred_counts: bool, out: &mut Vec<Waiting>) {
    if model.info.life != Life::Alive {
        out.push(Waiting::new(format!("model {}", model.info.name), "is being destroyed"));
    }
    for app in model.applications.values().filter(|app| app.life != Life::Alive) {
        out.push(Waiting::new(&app.name, "is being removed"));
    }
    out.extend(model.remote_apps.keys().flat_map(|app| unlinked(model, app)));
    out.extend(model.units.keys().filter_map(|unit| unit_waits(model, unit, moment, deferred_counts)));
}

/// Relations with another model that it does not know of yet.
fn unlinked<'a>(model: &'a Model, app: &AppName) -> impl Iterator<Item = Waiting> + use<'a> {
    let new =
        model.relations_of(app).filter(|relation| relation.link.is_none() && relation.life == Life::Alive);
    new.map(|relation| {
        let subject = format!("relation {} ({})", relation.id, relation.key());
        Waiting::new(subject, "waits for the other model to know of it")
    })
}

fn unit_waits(model: &Model, unit: &UnitName, moment: &Moment, deferred_counts: bool) -> Option<Waiting> {
    let Some((local, remote)) = agent_view(model, unit) else {
        return Some(Waiting::new(unit, "no agent has taken it yet"));
    };
    let done = match deferred_counts {
        true => is_settled(local, &remote, moment),
        false => is_idle(local, &remote, moment),
    };
    if done {
        return None;
    }
    let waits = periapt_lifecycle::why(local, &remote, moment);
    let reason = match (periapt_lifecycle::next(local, &remote, moment), waits.waits.first()) {
        (Step::ReportIdle, _) if local.deferred.events.is_empty() => {
            "its agent is about to be idle".to_owned()
        }
        (_, Some(wait)) => wait.to_string(),
        (_, None) => "its agent has something to do".to_owned(),
    };
    Some(Waiting { subject: unit.to_string(), reason, next: waits.next.map(|next| next.at) })
}

fn still_there(model: &Model, subject: &Subject, moment: &Moment) -> Waiting {
    let (life, unit) = match subject {
        Subject::Application(app) => (model.applications.get(app).map(|a| a.life), None),
        Subject::Unit(unit) => (model.units.get(unit).map(|u| u.life), Some(unit)),
    };
    if life == Some(Life::Alive) {
        return Waiting::new(subject, "is there, and nobody has asked for its removal");
    }
    let unit = unit.and_then(|unit| unit_waits(model, unit, moment, true));
    unit.unwrap_or_else(|| Waiting::new(subject, "is being removed"))
}

fn other_status(model: &Model, of: &Subject, wanted: WorkloadStatus) -> Option<Waiting> {
    let shown: Option<Status<WorkloadStatus>> = match of {
        Subject::Application(app) => model.applications.get(app).map(|app| application_status(model, app)),
        Subject::Unit(unit) => model.units.get(unit).map(|unit| presented(unit).0),
    };
    match shown {
        Some(shown) if shown.status == wanted => None,
        Some(shown) if shown.message.is_empty() => Some(Waiting::new(of, format!("is {}", shown.status))),
        Some(shown) => Some(Waiting::new(of, format!("is {}: {}", shown.status, shown.message))),
        None => Some(Waiting::new(of, "is not there")),
    }
}

fn remains(model: &Model) -> String {
    if model.info.life == Life::Alive {
        return "is there, and nobody has asked for its removal".to_owned();
    }
    let (apps, units) = (model.applications.len(), model.units.len());
    match model.storages.keys().next() {
        Some(first) if apps == 0 && units == 0 => format!(
            "still has {} storages, such as {first}, whose data are not put aside yet: daemon.log says what hinders",
            model.storages.len()
        ),
        _ => format!("still has {apps} applications and {units} units"),
    }
}
