//! `why UNIT|APP`: what it waits for, and when something will happen (I4).
//!
//! What a unit waits for is [`periapt_lifecycle::why()`]'s to say; here is added what only the whole model shows: what
//! holds an application that is going away, and the relations that a charm needs and does not have.

use std::collections::BTreeSet;

use periapt_lifecycle::{Wait, Waits, is_idle, is_settled};
use periapt_model::charm::{JUJU_INFO, Role};
use periapt_model::entity::{Charm, Relation};
use periapt_model::local::{HookStep, Local, Op};
use periapt_model::model::Model;
use periapt_model::names::{AppName, EndpointName, RelationId, UnitName};
use periapt_model::observe::observe;
use periapt_model::remote::Remote;
use periapt_model::status::Life;
use periapt_model::time::{Moment, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::presented;

/// A status as it was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    /// The word.
    pub status: String,
    /// The text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when, in milliseconds since the Unix epoch.
    #[schema(value_type = i64)]
    pub since: Timestamp,
}

/// An endpoint that the charm requires, and that has no relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lacking {
    /// Which.
    #[schema(value_type = String)]
    pub endpoint: EndpointName,
    /// What the other side must provide.
    pub interface: String,
    /// Applications of the model that do.
    #[schema(value_type = Vec<String>)]
    pub offered_by: Vec<AppName>,
}

/// What a unit waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct UnitWhy {
    /// Which.
    #[schema(value_type = String)]
    pub unit: UnitName,
    /// Whether it is going away.
    #[schema(value_type = String)]
    pub life: Life,
    /// Whether it leads.
    pub leader: bool,
    /// Nothing is due, running, failed or deferred.
    pub settled: bool,
    /// As `settled`, but events may be deferred.
    pub idle: bool,
    /// What the charm says.
    pub workload: Said,
    /// What the agent does.
    pub agent: Said,
    /// What its agent knows; absent: no agent has taken the unit yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub waits: Option<Waits>,
    /// It has something to do, and a hook or task of this unit runs on the same machine, where hooks take turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub machine_held_by: Option<UnitName>,
    /// Its application's relations that another model has not taken up, as for the application.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_taken_up: Vec<ApplicationWait>,
    /// The relations that its charm requires and does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<Lacking>,
}

/// One thing that an application as a whole waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum ApplicationWait {
    /// It is going away and these units are still there.
    UnitsRemain {
        /// Which.
        #[schema(value_type = Vec<String>)]
        units: Vec<UnitName>,
    },
    /// It is going away and this relation is still there.
    RelationRemains {
        /// Its number.
        #[schema(value_type = u32)]
        relation: RelationId,
        /// `provider:endpoint requirer:endpoint`.
        key: String,
        /// The units of both sides that have not left it.
        #[schema(value_type = Vec<String>)]
        held_by: Vec<UnitName>,
    },
    /// It has units and none of them leads.
    NoLeader,
    /// It has no units: no hook will ever run.
    NoUnits,
    /// It is a subordinate without units: none of an application that it is integrated with has brought it.
    NoPrincipals,
    /// These units still run another charm.
    UpgradeRemains {
        /// What they shall run.
        url: String,
        /// Which.
        #[schema(value_type = Vec<String>)]
        units: Vec<UnitName>,
    },
    /// It is related over an offer, and the model that offers has not taken the relation up.
    RelationUnknown {
        /// Its number.
        #[schema(value_type = u32)]
        relation: RelationId,
        /// As for `relation-remains`.
        key: String,
    },
}

/// What an application waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ApplicationWhy {
    /// Which.
    #[schema(value_type = String)]
    pub application: AppName,
    /// Whether it is going away.
    #[schema(value_type = String)]
    pub life: Life,
    /// It is not going away, all of its units are settled, and the other models know of its relations.
    pub settled: bool,
    /// What it waits for as a whole.
    pub waits: Vec<ApplicationWait>,
    /// The relations that its charm requires and does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<Lacking>,
    /// Its units.
    pub units: Vec<UnitWhy>,
}

/// What a unit's agent decides on; None before an agent has taken the unit.
pub(crate) fn agent_view<'a>(model: &'a Model, unit: &UnitName) -> Option<(&'a Local, Remote)> {
    let agent = model.agents.get(unit)?;
    Some((&agent.local, observe(model, unit)?))
}

/// What a unit waits for, or None when it is not there.
pub fn unit_why(model: &Model, name: &UnitName, moment: &Moment) -> Option<UnitWhy> {
    let unit = model.units.get(name)?;
    let (workload, agent) = presented(unit);
    let known = agent_view(model, name);
    let waits = known.as_ref().map(|(local, remote)| periapt_lifecycle::why(local, remote, moment));
    let due = waits.as_ref().is_some_and(|w| w.waits.iter().any(|wait| matches!(wait, Wait::Due { .. })));
    Some(UnitWhy {
        unit: name.clone(),
        life: unit.life,
        leader: model.is_leader(name),
        settled: known.as_ref().is_some_and(|(local, remote)| is_settled(local, remote, moment)),
        idle: known.as_ref().is_some_and(|(local, remote)| is_idle(local, remote, moment)),
        workload: Said {
            status: workload.status.to_string(),
            message: workload.message,
            since: workload.since,
        },
        agent: Said { status: agent.status.to_string(), message: agent.message, since: agent.since },
        waits,
        machine_held_by: due.then(|| machine_held_by(model, name)).flatten(),
        not_taken_up: not_taken_up(model, name.app()),
        lacking: lacking(model, name.app()),
    })
}

