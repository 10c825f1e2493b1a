//! The agents of a model: one for each of its units, started as units come and forgotten as they go.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use periapt_context::known_commands;
use periapt_model::log::Level;
use periapt_model::model::Model;
use periapt_model::names::{MachineId, UnitName};
use tokio::task::{Id, JoinHandle, JoinSet};

use crate::control::Control;
use crate::folder::{self, FolderError, UnitFolder};
use crate::leftover::Footprint;
use crate::machine::{self, MachineTasks};
use crate::report::Report;
use crate::shared::{AgentOptions, Shared};
use crate::storage;
use crate::unit::{Ended, UnitAgent};

/// Not hook commands: they ask the daemon for a context of their own (reference 3.1).
const EXEC_COMMANDS: [&str; 2] = ["juju-exec", "juju-run"];

/// An agent that failed is started again after this.
const START_AGAIN: Duration = Duration::from_secs(5);

/// The agents of one model. Dropped, they are asked to stop, but nobody waits for them: see [`Agents::shutdown`].
pub struct Agents {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

/// The agents of a model could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the agents of model {model:?}: {source}")]
pub struct StartError {
    model: String,
    source: Box<FolderError>,
}

impl Agents {
    /// Starts an agent for each unit of the model that `control` controls, and for those that will come. Must be called
    /// within a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// The folders that all agents share cannot be made.
    pub fn start(control: Arc<dyn Control>, options: AgentOptions) -> Result<Self, StartError> {
        let tools = options.tools_dir();
        let made = folder::make_tools(&tools, &options.hook_program, known_commands()).and_then(|()| {
            let program = options.exec_program.as_deref();
            program.map_or(Ok(()), |program| folder::make_tools(&tools, program, EXEC_COMMANDS))
        });
        made.map_err(|source| StartError {
            model: control.snapshot().info.name.to_string(),
            source: Box::new(source),
        })?;
        let shared = Arc::new(Shared::new(control, options));
        let supervisor = Supervisor {
            shared: Arc::clone(&shared),
            agents: JoinSet::new(),
            units: HashMap::new(),
            machine_tasks: MachineTasks::new(Arc::clone(&shared)),
            machines: BTreeSet::new(),
        };
        Ok(Self { shared, supervisor: Some(tokio::spawn(supervisor.run())) })
    }

    /// Stops all agents and waits for them. Hooks that run are ended, recorded as interrupted, and run again when the
    /// agents start again.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        if let Some(supervisor) = self.supervisor.take() {
            let _ = supervisor.await;
        }
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    agents: JoinSet<(UnitName, Ended)>,
    /// The units that need no new agent: None for those that are somebody else's.
    units: HashMap<UnitName, Option<Id>>,
    /// What runs on machines themselves.
    machine_tasks: MachineTasks,
    /// The machines that were there at the last look.
    machines: BTreeSet<MachineId>,
}

impl Supervisor {
    async fn run(mut self) {
        self.remove_strays().await;
        let storages = tokio::spawn(storage::keep(Arc::clone(&self.shared)));
        let mut changes = self.shared.control.watch_units();
        let mut watching = true;
        loop {
            let stopping = self.shared.stop.is_cancelled();
            if stopping && self.agents.is_empty() && self.machine_tasks.is_empty() {
                // The model may have ended since the last look: then what its units and machines left is ended now.
                self.remove_strays().await;
                let _ = storages.await;
                return;
            }
            if !stopping {
                changes.borrow_and_update();
                self.start_missing();
                self.forget_machines().await;
            }
            tokio::select! {
                changed = changes.changed(), if watching && !stopping => watching = changed.is_ok(),
                Some(ended) = self.agents.join_next_with_id() => match ended {
                    Ok((_, (unit, ended))) => self.ended(unit, ended).await,
                    Err(error) => self.died(error.id(), &error.to_string()),
                },
                () = self.machine_tasks.one_ended() => {}
                () = self.shared.stop.cancelled(), if !stopping => {}
            }
        }
    }

    /// Ends what runs on machines that are gone, and removes their folders.
    async fn forget_machines(&mut self) {
        let model = self.shared.control.snapshot();
        let gone = self.machines.iter().any(|id| !model.machines.contains_key(id));
        self.machines = model.machines.keys().copied().collect();
        if gone {
            let shared = Arc::clone(&self.shared);
            let _ = tokio::task::spawn_blocking(move || machine::remove_strays(&shared)).await;
        }
    }

