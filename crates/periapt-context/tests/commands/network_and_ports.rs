//! `network-get`, `unit-get`, `open-port`, `close-port`, `opened-ports`.

use std::sync::Arc;

use periapt_context::describe;
use periapt_context::testing::{Stage, unit};
use periapt_model::effects::PortRange;
use periapt_model::entity::{Machine, Unit};
use periapt_model::model::{Key, Record};
use periapt_model::names::MachineId;

use super::{check, check_each};

const WHOLE: &str = "{\"bind-addresses\":[{\"mac-address\":\"00:00:00:00:00:00\",\"interface-name\":\"lo\",\
    \"addresses\":[{\"hostname\":\"\",\"value\":\"127.77.0.1\",\"cidr\":\"127.0.0.0/8\"}]}],\
    \"egress-subnets\":[\"127.77.0.1/32\"],\"ingress-addresses\":[\"127.77.0.1\"]}\n";

#[test]
fn network_get_knows_endpoints_and_extra_bindings() {
    check_each(&[
        ("network-get --format=json db", 0, WHOLE, ""),
        ("network-get --format=json -r 2 db", 0, WHOLE, ""),
        ("network-get --format=json admin", 0, WHOLE, ""),
        ("network-get --format=json cluster", 0, WHOLE, ""),
        ("network-get juju-info --format=json", 0, WHOLE, ""),
        ("network-get nope", 1, "", "ERROR no network config found for binding \"nope\"\n"),
        ("network-get --primary-address nope", 1, "", "ERROR no network config found for binding \"nope\"\n"),
        ("network-get", 2, "", "ERROR no arguments specified\n"),
        ("network-get db x", 2, "", "ERROR unrecognized args: [\"x\"]\n"),
        ("network-get db --bind-address", 0, "127.77.0.1\n", ""),
        ("network-get db --ingress-address=true", 0, "127.77.0.1\n", ""),
        ("network-get --primary-address db", 0, "127.77.0.1\n", ""),
        ("network-get db --egress-subnets", 0, "127.77.0.1/32\n", ""),
        ("network-get db --egress-subnets --format=json", 0, "[\"127.77.0.1/32\"]\n", ""),
        (
            "network-get db --ingress-address --bind-address --format=json",
            0,
            "{\"bind-address\":\"127.77.0.1\",\"ingress-address\":\"127.77.0.1\"}\n",
            "",
        ),
        (
            "network-get db --primary-address --bind-address",
            1,
            "",
            "ERROR --primary-address must be the only flag specified\n",
        ),
    ]);
}

