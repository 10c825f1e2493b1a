//! What operators do to storages in a simulated model, and what must hold of storages whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use periapt_model::command::{Command, Deploy, StorageCommand, StorageOptions};
use periapt_model::entity::{StorageDirective, StorageFate, StoragePool};
use periapt_model::model::Model;
use periapt_model::names::{AppName, StorageId, StorageName, UnitName};
use periapt_model::status::Life;
use serde::{Deserialize, Serialize};

use super::Broken;
use super::action::Action;
use super::charms::Charms;
use super::rng::Rng;
use super::world::World;

/// Something that an operator does to storages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorageAction {
    /// An application comes, whose storages outlive its units.
    Deploy {
        /// Its name.
        app: AppName,
        /// Which charm, counted from 0.
        charm: usize,
        /// Which of the charm's storages.
        name: StorageName,
    },
    /// A unit comes, with a storage that is there.
    AddUnit(AppName, StorageId),
    /// One more storage for a unit; of a pool whose storages outlive their units if true.
    Add(UnitName, StorageName, bool),
    /// A storage goes to a unit.
    Attach(UnitName, StorageId),
    /// A unit lets go of a storage; by force if true.
    Detach(StorageId, bool),
    /// A storage goes, wherever it is; its data is put aside if true.
    Remove(StorageId, bool),
    /// A unit goes with its storages; by force if true.
    DestroyUnit(UnitName, bool),
    /// The data of released storages has been put aside.
    PutAside,
}

/// What is known of storages beside the model.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// Those that nobody but an operator may make go.
    kept: BTreeSet<StorageId>,
    /// Those that an operator has made go.
    doomed: BTreeSet<StorageId>,
}

/// Something to do about storages, where there are any.
pub(super) fn draw(world: &World, rng: &mut Rng, app: &AppName, unit: Option<&UnitName>) -> Option<Action> {
    let model = &world.driver.model;
    let all: Vec<StorageId> = model.storages.keys().cloned().collect();
    let loose: Vec<StorageId> =
        model.storages.values().filter(|storage| storage.owner.is_none()).map(|s| s.id.clone()).collect();
    let names: Vec<StorageName> =
        model.charm_of(app).map(|charm| charm.meta.storages.keys().cloned().collect()).unwrap_or_default();
    let action = match rng.below(12) {
        0 => {
            let app = AppName::new("store").ok()?;
            StorageAction::Deploy { app, charm: 0, name: StorageName::new("data").ok()? }
        }
        1 => StorageAction::AddUnit(app.clone(), rng.pick(&loose)?.clone()),
        2 => StorageAction::Add(unit?.clone(), rng.pick(&names)?.clone(), rng.chance(60)),
        3..6 => StorageAction::Attach(unit?.clone(), rng.pick(&loose).or(rng.pick(&all))?.clone()),
        6..9 => StorageAction::Detach(rng.pick(&all)?.clone(), rng.chance(25)),
        9 => StorageAction::Remove(rng.pick(&all)?.clone(), rng.chance(40)),
        10 => StorageAction::DestroyUnit(unit?.clone(), rng.chance(25)),
        _ => StorageAction::PutAside,
    };
    Some(Action::Storage(action))
}

fn on(command: StorageCommand) -> Command {
    Command::Storage(command)
}

fn outlives(name: &StorageName) -> BTreeMap<StorageName, StorageDirective> {
    let directive = StorageDirective { pool: Some(StoragePool::Lxd), ..StorageDirective::default() };
    BTreeMap::from([(name.clone(), directive)])
}

fn broken(text: String) -> Result<(), Broken> {
    Err(Broken { invariant: "storages", text })
}

