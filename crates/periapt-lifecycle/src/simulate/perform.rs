//! What each action does: an operator's to the model, the others to an agent or to the time.

use std::collections::BTreeMap;

use periapt_model::command::{Command, Deploy, Receiver};
use periapt_model::entity::Charm;
use periapt_model::names::{AppName, UnitName};

use super::Broken;
use super::action::{Action, Ending};
use super::world::World;

impl World {
    /// Makes `action` happen, without checking what must hold after it.
    pub(super) fn perform(&mut self, action: &Action) -> Result<bool, Broken> {
        match action {
            Action::Deploy { app, charm, units } => match self.charms.charm(*charm) {
                Some(charm) => self.command(deploy(app, charm, *units)),
                None => Ok(false),
            },
            Action::AddUnits(app, count) => {
                self.command(Command::AddUnits { app: app.clone(), count: *count })
            }
            Action::RemoveUnit(unit, force) => {
                self.command(Command::RemoveUnits { units: vec![unit.clone()], force: *force })
            }
            Action::RemoveApplication(app, force) => {
                self.command(Command::RemoveApplication { app: app.clone(), force: *force })
            }
            Action::Integrate(a, b) => self.command(Command::Integrate { a: a.clone(), b: b.clone() }),
            Action::RemoveRelation(relation, force) => {
                self.command(Command::RemoveRelation { relation: relation.clone(), force: *force })
            }
            Action::Config(app, size) => self.command(Command::SetConfig {
                app: app.clone(),
                set: BTreeMap::from([("size".to_owned(), size.to_string())]),
                reset: Vec::new(),
            }),
            Action::Trust(app, trust) => self.command(Command::SetTrust { app: app.clone(), trust: *trust }),
            Action::Refresh(app, charm, force_units) => match self.charms.charm(*charm) {
                Some(charm) => self.command(Command::Refresh {
                    app: app.clone(),
                    charm: Some(Box::new(charm)),
                    force_units: *force_units,
                    config: BTreeMap::new(),
                    resources: BTreeMap::new(),
                    channel: None,
                    trust: None,
                }),
                None => Ok(false),
            },
            Action::Resolve(unit, how) => {
                self.command(Command::Resolve { units: vec![unit.clone()], all: false, how: *how })
            }
            Action::Run(unit) => {
                let Ok(action) = "act".parse() else { return Ok(false) };
                let receivers = vec![Receiver::Unit(unit.clone())];
                self.command(Command::Run { receivers, action, params: serde_json::Map::new() })
            }
            Action::CancelTask => {
                let newest =
                    self.driver.model.tasks.values().rev().find(|t| !t.status.is_final()).map(|t| t.id);
                newest.map_or(Ok(false), |task| self.command(Command::CancelTask { task }))
            }
            Action::Setting(key, value) => self.command(Command::SetModelConfig {
                set: BTreeMap::from([(key.clone(), value.clone())]),
                reset: Vec::new(),
            }),
            Action::Storage(action) => self.perform_on_storage(action),
            Action::Observe(unit, ago) => Ok(self.driver.observe(unit, *ago)),
            Action::Decide(unit) => self.driver.decide(unit),
            Action::End(unit, ending, choice) => self.end(unit, *ending, *choice),
            Action::Pass(span) => {
                self.driver.pass_to(self.driver.now + *span);
                Ok(true)
            }
            Action::PassToTimer => Ok(self.driver.pass_to_timer()),
            Action::KillAgent(unit, ending, choice) => self.kill_agent(unit, *ending, *choice),
            Action::Usurp(unit, choice) => self.usurp(unit, *choice),
            Action::KillDaemon => {
                let units: Vec<UnitName> = self.driver.agents.keys().cloned().collect();
                for unit in &units {
                    self.kill_agent(unit, Ending::Killed, 0)?;
                }
                Ok(!units.is_empty())
            }
            Action::Reboot(unit) => {
                *self.driver.boots.entry(unit.clone()).or_default() += 1;
                self.kill_agent(unit, Ending::Killed, 0)
            }
            Action::LoseLease(app) => {
                let Some(unit) = self.driver.model.leaders.get(app).map(|l| l.unit.clone()) else {
                    return Ok(false);
                };
                self.faults += 1;
                self.command(Command::LeaseEnded { app: app.clone(), unit })
            }
        }
    }
}

fn deploy(app: &AppName, charm: Charm, units: u32) -> Command {
    let units = if charm.meta.subordinate { 0 } else { units };
    Command::Deploy(Box::new(Deploy {
        name: Some(app.clone()),
        charm,
        units,
        config: BTreeMap::new(),
        trust: false,
        resources: BTreeMap::new(),
        constraints: String::new(),
        channel: None,
        force: false,
    }))
}
