//! `status-get`.

use std::collections::BTreeMap;

use periapt_model::entity::Unit;
use periapt_model::status::{AgentStatus, WorkloadStatus};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::format::{Format, sorted};
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "status-get",
    synopsis: "",
    purpose: "Print how the workload is.",
    doc: "Prints the status's word alone. With --application the leader gets the application's status and each unit's.",
    flags: &[
        Flag::bool("include-data", "Print the message and data too"),
        Flag::bool("application", "Print the application's status; the leader only"),
    ],
    output: Some(Formats::Smart),
    run,
};

/// A status as readers see it.
struct Shown {
    status: WorkloadStatus,
    message: String,
    data: BTreeMap<String, Value>,
}

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let format = cx.args.format(Formats::Smart)?;
    cx.args.no_more_than(0)?;
    let data = cx.args.is_on("include-data");
    let word_alone = !data && format == Format::Smart;
    if cx.args.is_on("application") {
        return application(cx, data, word_alone);
    }
    let shown = match (&cx.session.unit_status, cx.view.me()) {
        (Some((status, message)), _) => set(*status, message),
        (None, Some(unit)) => of_unit(unit),
        (None, None) => return Err(Stop::failed("finding workload status: unit not found")),
    };
    Ok(Outcome::json(if word_alone { shown.status.as_str().into() } else { details(&shown, data).into() }))
}

fn application(cx: &Context<'_>, data: bool, word_alone: bool) -> Result<Outcome, Stop> {
    if !cx.is_leader()? {
        return Err(Stop::failed("finding application status: this unit is not the leader"));
    }
    let app = cx.view.unit.app();
    let mut units: Vec<(String, Shown)> = Vec::new();
    for unit in cx.view.model.units_of(app) {
        let shown = match &cx.session.unit_status {
            Some((status, message)) if unit.name == cx.view.unit => set(*status, message),
            _ => of_unit(unit),
        };
        units.push((unit.name.to_string(), shown));
    }
    let kept = cx.view.model.applications.get(app).and_then(|application| application.status.as_ref());
    let shown = match (&cx.session.application_status, kept) {
        (Some((status, message)), _) => set(*status, message),
        (None, Some(kept)) => {
            Shown { status: kept.status, message: kept.message.clone(), data: kept.data.clone() }
        }
        (None, None) => worst(&units),
    };
    if word_alone {
        return Ok(Outcome::json(shown.status.as_str().into()));
    }
    units.sort_by(|a, b| a.0.cmp(&b.0));
    let units: Map<String, Value> =
        units.into_iter().map(|(name, u)| (name, details(&u, data).into())).collect();
    let mut out = details(&shown, data);
    out.insert("units".to_owned(), units.into());
    Ok(Outcome::json(json!({"application-status": out})))
}

fn set(status: WorkloadStatus, message: &str) -> Shown {
    Shown { status, message: message.to_owned(), data: BTreeMap::new() }
}

/// A unit whose hook failed is in error, whatever its charm said before (Juju: `state/unitagent.go`).
fn of_unit(unit: &Unit) -> Shown {
    if unit.agent.status == AgentStatus::Error {
        let agent = &unit.agent;
        return Shown {
            status: WorkloadStatus::Error,
            message: agent.message.clone(),
            data: agent.data.clone(),
        };
    }
    let workload = &unit.workload;
    Shown { status: workload.status, message: workload.message.clone(), data: workload.data.clone() }
}

/// What an application is whose leader never said: as its worst unit (reference 7.3).
fn worst(units: &[(String, Shown)]) -> Shown {
    match units.iter().map(|(_, shown)| shown).min_by_key(|shown| shown.status) {
        Some(shown) => {
            Shown { status: shown.status, message: shown.message.clone(), data: shown.data.clone() }
        }
        None => set(WorkloadStatus::Unknown, ""),
    }
}

fn details(shown: &Shown, data: bool) -> Map<String, Value> {
    let mut out = Map::new();
    if data {
        out.insert("message".to_owned(), shown.message.as_str().into());
    }
    out.insert("status".to_owned(), shown.status.as_str().into());
    if data {
        let data: Map<String, Value> = shown.data.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
        out.insert("status-data".to_owned(), data.into());
    }
    out
}
