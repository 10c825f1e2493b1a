//! What can happen in a simulated model. An action holds every choice it makes, so that a list of them can be run again
//! with some left out; one that makes no sense any more is passed over.

use std::time::Duration;

use periapt_model::command::{EndpointRef, RelationRef};
use periapt_model::names::{AppName, UnitName};
use periapt_model::remote::Resolve;
use serde::{Deserialize, Serialize};

use super::storages::StorageAction;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Exit 0.
    Done,
    /// The charm has no such hook.
    Missing,
    /// Exit 1.
    Failed,
    /// Killed, before its framework stored anything.
    Killed,
    /// Killed, after its framework stored its queue of deferred events.
    KilledLate,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// An application comes.
    Deploy {
        /// Its name.
        app: AppName,
        /// Which charm, counted from 0.
        charm: usize,
        /// How many units.
        units: u32,
    },
    /// Units come.
    AddUnits(AppName, u32),
    /// A unit goes; by force if true.
    RemoveUnit(UnitName, bool),
    /// An application goes; by force if true.
    RemoveApplication(AppName, bool),
    /// A relation comes.
    Integrate(EndpointRef, EndpointRef),
    /// A relation goes; by force if true.
    RemoveRelation(RelationRef, bool),
    /// The option `size` is set.
    Config(AppName, u32),
    /// Trust is set.
    Trust(AppName, bool),
    /// Another charm; also under failed hooks if true.
    Refresh(AppName, usize, bool),
    /// A unit in error is to go on.
    Resolve(UnitName, Resolve),
    /// An action is to run on a unit.
    Run(UnitName),
    /// Something about storages.
    Storage(StorageAction),
    /// The newest task is cancelled.
    CancelTask,
    /// A model setting is set.
    Setting(String, String),
    /// An agent looks at the model, as it was this many changes ago.
    Observe(UnitName, usize),
    /// An agent decides, and what it decides begins.
    Decide(UnitName),
    /// A unit's process ends; the number chooses what the charm did.
    End(UnitName, Ending, u64),
    /// Time passes.
    Pass(Duration),
    /// Time passes until the first timer of an agent is due.
    PassToTimer,
    /// A unit's agent and process die; another agent takes the unit.
    KillAgent(UnitName, Ending, u64),
    /// As `KillAgent`, but the old agent is only cut off: it commits its step's end afterwards, and must be refused.
    Usurp(UnitName, u64),
    /// The whole daemon dies and comes back.
    KillDaemon,
    /// The machine of a unit reboots.
    Reboot(UnitName),
    /// The lease of an application's leader runs out.
    LoseLease(AppName),
}
