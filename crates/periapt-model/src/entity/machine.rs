//! Machines: where units run.

use serde::{Deserialize, Serialize};

use crate::names::MachineId;
use crate::status::Life;
use crate::time::Timestamp;

/// A machine. In the `process` substrate it is a folder and a loopback address of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its number.
    pub id: MachineId,
    /// Whether it is going away.
    pub life: Life,
    /// Where its units are reached.
    pub address: String,
    /// When it was made.
    pub since: Timestamp,
    /// Added by hand: it stays when its last unit goes.
    #[serde(default)]
    pub kept: bool,
    /// What it was made with, in [`Constraints`](crate::constraints::Constraints)' text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub constraints: String,
}

impl Machine {
    /// A machine that goes with its last unit, without constraints.
    #[must_use]
    pub fn new(id: MachineId, address: String, since: Timestamp) -> Self {
        Self { id, life: Life::Alive, address, since, kept: false, constraints: String::new() }
    }

    /// How many addresses a model has; the numbers of machines go round in them.
    pub const ADDRESSES: u32 = 254 * 256;
    /// How many models have addresses of their own; the numbers of networks go round in them.
    pub const NETWORKS: u8 = 178;

    /// The address of machine `id` in the `process` substrate, so that two units can listen on the same port of the
    /// same host: below 127.77.0.0/16 in the first model, 127.78.0.0/16 in the second, and so on.
    pub fn loopback_address(network: u8, id: MachineId) -> String {
        // .0 and .255 are left out: some programs take them for network and broadcast addresses.
        let (high, low) = ((id.0 / 254) % 256, id.0 % 254 + 1);
        format!("127.{}.{high}.{low}", 77 + network % Self::NETWORKS)
    }
}
