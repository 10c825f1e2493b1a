//! What a hook context can see.

use std::collections::BTreeMap;
use std::sync::Arc;

use periapt_model::charm::{CharmMeta, ConfigValue};
use periapt_model::entity::{Databag, Machine, Relation, Unit};
use periapt_model::hook::{Hook, RelationEvent};
use periapt_model::local::Local;
use periapt_model::model::Model;
use periapt_model::names::{ActionName, AppName, EndpointName, RelationId, TaskId, UnitName};
use periapt_model::status::Life;
use serde_json::Value;

/// The relation a context is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationContext {
    /// Its id.
    pub id: RelationId,
    /// The application on the other side (`JUJU_REMOTE_APP`).
    pub remote_app: AppName,
    /// The unit on the other side (`JUJU_REMOTE_UNIT`).
    pub remote_unit: Option<UnitName>,
}

/// What a context runs.
#[derive(Clone, Debug, PartialEq)]
pub enum ContextKind {
    /// A hook, also a replayed one.
    Hook(Hook),
    /// An action.
    Action {
        /// Its task.
        task: TaskId,
        /// Its name.
        name: ActionName,
        /// Its parameters with defaults.
        params: serde_json::Map<String, Value>,
    },
    /// A command line (`juju exec`, `juju-exec`).
    Exec {
        /// The relation it was given (`juju-exec -r`).
        relation: Option<RelationContext>,
    },
}

/// What a hook context can see. It does not change while the context lives.
#[derive(Clone, Debug)]
pub struct View {
    /// The model as the hook found it, after what was committed at its start.
    pub model: Arc<Model>,
    /// Whose context it is.
    pub unit: UnitName,
    /// What it runs.
    pub context: ContextKind,
    /// The agent's memory: which relations and members the charm has been told of.
    pub local: Local,
}

/// One relation that the context knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownRelation<'a> {
    pub id: RelationId,
    pub endpoint: &'a EndpointName,
    pub remote_app: &'a AppName,
    pub relation: &'a Relation,
}

impl View {
    /// The relation the context is about: its id and who is on the other side.
    pub(crate) fn current_relation(&self) -> Option<(RelationId, &AppName, Option<&UnitName>)> {
        match &self.context {
            ContextKind::Hook(hook) => {
                hook.relation().map(|r| (r.relation, &r.remote_app, r.remote_unit.as_ref()))
            }
            ContextKind::Exec { relation } => {
                relation.as_ref().map(|r| (r.id, &r.remote_app, r.remote_unit.as_ref()))
            }
            ContextKind::Action { .. } => None,
        }
    }

    /// The relation `id`, if the charm knows it and it is still there.
    pub(crate) fn relation(&self, id: RelationId) -> Option<KnownRelation<'_>> {
        let relation = self.model.relations.get(&id)?;
        if let Some(local) = self.local.relations.get(&id) {
            return Some(KnownRelation {
                id,
                endpoint: &local.endpoint,
                remote_app: &local.remote_app,
                relation,
            });
        }
        // A relation's own first hook knows it even where the agent's memory gets it only when that hook is done.
        let ContextKind::Hook(Hook::Relation(hook)) = &self.context else { return None };
        (hook.relation == id).then_some(KnownRelation {
            id,
            endpoint: &hook.endpoint,
            remote_app: &hook.remote_app,
            relation,
        })
    }

    /// Every relation the charm knows, by id.
    pub(crate) fn relations(&self) -> impl Iterator<Item = KnownRelation<'_>> {
        let current = self.current_relation().map(|(id, ..)| id);
        let extra = current.filter(|id| !self.local.relations.contains_key(id));
        self.local.relations.keys().copied().chain(extra).filter_map(|id| self.relation(id))
    }

    /// The remote units whose joined has run, with the one this hook is about unless it departs (Juju 3.6:
    /// `relationcache.go` and `contextfactory.go`). Sorted as text, as Juju does: `a/10` before `a/2`.
    pub(crate) fn members(&self, id: RelationId) -> Vec<String> {
        let mut members: Vec<String> = self
            .local
            .relations
            .get(&id)
            .map(|local| local.members.keys().map(UnitName::to_string).collect())
            .unwrap_or_default();
        if let ContextKind::Hook(Hook::Relation(hook)) = &self.context
            && hook.relation == id
        {
            let unit = hook.remote_unit.as_ref().map(UnitName::to_string);
            match (hook.event, unit) {
                (RelationEvent::Created | RelationEvent::Broken, _) => members.clear(),
                (RelationEvent::Departed, Some(unit)) => members.retain(|member| *member != unit),
                (_, Some(unit)) if !members.contains(&unit) => members.push(unit),
                (_, _) => {}
            }
        }
        members.sort_unstable();
        members
    }

    /// Whether `relation-ids` hides it: it is being broken, or it is going away and nobody is left in it
    /// (Juju since 3.4; juju/juju PR 17464).
    pub(crate) fn is_broken(&self, known: &KnownRelation<'_>) -> bool {
        let in_broken_hook = matches!(&self.context, ContextKind::Hook(Hook::Relation(hook))
            if hook.relation == known.id && hook.event == RelationEvent::Broken);
        in_broken_hook || (known.relation.life != Life::Alive && self.members(known.id).is_empty())
    }

    /// Whether a unit is of our container, where that is the relation's scope, or was when we met it.
    pub(crate) fn may_see(&self, known: &KnownRelation<'_>, unit: &UnitName) -> bool {
        let met =
            || self.local.relations.get(&known.id).is_some_and(|local| local.members.contains_key(unit));
        let about = || match &self.context {
            ContextKind::Hook(Hook::Relation(hook)) => {
                hook.relation == known.id && hook.remote_unit.as_ref() == Some(unit)
            }
            _ => false,
        };
        self.model.sees_in(known.relation, &self.unit, unit) || met() || about()
    }

    /// The unit's own record.
    pub(crate) fn me(&self) -> Option<&Unit> {
        self.model.units.get(&self.unit).map(AsRef::as_ref)
    }

    /// The unit's machine.
    pub(crate) fn machine(&self) -> Option<&Machine> {
        self.model.machines.get(&self.me()?.machine).map(AsRef::as_ref)
    }

    /// The metadata of the charm that runs: of the files in place, and before there are any of what is wanted.
    pub(crate) fn charm(&self) -> Option<&CharmMeta> {
        let installed = self.local.charm.as_ref().or_else(|| self.me()?.charm.as_ref());
        let charm = installed
            .and_then(|charm| self.model.charms.get(&charm.id))
            .or_else(|| self.model.charm_of(self.unit.app()))?;
        Some(&charm.meta)
    }

    /// The value of an option that the charm has: what the operator set, else its default.
    pub(crate) fn config_value(&self, key: &str) -> Option<&ConfigValue> {
        let option = self.charm()?.config.get(key)?;
        let application = self.model.applications.get(self.unit.app());
        application.and_then(|a| a.config.get(key)).or(option.default.as_ref())
    }

    /// The unit databag of `unit` as the hook found it. None where it never was in the relation.
    pub(crate) fn unit_bag(&self, id: RelationId, unit: &UnitName) -> Option<&Databag> {
        self.model.member(id, unit).map(|member| &member.settings)
    }

    /// The application databag of `app` as the hook found it; empty where nobody wrote it.
    pub(crate) fn app_bag(&self, id: RelationId, app: &AppName) -> &Databag {
        static EMPTY: Databag = BTreeMap::new();
        self.model.app_bag(id, app).map_or(&EMPTY, |bag| &bag.settings)
    }
}
