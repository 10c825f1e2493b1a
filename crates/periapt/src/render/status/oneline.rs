//! `status --format oneline` (also `line` and `short`): one unit a line.

use periapt_controller::views::status::FullStatus;

use super::{compact_ports, tabular::unit_name, units};

/// `- db/0*: 10.0.0.1 (agent:idle, workload:active) 80/tcp`.
pub fn oneline(status: &FullStatus) -> String {
    let mut out = String::new();
    for (name, unit) in units(status) {
        let ports = match compact_ports(&unit.open_ports) {
            ports if ports.is_empty() => ports,
            ports => format!(" {ports}"),
        };
        out.push_str(&format!(
            "- {}: {} (agent:{}, workload:{}){ports}\n",
            unit_name(name, unit),
            unit.public_address,
            unit.juju_status.current,
            unit.workload_status.current,
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_unit_is_a_line() {
        insta::assert_snapshot!(super::oneline(&super::super::example().status), @r"
        - db/0*: 127.77.0.2 (agent:executing, workload:active) 80,443/tcp
        - db/1: 127.77.0.3 (agent:idle, workload:error)
        ");
    }
}