#[test]
fn yaml_repeats_the_old_names() {
    insta::assert_snapshot!(Stage::config_changed().line("network-get db").1, @r#"
    bind-addresses:
    - mac-address: "00:00:00:00:00:00"
      interface-name: lo
      addresses:
      - hostname: ""
        value: 127.77.0.1
        cidr: 127.0.0.0/8
        address: 127.77.0.1
      macaddress: "00:00:00:00:00:00"
      interfacename: lo
    egress-subnets:
    - 127.77.0.1/32
    ingress-addresses:
    - 127.77.0.1
    "#);
}

#[test]
fn addresses_that_are_not_loopback_are_their_own_network() {
    let mut stage = Stage::config_changed();
    let mut machine = Machine::clone(&stage.view.model.machines[&MachineId(0)]);
    for (address, cidr) in [("10.0.0.7", "10.0.0.7/32"), ("fd00::7", "fd00::7/128")] {
        machine.address = address.to_owned();
        Arc::make_mut(&mut stage.view.model).put(Record::Machine(Arc::new(machine.clone())));
        let (_, out, _) = stage.line("network-get db --format=json");
        assert!(out.contains(&format!("\"value\":\"{address}\",\"cidr\":\"{cidr}\"")), "{out}");
        assert!(out.contains(&format!("\"egress-subnets\":[\"{cidr}\"]")), "{out}");
    }
    machine.address = "host.example".to_owned();
    Arc::make_mut(&mut stage.view.model).put(Record::Machine(Arc::new(machine)));
    let (_, out, _) = stage.line("network-get db --format=json");
    assert!(out.contains("\"cidr\":\"\"") && !out.contains("egress-subnets"), "{out}");
}

#[test]
fn unit_get_tells_the_machines_address() {
    check_each(&[
        ("unit-get private-address", 0, "127.77.0.1\n", ""),
        ("unit-get --format=json public-address", 0, "\"127.77.0.1\"\n", ""),
        ("unit-get x", 2, "", "ERROR unknown setting \"x\"\n"),
        ("unit-get", 2, "", "ERROR no setting specified\n"),
    ]);
    let mut stage = Stage::config_changed();
    Arc::make_mut(&mut stage.view.model).delete(&Key::Machine(MachineId(0)));
    check(&mut stage, &[("unit-get private-address", 1, "", "ERROR no address of unit \"web/0\"\n")]);
}

fn with_ports(stage: &mut Stage, name: &str, endpoint: &str, range: &str) {
    let mut changed = Unit::clone(&stage.view.model.units[&unit(name)]);
    changed
        .ports
        .entry(endpoint.to_owned())
        .or_default()
        .insert(range.parse::<PortRange>().expect("a range of ports"));
    Arc::make_mut(&mut stage.view.model).put(Record::Unit(Arc::new(changed)));
}

#[test]
fn ports_are_buffered_and_shown_merged() {
    let mut stage = Stage::config_changed();
    with_ports(&mut stage, "web/0", "", "8080/tcp");
    check(
        &mut stage,
        &[
            ("opened-ports", 0, "8080/tcp\n", ""),
            ("open-port 80/TCP", 0, "", ""),
            ("open-port 1000-1009/udp", 0, "", ""),
            ("open-port ICMP", 0, "", ""),
            (
                "open-port 443 --endpoints db,admin",
                1,
                "",
                "ERROR cannot open 443/tcp (unit \"web/0\"): endpoint \"admin\" not found\n",
            ),
            ("open-port 443 --endpoints db,cluster", 0, "", ""),
            ("open-port 8080", 0, "", ""),
            ("close-port 8080/tcp", 0, "", ""),
            ("close-port 9/tcp", 0, "", ""),
            ("opened-ports", 0, "icmp\n80/tcp\n443/tcp\n1000-1009/udp\n", ""),
            ("opened-ports --format=json", 0, "[\"icmp\",\"80/tcp\",\"443/tcp\",\"1000-1009/udp\"]\n", ""),
            (
                "opened-ports --endpoints",
                0,
                "icmp (*)\n80/tcp (*)\n443/tcp (cluster, db)\n1000-1009/udp (*)\n",
                "",
            ),
        ],
    );
    assert_eq!(
        describe(&stage.view, &stage.effects),
        [
            "open-port 80/tcp",
            "open-port 1000-1009/udp",
            "open-port icmp",
            "open-port 443/tcp --endpoints db,cluster",
            "close-port 8080/tcp"
        ],
        "what is open already, or not at all, changes nothing"
    );
    assert_eq!(stage.immediate, []);
}

#[test]
fn no_ports_print_as_an_empty_list() {
    check_each(&[("opened-ports", 0, "", ""), ("opened-ports --format=json", 0, "[]\n", "")]);
}

#[test]
fn overlapping_ranges_are_refused() {
    let mut stage = Stage::config_changed();
    let mut neighbour = Unit::clone(&stage.view.model.units[&unit("spare/0")]);
    neighbour.machine = MachineId(0);
    Arc::make_mut(&mut stage.view.model).put(Record::Unit(Arc::new(neighbour)));
    with_ports(&mut stage, "spare/0", "server", "5000-5010/tcp");
    // Another machine's ports are nobody's business.
    with_ports(&mut stage, "web/1", "", "80/tcp");
    check(
        &mut stage,
        &[
            ("open-port 80", 0, "", ""),
            (
                "open-port 70-90",
                1,
                "",
                "ERROR cannot open 70-90/tcp (unit \"web/0\"): port range conflicts with 80/tcp (unit \"web/0\")\n",
            ),
            ("open-port 70-90/udp", 0, "", ""),
            (
                "open-port 5000-5010/tcp",
                1,
                "",
                "ERROR cannot open 5000-5010/tcp (unit \"web/0\"): port range conflicts with 5000-5010/tcp (unit \"spare/0\")\n",
            ),
            (
                "close-port 5005",
                1,
                "",
                "ERROR cannot close 5005/tcp (unit \"web/0\"): port range conflicts with 5000-5010/tcp (unit \"spare/0\")\n",
            ),
            (
                "close-port 80-81",
                1,
                "",
                "ERROR cannot close 80-81/tcp (unit \"web/0\"): port range conflicts with 80/tcp (unit \"web/0\")\n",
            ),
        ],
    );
}

#[test]
fn malformed_ports_are_wrong_usage() {
    for line in
        ["open-port", "open-port x", "open-port 0", "open-port 9-1", "open-port 80/sctp", "open-port 80 81"]
    {
        let (code, _, stderr) = Stage::config_changed().line(line);
        assert_eq!(code, 2, "{line}: {stderr}");
    }
}
