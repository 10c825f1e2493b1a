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
}

impl Machine {
    /// The address of machine `id` in the `process` substrate: below 127.77.0.0/16, so that two units of one
    /// application can listen on the same port of the same host.
    pub fn loopback_address(id: crate::names::MachineId) -> String {
        // .0 and .255 are left out: some programs take them for network and broadcast addresses.
        let (high, low) = ((id.0 / 254) % 256, id.0 % 254 + 1);
        format!("127.77.{high}.{low}")
    }
}