/// Another unit of the same machine whose hook, or task that is not parallel, runs: it holds the machine's lock (Juju 3.6: `core/machinelock`).
fn machine_held_by(model: &Model, name: &UnitName) -> Option<UnitName> {
    let machine = model.units.get(name)?.machine;
    let runs = |unit: &UnitName| {
        let Some(local) = model.agents.get(unit).map(|agent| &agent.local) else { return false };
        let task = local.task.and_then(|id| model.tasks.get(&id));
        task.is_some_and(|task| !task.parallel && task.group.is_empty())
            || matches!(local.op, Op::Hook { step: HookStep::Pending { ended: None, .. }, .. })
    };
    let others = model.units.values().filter(|unit| unit.machine == machine && unit.name != *name);
    others.map(|unit| &unit.name).find(|unit| runs(unit)).cloned()
}

/// What an application waits for, or None when it is not there.
pub fn application_why(model: &Model, name: &AppName, moment: &Moment) -> Option<ApplicationWhy> {
    let app = model.applications.get(name)?;
    let units: Vec<UnitWhy> = model.units_of(name).filter_map(|u| unit_why(model, &u.name, moment)).collect();
    let mut waits = Vec::new();
    if app.life != Life::Alive {
        if !units.is_empty() {
            waits
                .push(ApplicationWait::UnitsRemain { units: units.iter().map(|u| u.unit.clone()).collect() });
        }
        waits.extend(model.relations_of(name).filter(|r| !r.is_peer()).map(|r| relation_remains(model, r)));
    } else if units.is_empty() {
        waits.push(match model.is_subordinate(name) {
            true => ApplicationWait::NoPrincipals,
            false => ApplicationWait::NoUnits,
        });
    } else if !model.leaders.contains_key(name) {
        waits.push(ApplicationWait::NoLeader);
    }
    let runs_another = |u: &UnitName| {
        let unit = model.units.get(u);
        unit.and_then(|unit| unit.charm.as_ref()).is_some_and(|charm| *charm != app.charm)
    };
    let outdated: Vec<UnitName> = units.iter().map(|u| u.unit.clone()).filter(|u| runs_another(u)).collect();
    if !outdated.is_empty() && app.life == Life::Alive {
        waits.push(ApplicationWait::UpgradeRemains { url: app.charm.url.clone(), units: outdated });
    }
    let unknown = not_taken_up(model, name);
    let linked = unknown.is_empty();
    waits.extend(unknown);
    Some(ApplicationWhy {
        application: name.clone(),
        life: app.life,
        settled: app.life == Life::Alive && linked && units.iter().all(|u| u.settled),
        waits,
        lacking: lacking(model, name),
        units,
    })
}

/// The relations of an application with another model that does not know of them yet.
fn not_taken_up(model: &Model, app: &AppName) -> Vec<ApplicationWait> {
    model
        .relations_of(app)
        .filter(|relation| relation.life == Life::Alive && relation.link.is_none())
        .filter(|relation| relation.ends.iter().any(|end| model.remote_apps.contains_key(&end.app)))
        .map(|r| ApplicationWait::RelationUnknown { relation: r.id, key: r.key() })
        .collect()
}

fn relation_remains(model: &Model, relation: &Relation) -> ApplicationWait {
    let members = model.relation_data.get(&relation.id).into_iter().flat_map(|data| data.members.iter());
    let held_by = members.filter(|(_, member)| member.in_scope).map(|(unit, _)| unit.clone()).collect();
    ApplicationWait::RelationRemains { relation: relation.id, key: relation.key(), held_by }
}

/// The endpoints that an application's charm requires and says are not optional, without a relation.
fn lacking(model: &Model, app: &AppName) -> Vec<Lacking> {
    let Some(charm) = model.charm_of(app) else { return Vec::new() };
    if model.applications.get(app).is_none_or(|a| a.life != Life::Alive) {
        return Vec::new();
    }
    let related: BTreeSet<&EndpointName> = model
        .relations_of(app)
        .filter_map(|relation| relation.end_of(app).map(|end| &end.endpoint))
        .collect();
    let required =
        charm.meta.endpoints_of(Role::Requirer).filter(|(name, e)| !e.optional && !related.contains(name));
    required
        .map(|(name, endpoint)| Lacking {
            endpoint: name.clone(),
            interface: endpoint.interface.clone(),
            offered_by: providers(model, app, &endpoint.interface),
        })
        .collect()
}

fn providers(model: &Model, app: &AppName, interface: &str) -> Vec<AppName> {
    let provides = |other: &AppName| {
        let charm = model.charm_of(other);
        let own = |c: &Charm| c.meta.endpoints_of(Role::Provider).any(|(_, e)| e.interface == interface);
        // Every principal can be looked after by way of the endpoint that nobody declares.
        charm.is_some_and(|c| own(c) || (interface == JUJU_INFO && !c.meta.subordinate))
    };
    model.applications.keys().filter(|other| *other != app && provides(other)).cloned().collect()
}
