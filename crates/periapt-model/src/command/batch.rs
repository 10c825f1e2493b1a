//! Changes that are made together, or not at all.

use serde::{Deserialize, Serialize};

use super::Command;
use crate::names::{AppName, MachineId};
use crate::shape::Shape;

/// See [`Command::Batch`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The changes.
    pub steps: Vec<Step>,
    /// What of the model they were planned from. Where it has changed, all of them are refused; what it does not name may
    /// be whatever it is.
    #[serde(default)]
    pub expect: Shape,
}

/// One of the changes of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What it is to whoever asks, such as a place in a file. A refusal begins with it; empty: it does not.
    #[serde(default)]
    pub of: String,
    /// What it does.
    pub change: BatchChange,
}

/// What a step of a batch does. It sees what the steps before it did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchChange {
    /// What a bundle may say of applications, relations and offers; any other command is refused.
    Command(Box<Command>),
    /// A new machine for units of later steps. As one that is made for a unit it goes with its last unit, and without any
    /// the batch is refused.
    Machine {
        /// As typed: `mem=2G cores=4`.
        #[serde(default)]
        constraints: String,
    },
    /// A new unit.
    Unit {
        /// Of which application.
        app: AppName,
        /// Where it goes.
        place: Place,
    },
}

/// Where a unit of a batch goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// To a machine of its own.
    #[default]
    New,
    /// To this machine of the model.
    Machine(MachineId),
    /// To the machine that this earlier step made, or put a unit on. Steps are counted from 0.
    Step(usize),
}
