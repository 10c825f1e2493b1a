//! The tables of `status`.

use std::time::Duration;

use periapt_controller::views::status::{
    ApplicationStatus, FullStatus, ModelStatus, RelationRow, StatusInfo, StatusReport, UnitStatus,
};
use periapt_model::names::{AppName, UnitName};

use super::compact_ports;
use crate::render::offers;
use crate::render::style::of_status;
use crate::render::table::{Cell, Table, blocks};

/// All tables; those of the relations and the storages only where they are asked for.
pub fn tabular(report: &StatusReport, relations: bool, storage: bool) -> String {
    let status = &report.status;
    let mut parts = vec![
        model(&status.model, status),
        offers::saas_block(status),
        applications(status),
        units(status),
        machines(status),
        offers::offers_block(status),
    ];
    if relations {
        parts.push(relation_table(&report.relations));
    }
    if storage {
        parts.push(storages(status));
    }
    blocks(parts)
}

fn word(info: &StatusInfo) -> Cell {
    Cell::styled(info.current.as_str(), of_status(&info.current))
}

fn model(model: &ModelStatus, status: &FullStatus) -> String {
    let mut table = Table::new(&["Model", "Controller", "Cloud/Region", "Version", "SLA", "Timestamp"]);
    let cloud = match model.region.as_str() {
        "" => model.cloud.clone(),
        region => format!("{}/{region}", model.cloud),
    };
    let cells =
        [&model.name, &model.controller, &cloud, &model.version].map(|text| Cell::from(text.as_str()));
    table.row(cells.into_iter().chain(["unsupported".into(), status.controller.timestamp.as_str().into()]));
    table.render()
}

/// Leaves out what has no rows.
fn rendered(table: Table) -> String {
    if table.is_empty() { String::new() } else { table.render() }
}

fn applications(status: &FullStatus) -> String {
    let header = ["App", "Version", "Status", "Scale", "Charm", "Channel", "Rev", "Exposed", "Message"];
    let mut table = Table::new(&header).right(3).right(6);
    for (name, app) in &status.applications {
        let exposed = if app.exposed { "yes" } else { "no" };
        table.row([
            name.as_str().into(),
            app.version.as_str().into(),
            word(&app.application_status),
            scale(status, name, app).into(),
            app.charm_name.as_str().into(),
            app.charm_channel.clone().unwrap_or_default().into(),
            app.charm_rev.to_string().into(),
            exposed.into(),
            app.application_status.message.as_str().into(),
        ]);
    }
    rendered(table)
}

/// `2`, or `1/3` while not all units are there.
fn scale(status: &FullStatus, name: &AppName, app: &ApplicationStatus) -> String {
    match status.units_of(name).len() {
        there if there < app.scale => format!("{there}/{}", app.scale),
        there => there.to_string(),
    }
}

fn units(status: &FullStatus) -> String {
    let mut table =
        Table::new(&["Unit", "Workload", "Agent", "Machine", "Public address", "Ports", "Message"]);
    for (indent, name, unit) in super::units(status) {
        table.row([
            format!("{indent}{}", unit_name(name, unit)).into(),
            word(&unit.workload_status),
            word(&unit.juju_status),
            unit.machine.as_str().into(),
            unit.public_address.as_str().into(),
            compact_ports(&unit.open_ports).into(),
            message(unit).into(),
        ]);
    }
    rendered(table)
}

/// The leader has a star.
pub(super) fn unit_name(name: &UnitName, unit: &UnitStatus) -> String {
    format!("{name}{}", if unit.leader { "*" } else { "" })
}

/// The workload's message, and what the agent does at the moment in front of it (Juju: `(install) message`).
fn message(unit: &UnitStatus) -> String {
    let doing = match (unit.juju_status.current.as_str(), unit.juju_status.message.as_str()) {
        ("executing", "") | ("idle", _) => None,
        ("executing", text) => {
            let text = text.strip_prefix("running ").unwrap_or(text);
            Some(text.strip_suffix(" hook").unwrap_or(text))
        }
        _ => None,
    };
    match doing {
        Some(doing) => format!("({doing}) {}", unit.workload_status.message).trim_end().to_owned(),
        None => unit.workload_status.message.clone(),
    }
}

/// The table of the machines; nothing when there are none.
pub fn machines(status: &FullStatus) -> String {
    let mut table = Table::new(&["Machine", "State", "Address", "Inst id", "Base", "AZ", "Message"]);
    for (id, machine) in &status.machines {
        let base = machine.base.as_ref().map(|base| format!("{}@{}", base.name, base.channel));
        table.row([
            id.to_string().into(),
            word(&machine.juju_status),
            machine.dns_name.as_str().into(),
            machine.instance_id.as_str().into(),
            base.unwrap_or_default().into(),
            "".into(),
            machine.machine_status.message.as_str().into(),
        ]);
    }
    rendered(table)
}

fn storages(status: &FullStatus) -> String {
    crate::render::storage::of_status_view(&status.storage).unwrap_or_default()
}

fn relation_table(rows: &[RelationRow]) -> String {
    let mut table = Table::new(&["Integration provider", "Requirer", "Interface", "Type", "Message"]);
    for row in rows {
        let cells = [&row.provider, &row.requirer, &row.interface, &row.kind, &row.message];
        table.row(cells.map(|text| Cell::from(text.as_str())));
    }
    rendered(table)
}

/// What `--watch` puts above the tables.
pub fn watch_heading(every: Duration, now: &str) -> String {
    format!("Every {}: status  {now}\n\n", periapt_model::time::format_duration(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_jujus() {
        let report = super::super::example();
        let plain = |relations| anstream::adapter::strip_str(&tabular(&report, relations, false)).to_string();
        insta::assert_snapshot!(plain(true), @r#"
        Model    Controller  Cloud/Region  Version  SLA          Timestamp
        default  periapt     localhost     3.6.11   unsupported  12:03:17Z

        App     Version  Status   Scale  Charm   Channel  Rev  Exposed  Message
        db      16.1     active       2  db                 2  yes      all well
        reader           unknown      0  reader  edge       0  no

        Unit   Workload  Agent      Machine  Public address  Ports       Message
        db/0*  active    executing  0        127.77.0.2      80,443/tcp  (config-changed)
        db/1   error     idle       1        127.77.0.3                  hook failed: "install"

        Machine  State    Address     Inst id  Base          AZ  Message
        0        started  127.77.0.2  m-0      ubuntu@24.04
        1        started  127.77.0.3  m-1

        Integration provider  Requirer   Interface  Type     Message
        db:database           reader:db  sql        regular  joining
        "#);
        assert!(!plain(false).contains("Integration"));
    }
}
