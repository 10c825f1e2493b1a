//! From the model to the status document.

use std::collections::BTreeMap;

use periapt_model::apply::JUJU_VERSION;
use periapt_model::charm::Scope;
use periapt_model::charm_url::{CharmUrl, Origin};
use periapt_model::entity::{Application, Charm, Machine, Relation, RelationEnd, Unit};
use periapt_model::model::Model;
use periapt_model::names::AppName;
use periapt_model::status::{AgentStatus, Life, Status, WorkloadStatus};

use super::cross_model::offer_statuses;
use super::select::{Selection, Selector};
use super::subordinates::subordinate_to;
use super::{
    ApplicationRelation, ApplicationStatus, BaseView, ControllerStatus, FullStatus, MachineStatus,
    ModelStatus, NetworkInterface, RelationRow, StatusInfo, UnitStatus,
};
use crate::views::storage::storage_status;
use crate::views::{CLOUD, CONTROLLER, SPACE, Viewpoint};

/// The status document of what `selectors` name, or of everything without any. What it consumes of other models is
/// empty: that takes a look at them, see [`remote_app_statuses`](super::remote_app_statuses).
pub fn full_status(model: &Model, selectors: &[Selector], view: Viewpoint<'_>) -> FullStatus {
    let shown = Selection::of(model, selectors);
    let machines = model.machines.iter().filter(|(id, _)| shown.machines.contains(id));
    let apps = model.applications.iter().filter(|(name, _)| shown.apps.contains(*name));
    FullStatus {
        model: model_status(model, view),
        machines: machines.map(|(id, machine)| (*id, machine_status(model, machine, view))).collect(),
        applications: apps.map(|(name, app)| (name.clone(), application(model, app, &shown, view))).collect(),
        application_endpoints: BTreeMap::new(),
        offers: offer_statuses(model, selectors),
        storage: storage_status(
            model,
            |unit| unit.map_or(selectors.is_empty(), |unit| shown.units.contains(unit)),
            view,
        ),
        controller: ControllerStatus { timestamp: view.zone.time_of_day(view.now) },
    }
}

/// The rows of `status --relations`, of the applications that `selectors` name.
pub fn relation_rows(model: &Model, selectors: &[Selector]) -> Vec<RelationRow> {
    let shown = Selection::of(model, selectors);
    let concerned =
        model.relations.values().filter(|r| r.ends.iter().any(|end| shown.apps.contains(&end.app)));
    concerned.filter_map(|relation| relation_row(model, relation)).collect()
}

fn model_status(model: &Model, view: Viewpoint<'_>) -> ModelStatus {
    let info = &model.info;
    let current = if info.life == Life::Alive { "available" } else { "destroying" };
    ModelStatus {
        name: info.name.to_string(),
        kind: "iaas".to_owned(),
        controller: CONTROLLER.to_owned(),
        cloud: CLOUD.to_owned(),
        region: CLOUD.to_owned(),
        sla: "unsupported".to_owned(),
        version: JUJU_VERSION.to_owned(),
        model_status: StatusInfo {
            current: current.to_owned(),
            since: view.zone.since(info.created),
            ..StatusInfo::default()
        },
    }
}

fn machine_status(model: &Model, machine: &Machine, view: Viewpoint<'_>) -> MachineStatus {
    let info = |current: &str, message: &str| StatusInfo {
        current: current.to_owned(),
        message: message.to_owned(),
        since: view.zone.since(machine.since),
        ..StatusInfo::default()
    };
    let address = vec![machine.address.clone()];
    let loopback = NetworkInterface {
        ip_addresses: address.clone(),
        mac_address: String::new(),
        is_up: true,
        space: SPACE.to_owned(),
    };
    let uuid_start = model.info.uuid.get(..6).unwrap_or(&model.info.uuid);
    MachineStatus {
        juju_status: StatusInfo {
            version: JUJU_VERSION.to_owned(),
            life: life(machine.life),
            ..info("started", "")
        },
        hostname: view.host.hostname.clone(),
        dns_name: machine.address.clone(),
        ip_addresses: address,
        instance_id: format!("{CONTROLLER}-{uuid_start}-{}", machine.id),
        machine_status: info("running", "Running"),
        modification_status: info("applied", ""),
        base: view.host.base.clone(),
        network_interfaces: BTreeMap::from([("lo".to_owned(), loopback)]),
        constraints: machine.constraints.clone(),
        hardware: view.host.hardware.clone(),
    }
}

