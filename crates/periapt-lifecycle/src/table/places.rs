//! Where each event may occur (reference 2.2).

use serde::Serialize;

use super::EventKind;

/// A part of a unit's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Until the first `start` has run.
    Setup,
    /// From then on.
    Operation,
    /// From the moment the agent sees that its unit is dying.
    Teardown,
}

/// Whether an event may occur in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "may", content = "when")]
pub enum Presence {
    /// It may.
    Yes,
    /// It never does.
    No,
    /// Only under this condition.
    Only(&'static str),
}

impl Presence {
    /// Whether it may occur at all.
    pub fn is_possible(self) -> bool {
        self != Self::No
    }
}

/// Where one kind of event may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Which kind.
    pub event: EventKind,
    /// While the unit is set up.
    pub setup: Presence,
    /// While it works.
    pub operation: Presence,
    /// While it goes away.
    pub teardown: Presence,
}

impl Place {
    /// Whether it may occur in `phase`.
    pub fn in_phase(&self, phase: Phase) -> Presence {
        match phase {
            Phase::Setup => self.setup,
            Phase::Operation => self.operation,
            Phase::Teardown => self.teardown,
        }
    }
}

const fn at(event: EventKind, setup: Presence, operation: Presence, teardown: Presence) -> Place {
    Place { event, setup, operation, teardown }
}

use EventKind as K;
use Presence::{No, Only, Yes};

/// One row for each kind, in the kinds' order.
pub const PLACES: &[Place] = &[
    at(K::StorageAttached, Yes, Yes, No),
    at(K::Install, Yes, No, No),
    at(K::RelationCreated, Yes, Only("not of a peer relation, unless a refresh added its endpoint"), No),
    at(K::LeaderElected, Yes, Yes, No),
    at(K::LeaderSettingsChanged, Yes, Yes, No),
    at(K::ConfigChanged, Yes, Yes, No),
    at(K::Start, Yes, Only("after a reboot"), No),
    at(K::RelationJoined, No, Yes, No),
    at(K::RelationChanged, No, Yes, Only("the one that belongs to a join")),
    at(K::RelationDeparted, No, Yes, Yes),
    at(K::RelationBroken, No, Yes, Yes),
    at(K::UpdateStatus, No, Yes, No),
    at(K::UpgradeCharm, No, Yes, No),
    at(K::PreSeriesUpgrade, No, Yes, No),
    at(K::PostSeriesUpgrade, No, Yes, No),
    at(K::SecretChanged, Only("after install"), Yes, No),
    at(K::SecretExpired, Only("after install"), Yes, No),
    at(K::SecretRotate, Only("after install"), Yes, No),
    at(K::SecretRemove, Only("after install"), Yes, No),
    at(K::PebbleReady, Only("after install"), Yes, Yes),
    at(K::PebbleCustomNotice, Only("after install"), Yes, Yes),
    at(K::PebbleCheckFailed, Only("after install"), Yes, Yes),
    at(K::PebbleCheckRecovered, Only("after install"), Yes, Yes),
    at(K::CollectMetrics, No, Yes, No),
    at(K::MeterStatusChanged, No, Yes, No),
    at(K::Action, Only("after install"), Yes, Yes),
    at(K::DeferredWake, No, Yes, No),
    at(K::StorageDetaching, No, Yes, Yes),
    at(K::Stop, No, Only("the agent's machine is shut down under Kubernetes"), Yes),
    at(K::Remove, No, No, Yes),
];

/// Where `event` may occur.
pub fn place(event: EventKind) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.event == event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_in_order() {
        let kinds: Vec<EventKind> = PLACES.iter().map(|place| place.event).collect();
        assert_eq!(kinds, EventKind::ALL);
    }
}
