//! `status` for people: Juju's tabular, oneline and summary forms (reference 8.5).

mod oneline;
mod summary;
mod tabular;

pub use oneline::oneline;
pub use summary::summary;
pub use tabular::{machines as machine_table, tabular, watch_heading};

use periapt_controller::views::status::FullStatus;
use periapt_model::names::UnitName;

use periapt_controller::views::status::UnitStatus;

/// Every unit, by application and number: the principals, each with what stands before its subordinates' names, which
/// follow it.
fn units(status: &FullStatus) -> impl Iterator<Item = (&'static str, &UnitName, &UnitStatus)> {
    let principals = status.applications.values().flat_map(|app| app.units.iter());
    principals.flat_map(|(name, unit)| {
        let subordinates = unit.subordinates.iter().map(|(name, unit)| ("  ", name, unit));
        std::iter::once(("", name, unit)).chain(subordinates)
    })
}

/// `80/tcp 443/tcp` as `80,443/tcp`: one group for each protocol, in the order they come.
fn compact_ports(ports: &[String]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for port in ports {
        let (range, protocol) = port.split_once('/').unwrap_or((port.as_str(), ""));
        match groups.iter_mut().find(|(known, _)| *known == protocol) {
            Some((_, ranges)) => ranges.push(range),
            None => groups.push((protocol, vec![range])),
        }
    }
    let show = |(protocol, ranges): &(&str, Vec<&str>)| match *protocol {
        "" => ranges.join(","),
        protocol => format!("{}/{protocol}", ranges.join(",")),
    };
    groups.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
pub(crate) fn example() -> periapt_controller::views::status::StatusReport {
    serde_json::from_value(serde_json::json!({
        "status": {
            "model": {
                "name": "default", "type": "iaas", "controller": "periapt", "cloud": "localhost",
                "version": "3.6.11", "model-status": {"current": "available"}
            },
            "machines": {
                "0": {
                    "juju-status": {"current": "started"}, "machine-status": {"current": "running"},
                    "modification-status": {"current": "applied"}, "dns-name": "127.77.0.2",
                    "instance-id": "m-0", "base": {"name": "ubuntu", "channel": "24.04"}
                },
                "1": {
                    "juju-status": {"current": "started"}, "machine-status": {"current": "running"},
                    "modification-status": {"current": "applied"}, "dns-name": "127.77.0.3",
                    "instance-id": "m-1"
                }
            },
            "applications": {
                "db": {
                    "charm": "local:db-2", "charm-origin": "local", "charm-name": "db", "charm-rev": 2,
                    "scale": 2, "exposed": true, "version": "16.1",
                    "application-status": {"current": "active", "message": "all\nwell"},
                    "units": {
                        "db/0": {
                            "workload-status": {"current": "active"}, "leader": true, "machine": "0",
                            "juju-status": {"current": "executing", "message": "running config-changed hook"},
                            "open-ports": ["80/tcp", "443/tcp"], "public-address": "127.77.0.2"
                        },
                        "db/1": {
                            "workload-status": {"current": "error", "message": "hook failed: \"install\""},
                            "juju-status": {"current": "idle"}, "machine": "1", "public-address": "127.77.0.3"
                        }
                    }
                },
                "reader": {
                    "charm": "local:reader-0", "charm-origin": "local", "charm-name": "reader", "charm-rev": 0,
                    "charm-channel": "edge", "exposed": false, "application-status": {"current": "unknown"}
                }
            },
            "controller": {"timestamp": "12:03:17Z"}
        },
        "relations": [{
            "id": 3, "provider": "db:database", "requirer": "reader:db", "interface": "sql",
            "type": "regular", "status": "joining", "message": "joining"
        }]
    }))
    .unwrap()
}

/// The same with a subordinate on the first machine.
#[cfg(test)]
pub(crate) fn example_with_subordinate() -> periapt_controller::views::status::StatusReport {
    let mut report = serde_json::to_value(example()).unwrap();
    let applications = &mut report["status"]["applications"];
    applications["watch"] = serde_json::json!({
        "charm": "local:watch-0", "charm-origin": "local", "charm-name": "watch", "charm-rev": 0, "scale": 1,
        "exposed": false, "application-status": {"current": "active"}, "subordinate-to": ["db"]
    });
    applications["db"]["units"]["db/0"]["subordinates"] = serde_json::json!({"watch/0": {
        "workload-status": {"current": "active"}, "juju-status": {"current": "idle"}, "leader": true,
        "open-ports": ["9100/tcp"], "public-address": "127.77.0.2"
    }});
    serde_json::from_value(report).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_share_their_protocol() {
        let ports = |list: &[&str]| compact_ports(&list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(ports(&["80/tcp", "443/tcp", "53/udp", "icmp"]), "80,443/tcp 53/udp icmp");
        assert_eq!(ports(&[]), "");
    }
}