fn life(life: Life) -> String {
    match life {
        Life::Alive => String::new(),
        other => other.to_string(),
    }
}

fn application(
    model: &Model,
    app: &Application,
    shown: &Selection,
    view: Viewpoint<'_>,
) -> ApplicationStatus {
    let charm = model.charms.get(&app.charm.id);
    let own = |u: &&std::sync::Arc<Unit>| u.principal.is_none() && shown.units.contains(&u.name);
    let units = model.units_of(&app.name).filter(own);
    let status = application_status(model, app);
    let url: Option<CharmUrl> = app.charm.url.parse().ok();
    let origin = url.as_ref().map_or(Origin::Local, |url| url.origin);
    let charm_name = || match (charm, &url) {
        (Some(charm), _) => charm.meta.name.clone(),
        (None, Some(url)) => url.name.to_string(),
        (None, None) => String::new(),
    };
    ApplicationStatus {
        // Juju 3.6 prints the url of a local charm, and of one of the store its name.
        charm: if origin == Origin::Store { charm_name() } else { app.charm.url.clone() },
        base: charm.and_then(|charm| base_of(app, charm)),
        charm_origin: origin.as_str().to_owned(),
        charm_name: charm_name(),
        // Not the number of the charm's own record: applications whose charms have the same content share one.
        charm_rev: url.as_ref().map_or(0, |url| url.revision),
        charm_channel: app.channel.clone(),
        charm_version: charm.and_then(|c| c.version.clone()),
        scale: model.units_of(&app.name).count(),
        exposed: app.exposed,
        life: life(app.life),
        application_status: StatusInfo {
            current: status.status.to_string(),
            message: status.message,
            since: view.zone.since(status.since),
            ..StatusInfo::default()
        },
        relations: relations(model, &app.name),
        subordinate_to: subordinate_to(model, &app.name),
        units: units.map(|unit| (unit.name.clone(), unit_status(model, unit, view))).collect(),
        version: app.workload_version.clone().unwrap_or_default(),
        endpoint_bindings: charm.map(|c| endpoint_bindings(c)).unwrap_or_default(),
    }
}

/// What an application was deployed for, else the first of its charm's bases, without the `stable` risk, as Juju prints it.
pub(crate) fn base_of(app: &Application, charm: &Charm) -> Option<BaseView> {
    let base = app.base.as_ref().or(charm.meta.bases.first())?;
    let channel = base.channel.strip_suffix("/stable").unwrap_or(&base.channel);
    Some(BaseView { name: base.name.clone(), channel: channel.to_owned() })
}

/// Every endpoint is in the one space there is.
pub(crate) fn endpoint_bindings(charm: &Charm) -> BTreeMap<String, String> {
    let endpoints = charm.meta.endpoints.keys().map(ToString::to_string);
    let names =
        std::iter::once(String::new()).chain(endpoints).chain(charm.meta.extra_bindings.iter().cloned());
    names.map(|name| (name, SPACE.to_owned())).collect()
}

/// The status that an application shows: what a leader set, else the worst of its units (reference 7.3).
pub fn application_status(model: &Model, app: &Application) -> Status<WorkloadStatus> {
    if let Some(set) = &app.status {
        return set.clone();
    }
    let units: Vec<_> = model.units_of(&app.name).map(|unit| presented(unit).0).collect();
    let worst = super::worst(units.iter().map(|s| s.status));
    // Of several that are equally bad the first unit's says why.
    match units.into_iter().find(|s| Some(s.status) == worst) {
        Some(status) => status,
        None => Status::new(WorkloadStatus::Unknown, "", model.info.created),
    }
}

/// A unit's statuses as readers see them: a failed hook shows in the workload, while its agent is idle; the workload of
/// an agent that is lost is unknown (reference 7.3; Juju 3.6: `state/unitagent.go`).
pub fn presented(unit: &Unit) -> (Status<WorkloadStatus>, Status<AgentStatus>) {
    let (workload, agent) = (unit.workload.clone(), unit.agent.clone());
    match agent.status {
        AgentStatus::Error => {
            let message = match (agent.message.is_empty(), agent.data.get("hook").and_then(|h| h.as_str())) {
                (true, Some(hook)) => format!("hook failed: \"{hook}\""),
                _ => agent.message.clone(),
            };
            let error = Status {
                status: WorkloadStatus::Error,
                message,
                data: agent.data.clone(),
                since: agent.since,
            };
            (error, Status::new(AgentStatus::Idle, "", agent.since))
        }
        AgentStatus::Lost if workload.status != WorkloadStatus::Error => {
            let message = format!("agent lost, see 'juju show-status-log {}'", unit.name);
            (Status::new(WorkloadStatus::Unknown, message, agent.since), agent)
        }
        _ => (workload, agent),
    }
}