    fn start_missing(&mut self) {
        let model = self.shared.control.snapshot();
        self.units.retain(|unit, agent| agent.is_some() || model.units.contains_key(unit));
        for unit in model.units.keys() {
            if !self.units.contains_key(unit) {
                self.start(unit.clone(), Duration::ZERO);
            }
        }
        self.machine_tasks.start_missing(&model);
    }

    fn start(&mut self, unit: UnitName, delay: Duration) {
        let shared = Arc::clone(&self.shared);
        let name = unit.clone();
        let agent = self.agents.spawn(async move {
            if !delay.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(delay) => {}
                    () = shared.stop.cancelled() => return (name, Ended::Stopped),
                }
            }
            let ended = UnitAgent::new(shared, name.clone()).run().await;
            (name, ended)
        });
        self.units.insert(unit, Some(agent.id()));
    }

    async fn ended(&mut self, unit: UnitName, ended: Ended) {
        match ended {
            Ended::Stopped => drop(self.units.remove(&unit)),
            Ended::Fenced => {
                self.report(&unit)
                    .uniter(Level::Warning, "another agent has taken the unit: this one has stopped");
                self.units.insert(unit, None);
            }
            Ended::Gone => {
                self.units.remove(&unit);
                self.report(&unit)
                    .uniter(Level::Info, format!("unit {:?} shutting down: it is gone", unit.to_string()));
                let folder = UnitFolder::new(&self.shared.options.model_dir, &unit);
                let substrate = Arc::clone(&self.shared.substrate);
                let shared = Arc::clone(&self.shared);
                let gone = unit.clone();
                let removed = tokio::task::spawn_blocking(move || {
                    // An agent that finds its unit gone when it starts has not ended what its predecessor left.
                    if let Some(footprint) = Footprint::read(&folder.footprint()) {
                        substrate.end_leftover(&footprint);
                    }
                    substrate.end_machine(folder.path());
                    end_in_storages(&shared, &gone, &shared.control.snapshot());
                    if shared.options.keep_folders { Ok(()) } else { folder.remove() }
                });
                if let Ok(Err(error)) = removed.await {
                    self.report(&unit)
                        .uniter(Level::Warning, format!("cannot remove the unit's folder: {error}"));
                }
            }
            Ended::Failed(why) => self.start_again(unit, &why),
        }
    }

    /// An agent panicked.
    fn died(&mut self, agent: Id, why: &str) {
        let unit = self.units.iter().find(|(_, id)| **id == Some(agent)).map(|(unit, _)| unit.clone());
        if let Some(unit) = unit {
            self.start_again(unit, why);
        }
    }

    fn start_again(&mut self, unit: UnitName, why: &str) {
        self.report(&unit).uniter(Level::Error, format!("the agent has failed and starts again: {why}"));
        self.start(unit, START_AGAIN);
    }

    fn report(&self, unit: &UnitName) -> Report {
        Report::new(Arc::clone(&self.shared.control), unit)
    }

    /// Removes the folders of units that went away while no daemon ran, and what still runs in them.
    async fn remove_strays(&self) {
        let shared = Arc::clone(&self.shared);
        let removed = tokio::task::spawn_blocking(move || {
            storage::take_over_all(&shared.options.model_dir);
            let model = shared.control.snapshot();
            let entries =
                fs::read_dir(shared.options.model_dir.join("agents")).into_iter().flatten().flatten();
            let units: HashSet<UnitName> =
                entries.filter_map(|entry| UnitName::from_tag(entry.file_name().to_str()?)).collect();
            for unit in units.into_iter().filter(|unit| !model.units.contains_key(unit)) {
                let folder = UnitFolder::new(&shared.options.model_dir, &unit);
                if let Some(footprint) = Footprint::read(&folder.footprint()) {
                    shared.substrate.end_leftover(&footprint);
                }
                shared.substrate.end_machine(folder.path());
                end_in_storages(&shared, &unit, &model);
                if !shared.options.keep_folders {
                    let _ = folder.remove();
                }
            }
            machine::remove_strays(&shared);
        });
        let _ = removed.await;
    }
}

/// Ends what a unit that is gone left running in the storages it had.
fn end_in_storages(shared: &Shared, unit: &UnitName, model: &Model) {
    for left in storage::left_behind(&shared.options.model_dir, unit, model) {
        match left.kept {
            true => shared.substrate.end_unit_in(unit, &left.data),
            false => shared.substrate.end_machine(&left.data),
        }
    }
}
