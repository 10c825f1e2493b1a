//! Where traffic of units comes from.

use std::net::IpAddr;

use super::Model;
use crate::apply::exposure::is_cidr;
use crate::names::RelationId;

impl Model {
    /// The networks that the traffic of a unit at `address` comes from (Juju 3.6: `NetworksForRelation`): those that the
    /// relation was given with `--via`, else the model's `egress-subnets`, else the address itself. A host name has none.
    #[must_use]
    pub fn egress_subnets(&self, relation: Option<RelationId>, address: &str) -> Vec<String> {
        let via = relation.and_then(|id| self.relations.get(&id)).map(|relation| relation.via.clone());
        if let Some(via) = via.filter(|via| !via.is_empty()) {
            return via;
        }
        let setting = self.info.settings.text("egress-subnets");
        let networks: Vec<String> =
            setting.split(',').map(str::trim).filter(|text| is_cidr(text)).map(str::to_owned).collect();
        if !networks.is_empty() {
            return networks;
        }
        match address.parse() {
            Ok(IpAddr::V4(ip)) => vec![format!("{ip}/32")],
            Ok(IpAddr::V6(ip)) => vec![format!("{ip}/128")],
            Err(_) => Vec::new(),
        }
    }
}
