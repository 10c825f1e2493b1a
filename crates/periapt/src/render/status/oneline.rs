//! `status --format oneline` (also `line` and `short`): one unit a line.

use periapt_controller::views::status::FullStatus;

use super::{compact_ports, tabular::unit_name, units};

/// `- db/0*: 10.0.0.1 (agent:idle, workload:active) 80/tcp`.
pub fn oneline(status: &FullStatus) -> String {
    let mut out = String::new();
    for (indent, name, unit) in units(status) {
        let ports = match compact_ports(&unit.open_ports) {
            ports if ports.is_empty() => ports,
            ports => format!(" {ports}"),
        };
        out.push_str(&format!(
            "{indent}- {}: {} (agent:{}, workload:{}){ports}\n",
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

    #[test]
    fn a_subordinate_follows_its_principal_in_every_form() {
        let report = crate::render::status::example_with_subordinate();
        let lines = super::oneline(&report.status);
        assert_eq!(
            lines.lines().nth(1),
            Some("  - watch/0*: 127.77.0.2 (agent:idle, workload:active) 9100/tcp"),
            "{lines}"
        );
        let table = crate::render::status::tabular(&report, false, false);
        let table = anstream::adapter::strip_str(&table).to_string();
        let row = table.lines().find(|line| line.contains("watch/0*")).unwrap_or_default();
        assert_eq!(row, "  watch/0*  active    idle                127.77.0.2      9100/tcp", "{table}");
        assert!(table.contains("\nwatch            active       1  watch"), "{table}");
        assert!(crate::render::status::summary(&report.status).contains("Units:  (3)"));
    }
}
