//! The log lines of one unit's agent, under Juju's module names and in Juju's words: tools read them
//! (Juju 3.6: `internal/worker/uniter`).

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use periapt_model::log::{Level, LogLine};
use periapt_model::names::{MachineId, UnitName};
use periapt_model::time::Timestamp;

use crate::control::Control;

/// The module of lines about operations.
pub(crate) const OPERATION: &str = "juju.worker.uniter.operation";
/// The module of lines about the agent itself.
pub(crate) const UNITER: &str = "juju.worker.uniter";

/// Writes a moment in the life of a dispatch to the daemon's own log, for whoever measures what an agent adds to it:
/// `decided`, `started` (the process), `ended` (the process), `committed`. Off unless `PERIAPT_LOG` asks for it.
pub(crate) fn moment(unit: &UnitName, what: &str) {
    tracing::trace!(target: "periapt_agent::moments", "{what} {unit}");
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Where one unit's agent and charm log.
#[derive(Clone)]
pub(crate) struct Report {
    control: Arc<dyn Control>,
    entity: Arc<str>,
}

impl Report {
    pub(crate) fn new(control: Arc<dyn Control>, unit: &UnitName) -> Self {
        Self { control, entity: unit.tag().into() }
    }

    /// Of a machine.
    pub(crate) fn of_machine(control: Arc<dyn Control>, machine: MachineId) -> Self {
        Self { control, entity: format!("machine-{machine}").into() }
    }

    /// Writes one line.
    pub(crate) fn log(&self, level: Level, module: &str, message: impl Into<String>) {
        self.control.log(LogLine {
            at: now(),
            entity: self.entity.as_ref().to_owned(),
            level,
            module: module.to_owned(),
            message: message.into(),
        });
    }

    /// Writes a line about an operation.
    pub(crate) fn operation(&self, level: Level, message: impl Into<String>) {
        self.log(level, OPERATION, message);
    }

    /// Writes a line about the agent itself.
    pub(crate) fn uniter(&self, level: Level, message: impl Into<String>) {
        self.log(level, UNITER, message);
    }
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Report").field(&self.entity).finish()
    }
}