impl World {
    pub(super) fn perform_on_storage(&mut self, action: &StorageAction) -> Result<bool, Broken> {
        let mut doomed = BTreeSet::new();
        let command = match action {
            StorageAction::Deploy { app, charm, name } => {
                let Some(charm) = self.charms.charm(*charm) else { return Ok(false) };
                let deploy = Deploy {
                    name: Some(app.clone()),
                    charm,
                    units: 2,
                    config: BTreeMap::new(),
                    trust: false,
                    resources: BTreeMap::new(),
                    constraints: String::new(),
                    channel: None,
                    force: false,
                };
                let storage = StorageOptions { directives: outlives(name), attach: Vec::new() };
                Command::DeployTo { deploy: Box::new(deploy), placement: Vec::new(), storage }
            }
            StorageAction::AddUnit(app, id) => Command::AddUnitsTo {
                app: app.clone(),
                count: 1,
                placement: Vec::new(),
                attach: vec![id.clone()],
            },
            StorageAction::Add(unit, name, stays) => {
                let storages = match stays {
                    true => outlives(name),
                    false => BTreeMap::from([(name.clone(), StorageDirective::default())]),
                };
                on(StorageCommand::Add { unit: unit.clone(), storages })
            }
            StorageAction::Attach(unit, id) => {
                on(StorageCommand::Attach { unit: unit.clone(), ids: vec![id.clone()] })
            }
            StorageAction::Detach(id, force) => {
                on(StorageCommand::Detach { ids: vec![id.clone()], force: *force })
            }
            StorageAction::Remove(id, release) => {
                doomed.insert(id.clone());
                let fate = if *release { StorageFate::Release } else { StorageFate::Destroy };
                on(StorageCommand::Remove { ids: vec![id.clone()], force: true, fate })
            }
            StorageAction::DestroyUnit(unit, force) => {
                doomed.extend(self.driver.model.storages_of(unit).cloned());
                let removal = Command::RemoveUnits { units: vec![unit.clone()], force: *force };
                on(StorageCommand::DestroyWith(Box::new(removal)))
            }
            StorageAction::PutAside => {
                let ids: Vec<StorageId> = self.driver.model.storages.keys().cloned().collect();
                on(StorageCommand::PutAside { ids })
            }
        };
        let done = self.command(command)?;
        if done {
            self.storages.doomed.append(&mut doomed);
        }
        Ok(done)
    }

    /// A storage has one unit or none, and is only lost when somebody says so or it goes with its unit.
    pub(super) fn check_storages(&mut self) -> Result<(), Broken> {
        let model = &self.driver.model;
        let lost = self.storages.kept.iter().find(|id| !model.storages.contains_key(*id));
        if let Some(id) = lost.filter(|id| !self.storages.doomed.contains(id)) {
            return broken(format!("{id} is gone, and nobody asked for that"));
        }
        for storage in model.storages.values() {
            let id = &storage.id;
            if id.number >= model.info.next_storage {
                return broken(format!("{id} may be made a second time"));
            }
            let unit = match &storage.owner {
                None if storage.detaching || storage.life == Life::Dying => {
                    return broken(format!("{id} is nobody's, and still going: {storage:?}"));
                }
                None => continue,
                Some(unit) => unit,
            };
            if !model.units.contains_key(unit) {
                return broken(format!("{id} belongs to {unit}, which is gone"));
            }
            if !model.storages_of(unit).any(|of| of == id) {
                return broken(format!("{id} belongs to {unit}, which does not have it"));
            }
        }
        let owned = model.storages.values().filter(|storage| storage.owner.is_some()).count();
        let had: usize = model.units.keys().map(|unit| model.storages_of(unit).count()).sum();
        if had != owned {
            return broken(format!("{owned} storages have a unit, and units have {had}"));
        }
        within_bounds(model, &self.charms)?;
        let kept = model.storages.values().filter(|storage| storage.outlives_unit());
        self.storages.kept = kept.map(|storage| storage.id.clone()).collect();
        Ok(())
    }
}

/// No unit has more than its charm allows. A refresh may lower that below what is there, so any charm will do.
fn within_bounds(model: &Model, charms: &Charms) -> Result<(), Broken> {
    for unit in model.units.keys() {
        let mut counts: BTreeMap<&StorageName, u32> = BTreeMap::new();
        model.storages_of(unit).for_each(|id| *counts.entry(&id.name).or_default() += 1);
        if let Some((name, count)) =
            counts.into_iter().find(|(name, count)| *count > charms.most_storages(name))
        {
            return broken(format!("{unit} has {count} of {name}"));
        }
    }
    Ok(())
}