/// One unit, with its subordinates.
pub(crate) fn unit_status(model: &Model, unit: &Unit, view: Viewpoint<'_>) -> UnitStatus {
    let (workload, agent) = presented(unit);
    let wanted = model.applications.get(unit.name.app()).map(|app| &app.charm.id);
    let upgrading = unit.charm.as_ref().filter(|charm| Some(&charm.id) != wanted);
    let subordinates = model.subordinates_of(&unit.name).filter_map(|name| model.units.get(name));
    UnitStatus {
        workload_status: StatusInfo {
            current: workload.status.to_string(),
            message: workload.message,
            since: view.zone.since(workload.since),
            ..StatusInfo::default()
        },
        juju_status: StatusInfo {
            current: agent.status.to_string(),
            message: agent.message,
            since: view.zone.since(agent.since),
            version: JUJU_VERSION.to_owned(),
            life: life(unit.life),
        },
        leader: model.is_leader(&unit.name),
        upgrading_from: upgrading.map(|charm| charm.url.clone()),
        // Juju leaves it out of a subordinate, whose principal has it.
        machine: if unit.principal.is_none() { unit.machine.to_string() } else { String::new() },
        open_ports: open_ports(unit),
        public_address: model.machines.get(&unit.machine).map(|m| m.address.clone()).unwrap_or_default(),
        subordinates: subordinates.map(|s| (s.name.clone(), unit_status(model, s, view))).collect(),
    }
}

/// The ports that a unit has open for any endpoint, each once, by protocol and number.
pub(crate) fn open_ports(unit: &Unit) -> Vec<String> {
    let ranges: std::collections::BTreeSet<_> = unit.ports.values().flatten().collect();
    ranges.into_iter().map(ToString::to_string).collect()
}

fn relations(model: &Model, app: &AppName) -> BTreeMap<String, Vec<ApplicationRelation>> {
    let mut by_endpoint: BTreeMap<String, Vec<ApplicationRelation>> = BTreeMap::new();
    for relation in model.relations_of(app) {
        let (Some(ours), Some(theirs)) = (relation.end_of(app), relation.other_end(app)) else { continue };
        by_endpoint.entry(ours.endpoint.to_string()).or_default().push(ApplicationRelation {
            related_application: theirs.app.clone(),
            interface: ours.interface.clone(),
            scope: scope_word(ours.scope).to_owned(),
        });
    }
    by_endpoint
}

fn scope_word(scope: Scope) -> &'static str {
    match scope {
        Scope::Global => "global",
        Scope::Container => "container",
    }
}

fn relation_row(model: &Model, relation: &Relation) -> Option<RelationRow> {
    let named = |end: &RelationEnd| format!("{}:{}", end.app, end.endpoint);
    let (first, last) = (relation.ends.first()?, relation.ends.last()?);
    let kind = match (relation.is_peer(), relation.is_container()) {
        (true, _) => "peer",
        (false, true) => "subordinate",
        (false, false) => "regular",
    };
    let status = relation_word(model, relation);
    Some(RelationRow {
        id: relation.id,
        provider: named(first),
        requirer: named(last),
        interface: first.interface.clone(),
        kind: kind.to_owned(),
        status: status.to_owned(),
        message: match status {
            "joined" => String::new(),
            "suspended" if !relation.suspended_reason.is_empty() => {
                format!("suspended  - {}", relation.suspended_reason)
            }
            other => other.to_owned(),
        },
    })
}

/// `joining`, `joined`, `suspended` or `broken` (going away).
pub(crate) fn relation_word(model: &Model, relation: &Relation) -> &'static str {
    if relation.life != Life::Alive {
        "broken"
    } else if relation.suspended {
        "suspended"
    } else if relation.ends.iter().all(|end| joined(model, relation, &end.app)) {
        "joined"
    } else {
        "joining"
    }
}

fn joined(model: &Model, relation: &Relation, app: &AppName) -> bool {
    model
        .relation_data
        .get(&relation.id)
        .is_some_and(|data| data.members.iter().any(|(unit, member)| unit.app() == app && member.in_scope))
}
