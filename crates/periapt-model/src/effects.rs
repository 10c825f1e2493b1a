//! What a hook has done so far that only counts when it ends well (reference 4.1, "buffered").

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::deferral::DeferralReport;
use crate::names::{RelationId, StorageName};
use crate::wake::WakeChange;

/// The wire protocol of an opened port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// No ports, one per unit.
    Icmp,
    /// The default.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A range of ports: `80/tcp`, `1000-2000/udp` or `icmp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    /// Its protocol.
    pub protocol: Protocol,
    /// The first port, 1 to 65535; 0 for icmp.
    pub from: u16,
    /// The last port, not below `from`.
    pub to: u16,
}

impl PortRange {
    /// Whether the two overlap without being the same.
    pub fn conflicts_with(&self, other: &PortRange) -> bool {
        self != other && self.protocol == other.protocol && self.from <= other.to && other.from <= self.to
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.protocol, self.from == self.to) {
            (Protocol::Icmp, _) => "icmp".to_owned(),
            (protocol, true) => format!("{}/{protocol}", self.from),
            (protocol, false) => format!("{}-{}/{protocol}", self.from, self.to),
        };
        f.pad(&text)
    }
}

/// A text that is no port range, with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPortRange(pub String);

impl FromStr for PortRange {
    type Err = InvalidPortRange;

    /// Reads `P`, `P/proto`, `P-Q/proto` and `icmp`; the protocol in any case, tcp by default.
    fn from_str(text: &str) -> Result<Self, InvalidPortRange> {
        if text.eq_ignore_ascii_case("icmp") {
            return Ok(Self { protocol: Protocol::Icmp, from: 0, to: 0 });
        }
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "icmp" => {
                return Err(InvalidPortRange(format!("invalid port range {text:?}: icmp takes no port")));
            }
            _ => {
                return Err(InvalidPortRange(format!(
                    "invalid protocol {protocol:?}, expected \"tcp\", \"udp\", or \"icmp\""
                )));
            }
        };
        let port = |p: &str| match p.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ if !p.is_empty() && p.bytes().all(|digit| digit.is_ascii_digit()) => {
                Err(InvalidPortRange(format!("invalid port {p:?}: must be between 1 and 65535")))
            }
            _ => Err(InvalidPortRange(format!(
                "expected <port>[/<protocol>] or <from>-<to>[/<protocol>] or icmp; got {text:?}"
            ))),
        };
        let (from, to) = match ports.split_once('-') {
            Some((from, to)) => (port(from)?, port(to)?),
            None => (port(ports)?, port(ports)?),
        };
        if from > to {
            return Err(InvalidPortRange(format!(
                "invalid port range {from}-{to}/{protocol}; expected fromPort <= toPort"
            )));
        }
        Ok(Self { protocol, from, to })
    }
}

impl TryFrom<String> for PortRange {
    type Error = InvalidPortRange;
    fn try_from(text: String) -> Result<Self, InvalidPortRange> {
        text.parse()
    }
}

impl From<PortRange> for String {
    fn from(range: PortRange) -> String {
        range.to_string()
    }
}

/// The ports a unit has open, by endpoint; the empty name stands for all endpoints.
pub type OpenPorts = BTreeMap<String, BTreeSet<PortRange>>;

/// One `open-port` or `close-port`, in the order they were called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortChange {
    /// Open, or close.
    pub open: bool,
    /// Which.
    pub range: PortRange,
    /// For which endpoints; the empty name stands for all.
    pub endpoints: Vec<String>,
}

impl PortChange {
    /// Changes `ports` as `open-port` and `close-port` do: closing for all endpoints closes it everywhere.
    pub fn apply_to(&self, ports: &mut OpenPorts) {
        for endpoint in &self.endpoints {
            if self.open {
                ports.entry(endpoint.clone()).or_default().insert(self.range);
            } else if endpoint.is_empty() {
                ports.values_mut().for_each(|set| {
                    set.remove(&self.range);
                });
            } else if let Some(set) = ports.get_mut(endpoint) {
                set.remove(&self.range);
            }
        }
        ports.retain(|_, set| !set.is_empty());
    }
}

/// Changes of keys: a value sets, None removes.
pub type Changes = BTreeMap<String, Option<String>>;

/// Changes of one relation's databags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BagChanges {
    /// Our unit's.
    #[serde(default)]
    pub unit: Changes,
    /// Our application's; leaders only.
    #[serde(default)]
    pub app: Changes,
}

/// A restart of the machine that the charm asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reboot {
    /// When the hook has ended.
    AfterHook,
    /// At once: the hook is ended and runs again after.
    Now,
}

/// What an action has said of its outcome. It counts even when its process fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
pub struct ActionOutcome {
    /// Nested maps of texts.
    #[serde(default)]
    pub results: serde_json::Map<String, serde_json::Value>,
    /// `action-fail` was called, with this message.
    #[serde(default)]
    pub failed: Option<String>,
}

/// All of it. Applied by [`commit`](crate::commit) in one transaction with the agent's new [`Local`](crate::local::Local).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
pub struct Effects {
    /// `relation-set`.
    #[serde(default)]
    pub relations: BTreeMap<RelationId, BagChanges>,
    /// `open-port` and `close-port`.
    #[serde(default)]
    pub ports: Vec<PortChange>,
    /// `state-set` and `state-delete`.
    #[serde(default)]
    pub state: Changes,
    /// The `secret-…` commands that write.
    #[serde(default, skip_serializing_if = "crate::secrets::SecretChanges::is_empty")]
    pub secrets: crate::secrets::SecretChanges,
    /// `storage-add`: how many more of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storages: BTreeMap<StorageName, u32>,
    /// `action-set` and `action-fail`.
    #[serde(default)]
    pub action: ActionOutcome,
    /// `juju-reboot`.
    #[serde(default)]
    pub reboot: Option<Reboot>,
    /// `periapt-wake`, in order. Not for the model: the agent keeps them in its memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wakes: Vec<WakeChange>,
    /// `periapt-deferred`: the last one. Not for the model either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferrals: Option<Box<DeferralReport>>,
}

impl Effects {
    /// Whether committing them would change the model.
    pub fn is_empty(&self) -> bool {
        self.relations.values().all(|c| c.unit.is_empty() && c.app.is_empty())
            && self.ports.is_empty()
            && self.state.is_empty()
            && self.secrets.is_empty()
            && self.storages.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_read_as_juju_reads_them() {
        for (text, shown) in
            [("80", "80/tcp"), ("80/TCP", "80/tcp"), ("1-9/udp", "1-9/udp"), ("ICMP", "icmp")]
        {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), shown);
        }
        for bad in ["", "0", "65536", "9-1", "80/sctp", "80/icmp", "a", "1-2-3"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn closing_for_all_endpoints_closes_everywhere() {
        let range: PortRange = "80".parse().unwrap();
        let mut ports = OpenPorts::new();
        PortChange { open: true, range, endpoints: vec!["web".into()] }.apply_to(&mut ports);
        PortChange { open: true, range, endpoints: vec![String::new()] }.apply_to(&mut ports);
        PortChange { open: false, range, endpoints: vec![String::new()] }.apply_to(&mut ports);
        assert!(ports.is_empty());
    }
}
