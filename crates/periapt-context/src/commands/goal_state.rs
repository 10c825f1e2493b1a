//! `goal-state`.

use std::collections::BTreeMap;

use periapt_model::entity::{Relation, Unit};
use periapt_model::model::Model;
use periapt_model::names::{AppName, UnitName};
use periapt_model::status::{AgentStatus, Life};
use serde_json::{Map, Value, json};

use crate::call::Need;
use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};
use crate::time;

pub(crate) const SPEC: Spec = Spec {
    name: "goal-state",
    synopsis: "",
    purpose: "Print which units and relations there are to be.",
    doc: "Lists the units of this application, also those that have not started yet, and for each endpoint the related\n\
          applications with their units. It shows the model as it is at this moment.",
    flags: &[],
    output: Some(Formats::Structured),
    run,
};

type Goals = BTreeMap<String, Value>;

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    let model = cx.call.supplied.model.as_ref().ok_or(Stop::Need(Need::FreshModel))?;
    let app = cx.view.unit.app();
    let mut units = Goals::new();
    let principal = model.units.get(&cx.view.unit).and_then(|unit| unit.principal.as_ref());
    let container = principal.unwrap_or(&cx.view.unit);
    add_units(&mut units, model, app, container);
    let mut relations: BTreeMap<String, Goals> = BTreeMap::new();
    for relation in model.relations_of(app).filter(|relation| !relation.is_peer()) {
        let (Some(ours), Some(theirs)) = (relation.end_of(app), relation.other_end(app)) else { continue };
        let remote = model.remote_apps.get(&theirs.app);
        let name = match remote.map(|remote| remote.saas()) {
            None => theirs.app.to_string(),
            Some(Some(source)) => format!("admin/{}.{}", source.model_name, source.offer),
            // Those who consume what we offer are no goal of ours.
            Some(None) => continue,
        };
        let goals = relations.entry(ours.endpoint.to_string()).or_default();
        goals.insert(name, goal(relation_status(model, relation, app), time::utc(model.info.created)));
        if remote.is_none() {
            add_units(goals, model, &theirs.app, container);
        }
    }
    let relations: Map<String, Value> =
        relations.into_iter().map(|(name, goals)| (name, object(goals))).collect();
    Ok(Outcome::json(json!({"units": object(units), "relations": relations})))
}

fn object(goals: Goals) -> Value {
    Value::Object(goals.into_iter().collect())
}

fn goal(status: &str, since: String) -> Value {
    json!({"status": status, "since": since})
}

/// The units of an application, but for the subordinates of other principals (Juju 3.6: `uniter.goalStateUnits`). Of an
/// application in another model none are listed, and it goes by the url of its offer.
fn add_units(goals: &mut Goals, model: &Model, app: &AppName, container: &UnitName) {
    let here = |unit: &&Unit| unit.principal.as_ref().is_none_or(|principal| principal == container);
    let units = model.units_of(app).map(AsRef::as_ref).filter(here);
    for unit in units.filter(|unit| unit.life != Life::Dead) {
        goals.insert(unit.name.to_string(), goal(unit_status(unit), time::utc(unit.workload.since)));
    }
}

fn unit_status(unit: &Unit) -> &'static str {
    match (unit.life, unit.agent.status) {
        (Life::Dying | Life::Dead, _) => "dying",
        (Life::Alive, AgentStatus::Error) => "error",
        (Life::Alive, _) => unit.workload.status.as_str(),
    }
}

/// Relations keep no status of their own: it follows from whether anybody of ours has entered (reference 7.3).
fn relation_status(model: &Model, relation: &Relation, app: &AppName) -> &'static str {
    if relation.suspended {
        return "suspended";
    }
    let ours = |unit: &Unit| model.member(relation.id, &unit.name).is_some_and(|member| member.in_scope);
    if model.units_of(app).any(|unit| ours(unit)) { "joined" } else { "joining" }
}
