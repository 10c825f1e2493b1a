//! `show-unit` (reference 8.3).

use std::collections::BTreeMap;

use periapt_model::entity::{Member, Relation, Unit};
use periapt_model::model::Model;
use periapt_model::names::{RelationId, UnitName};
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Viewpoint;
use super::status::{UnitStatus, build_unit_status, open_ports};

/// One unit in a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RelationUnit {
    /// Whether the other side sees it.
    pub in_scope: bool,
    /// Its databag.
    pub data: BTreeMap<String, String>,
}

/// One relation of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RelationInfo {
    /// Its number.
    #[schema(value_type = u32)]
    pub relation_id: RelationId,
    /// Our endpoint.
    pub endpoint: String,
    /// Whether the other side is in another model; absent when it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cross_model: bool,
    /// The endpoint on the other side.
    pub related_endpoint: String,
    /// The databag of the application on the other side.
    pub application_data: BTreeMap<String, String>,
    /// Our own place in it. As in Juju it is there, and empty, before we entered and with `--app` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_unit: Option<RelationUnit>,
    /// The units on the other side.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, RelationUnit>)]
    pub related_units: BTreeMap<UnitName, RelationUnit>,
}

/// One unit, as `show-unit` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShowUnit {
    /// What `application-version-set` set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_version: Option<String>,
    /// Where it runs.
    pub machine: String,
    /// `80/tcp`.
    pub opened_ports: Vec<String>,
    /// Where it is reached.
    pub public_address: String,
    /// The charm it runs; its application's before it has any.
    pub charm: String,
    /// Whether it leads.
    pub leader: bool,
    /// `alive`, `dying` or `dead`.
    pub life: String,
    /// Its relations, by number.
    pub relation_info: Vec<RelationInfo>,
}

/// What of a unit is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFilter {
    /// `--endpoint`: only the relations of this endpoint.
    pub endpoint: Option<String>,
    /// `--related-unit`: only the relations with this unit, and only it.
    pub related_unit: Option<UnitName>,
    /// `--app`: application databags only.
    pub app_only: bool,
}

/// One unit, or None when it is not there.
pub fn show_unit(model: &Model, name: &UnitName, filter: &UnitFilter) -> Option<ShowUnit> {
    let unit = model.units.get(name)?;
    let app = model.applications.get(name.app())?;
    let relations = model.relations_of(name.app());
    Some(ShowUnit {
        workload_version: unit.workload_version.clone(),
        machine: unit.machine.to_string(),
        opened_ports: open_ports(unit),
        public_address: model.machines.get(&unit.machine).map(|m| m.address.clone()).unwrap_or_default(),
        charm: unit.charm.as_ref().unwrap_or(&app.charm).url.clone(),
        leader: model.is_leader(name),
        life: unit.life.to_string(),
        relation_info: relations
            .filter_map(|relation| relation_info(model, unit, relation, filter))
            .collect(),
    })
}

fn relation_info(
    model: &Model,
    unit: &Unit,
    relation: &Relation,
    filter: &UnitFilter,
) -> Option<RelationInfo> {
    let (ours, theirs) = (relation.end_of(unit.name.app())?, relation.other_end(unit.name.app())?);
    if !model.takes_part(relation, &unit.name) {
        return None;
    }
    if filter.endpoint.as_deref().is_some_and(|wanted| wanted != ours.endpoint.as_str()) {
        return None;
    }
    let shown = |member: &Member| RelationUnit { in_scope: member.in_scope, data: member.settings.clone() };
    let data = model.relation_data.get(&relation.id);
    let members = data.into_iter().flat_map(|d| d.members.iter());
    let related: BTreeMap<UnitName, RelationUnit> = members
        .filter(|(name, _)| name.app() == &theirs.app && **name != unit.name)
        .filter(|(name, _)| model.sees_in(relation, &unit.name, name))
        .filter(|(name, _)| filter.related_unit.as_ref().is_none_or(|wanted| wanted == *name))
        // What left a living relation is not shown; Juju forgets it at once.
        .filter(|(_, member)| member.in_scope || relation.life != Life::Alive)
        .map(|(name, member)| (name.clone(), shown(member)))
        .collect();
    if filter.related_unit.is_some() && related.is_empty() {
        return None;
    }
    let bag = model.app_bag(relation.id, &theirs.app);
    let own = model.member(relation.id, &unit.name).map(|member| shown(member));
    Some(RelationInfo {
        relation_id: relation.id,
        endpoint: ours.endpoint.to_string(),
        cross_model: model.remote_apps.contains_key(&theirs.app),
        related_endpoint: theirs.endpoint.to_string(),
        application_data: bag.map(|bag| bag.settings.clone()).unwrap_or_default(),
        local_unit: Some(
            own.filter(|_| !filter.app_only)
                .unwrap_or(RelationUnit { in_scope: false, data: BTreeMap::new() }),
        ),
        related_units: if filter.app_only { BTreeMap::new() } else { related },
    })
}

/// The part of the status document that is about one unit.
pub fn unit_status(model: &Model, name: &UnitName, view: Viewpoint<'_>) -> Option<UnitStatus> {
    Some(build_unit_status(model, model.units.get(name)?, view))
}
