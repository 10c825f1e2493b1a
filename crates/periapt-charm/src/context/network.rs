//! Where the unit is in the network, as seen from one of its endpoints.

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::str::FromStr;

use periapt_model::names::RelationId;
use serde::{Deserialize, Deserializer};

use super::{Context, Relation};
use crate::commands::{CommandError, Failed};
use crate::databag::Interface;
use crate::error::Error;
use crate::handle::Endpoint;

/// An address, or a name that stands for one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name.
    Name(String),
}

impl From<String> for Host {
    fn from(text: String) -> Self {
        text.parse().map_or(Self::Name(text), Self::Ip)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A part of the network: `10.0.0.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    /// An address of it. What lies outside of the prefix is kept as Juju said it.
    pub address: IpAddr,
    /// How many bits all its addresses share.
    pub prefix: u8,
}

impl Subnet {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |bits: u8| u32::from(bits.saturating_sub(self.prefix));
        match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A text that is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no subnet: expected ADDRESS/BITS")]
pub struct InvalidSubnet(String);

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Self, InvalidSubnet> {
        let invalid = || InvalidSubnet(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| invalid())?;
        (prefix <= most).then_some(Self { address, prefix }).ok_or_else(invalid)
    }
}

/// One address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub host: Host,
    /// The subnet it is in, if Juju knows.
    pub subnet: Option<Subnet>,
    /// Its name, if it has one.
    pub hostname: Option<String>,
}

/// One network interface of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its name: `eth0`. Empty on Kubernetes.
    pub name: String,
    /// Its hardware address, if it has one.
    pub mac: Option<String>,
    /// Its addresses. Those behind the space that the endpoint is bound to come first.
    pub addresses: Vec<Address>,
}

/// Where the unit is, as seen from an endpoint (`network-get`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The interfaces and addresses to listen on.
    pub interfaces: Vec<NetworkInterface>,
    /// The addresses under which others reach the unit: they may be those of a proxy or a load balancer.
    pub ingress: Vec<Host>,
    /// Where connections that the unit opens come from.
    pub egress: Vec<Subnet>,
}

impl Network {
    /// The address to listen on: the first.
    #[must_use]
    pub fn bind_address(&self) -> Option<&Host> {
        self.interfaces.iter().flat_map(|interface| &interface.addresses).map(|address| &address.host).next()
    }

    /// The address to give to others: the first.
    #[must_use]
    pub fn ingress_address(&self) -> Option<&Host> {
        self.ingress.first()
    }
}

impl Context {
    /// Where the unit is, as seen from an endpoint (`network-get DB`). Asked once in a dispatch.
    ///
    /// # Errors
    /// Those of `network-get`: there is no address yet.
    pub fn network<I: Interface>(&self, endpoint: Endpoint<I>) -> Result<Rc<Network>, Error> {
        self.network_named(endpoint.name())
    }

    /// Where the unit is, as seen from a binding: an endpoint, an extra binding, or `juju-info`.
    ///
    /// # Errors
    /// As [`Context::network`]; the charm has no binding of that name.
    pub fn network_named(&self, binding: &str) -> Result<Rc<Network>, Error> {
        Ok(self.read_network(binding, None)?)
    }

    /// Where the unit is, as seen from a relation (`network-get -r 3 DB`): across models its addresses may be others than
    /// the endpoint's. Those of the endpoint if the relation is gone.
    ///
    /// # Errors
    /// As [`Context::network`].
    pub fn relation_network<I: Interface>(&self, relation: &Relation<'_, I>) -> Result<Rc<Network>, Error> {
        let endpoint = relation.endpoint_name();
        match self.read_network(endpoint, Some(relation.id())) {
            Err(error) if error.failed == Failed::RelationGone => self.network_named(endpoint),
            other => Ok(other?),
        }
    }

    fn read_network(&self, binding: &str, relation: Option<RelationId>) -> Result<Rc<Network>, CommandError> {
        let key = (binding.to_owned(), relation);
        if let Some(network) = self.cache.borrow().model.networks.get(&key) {
            return Ok(Rc::clone(network));
        }
        let id = relation.map(|id| id.to_string());
        let mut args: Vec<&str> = id.iter().flat_map(|id| ["-r", id]).collect();
        args.push(binding);
        let raw: RawNetwork = self.json("network-get", &args)?;
        let unreadable = |error| CommandError::unreadable("network-get", &[binding.to_owned()], error);
        let network = Rc::new(raw.read().map_err(unreadable)?);
        self.cache.borrow_mut().model.networks.insert(key, Rc::clone(&network));
        Ok(network)
    }
}

/// As `network-get` prints it. All of it may be missing or null.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawNetwork {
    #[serde(default, deserialize_with = "or_default")]
    bind_addresses: Vec<RawInterface>,
    #[serde(default, deserialize_with = "or_default")]
    ingress_addresses: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    egress_subnets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawInterface {
    #[serde(default)]
    mac_address: Option<String>,
    #[serde(default)]
    interface_name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    addresses: Vec<RawAddress>,
}

#[derive(Deserialize)]
struct RawAddress {
    /// Older versions of Juju say `address`, newer ones both.
    value: Option<String>,
    address: Option<String>,
    #[serde(default)]
    cidr: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
}

fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

impl RawNetwork {
    fn read(self) -> Result<Network, InvalidSubnet> {
        let interfaces = self.bind_addresses.into_iter().map(RawInterface::read).collect::<Result<_, _>>()?;
        let ingress = self.ingress_addresses.into_iter().filter(|text| !text.is_empty()).map(Host::from);
        let egress = self.egress_subnets.iter().filter(|text| !text.is_empty()).map(|text| text.parse());
        Ok(Network { interfaces, ingress: ingress.collect(), egress: egress.collect::<Result<_, _>>()? })
    }
}

impl RawInterface {
    fn read(self) -> Result<NetworkInterface, InvalidSubnet> {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let mut addresses = Vec::new();
        for raw in self.addresses {
            let Some(host) = some(raw.value).or(some(raw.address)) else { continue };
            let subnet = some(raw.cidr).map(|text| text.parse()).transpose()?;
            addresses.push(Address { host: Host::from(host), subnet, hostname: some(raw.hostname) });
        }
        let name = self.interface_name.unwrap_or_default();
        Ok(NetworkInterface { name, mac: some(self.mac_address), addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;
    use crate::databag::Untyped;
    use crate::handle::Role;

    const DB: Endpoint<Untyped> = Endpoint::new("db", Role::Requirer, "sql");
    const SAID: &str = r#"{
        "bind-addresses": [
            {"mac-address": "00:16:3e:aa", "interface-name": "eth0", "addresses": [
                {"hostname": "", "value": "10.1.2.3", "cidr": "10.1.2.0/24"},
                {"hostname": "web", "address": "fd00::3", "cidr": ""}]},
            {"mac-address": "", "interface-name": "", "addresses": null}],
        "egress-subnets": ["10.1.2.3/32"],
        "ingress-addresses": ["203.0.113.9", "web.example.com"]}"#;

    #[test]
    fn a_network_is_read_once() {
        let agent = FakeAgent::new().says("network-get --format=json db", SAID);
        let cx = agent.context();
        let network = cx.network(DB).unwrap();
        assert_eq!(network.bind_address(), Some(&Host::Ip("10.1.2.3".parse().unwrap())));
        assert_eq!(network.ingress_address().map(ToString::to_string), Some("203.0.113.9".to_owned()));
        assert_eq!(network.ingress[1], Host::Name("web.example.com".into()));
        assert_eq!(network.egress[0].to_string(), "10.1.2.3/32");
        let [eth, nothing] = network.interfaces.as_slice() else { panic!("{network:?}") };
        assert_eq!((eth.name.as_str(), eth.mac.as_deref()), ("eth0", Some("00:16:3e:aa")));
        assert_eq!(eth.addresses[1].hostname.as_deref(), Some("web"));
        assert_eq!(eth.addresses[1].subnet, None);
        assert_eq!((nothing.mac.as_deref(), nothing.addresses.len()), (None, 0));
        assert!(Rc::ptr_eq(&network, &cx.network(DB).unwrap()));
        assert_eq!(agent.calls(), ["network-get --format=json db"]);
    }

    #[test]
    fn all_of_it_may_be_missing() {
        let agent = FakeAgent::new().says("network-get --format=json juju-info", "{}");
        assert_eq!(*agent.context().network_named("juju-info").unwrap(), Network::default());
        let odd = FakeAgent::new().says("network-get --format=json db", r#"{"egress-subnets": ["x/1"]}"#);
        let error = odd.context().network(DB).unwrap_err();
        assert!(error.to_string().contains("\"x/1\" is no subnet"), "{error}");
    }

    #[test]
    fn the_network_of_a_relation_that_is_gone_is_its_endpoints() {
        let agent = FakeAgent::new()
            .says("relation-ids --format=json db", r#"["db:7"]"#)
            .fails("network-get --format=json -r 7 db", "ERROR relation 7 not found")
            .says("network-get --format=json db", SAID);
        let cx = agent.context();
        let relation = cx.relation(DB).unwrap().unwrap();
        assert_eq!(cx.relation_network(&relation).unwrap().ingress.len(), 2);
        let calls = agent.calls();
        assert_eq!(calls[1..], ["network-get --format=json -r 7 db", "network-get --format=json db"]);
    }

    #[test]
    fn subnets_know_their_addresses() {
        let subnet: Subnet = "10.1.2.0/24".parse().unwrap();
        assert!(subnet.contains("10.1.2.255".parse().unwrap()));
        assert!(!subnet.contains("10.1.3.0".parse().unwrap()));
        assert!(!subnet.contains("fd00::1".parse().unwrap()));
        let all: Subnet = "::/0".parse().unwrap();
        assert!(all.contains("fd00::1".parse().unwrap()));
        assert_eq!("10.0.0.1".parse::<Subnet>().unwrap().to_string(), "10.0.0.1/32");
        assert!("10.0.0.1/33".parse::<Subnet>().is_err() && "x".parse::<Subnet>().is_err());
    }
}
