//! The tables of storages.

use periapt_controller::views::storage::{EntityStatus, FilesystemView, StorageStatus};

use super::style::of_status;
use super::table::{Cell, Table};

fn word(status: &EntityStatus) -> Cell {
    Cell::styled(status.current.as_str(), of_status(&status.current))
}

/// `512MiB`, `1.5GiB` (Juju 3.6: go-humanize's IBytes, without its blank).
fn size(mib: u64) -> String {
    const UNITS: [&str; 5] = ["MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut tenths, mut unit) = (mib.saturating_mul(10), 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    // Below ten, one place is shown.
    match (tenths < 100, tenths % 10) {
        (true, part) if part > 0 => format!("{}.{part}{name}", tenths / 10),
        _ => format!("{}{name}", tenths / 10),
    }
}

/// A filesystem with its storage's unit, machine and folder; blank where it is detached.
fn rows(status: &StorageStatus) -> Vec<(String, String, String, &FilesystemView)> {
    let mut rows: Vec<_> = status
        .filesystems
        .values()
        .map(|filesystem| {
            let attached = filesystem.attachments.as_ref().and_then(|all| all.units.iter().next());
            match attached {
                Some((unit, at)) => (unit.to_string(), at.machine.clone(), at.location.clone(), filesystem),
                None => (String::new(), String::new(), String::new(), filesystem),
            }
        })
        .collect();
    // Detached ones first, then by unit (Juju 3.6: `storage`).
    rows.sort_by(|a, b| (&a.0, &a.3.storage).cmp(&(&b.0, &b.3.storage)));
    rows
}

/// The table of `storage`.
pub fn storages(status: &StorageStatus) -> String {
    let mut table = Table::new(&["Unit", "Storage ID", "Type", "Pool", "Size", "Status", "Message"]);
    for (unit, _, _, filesystem) in rows(status) {
        table.row([
            unit.into(),
            filesystem.storage.as_str().into(),
            "filesystem".into(),
            filesystem.pool.as_str().into(),
            size(filesystem.size).into(),
            word(&filesystem.status),
            "".into(),
        ]);
    }
    table.render()
}

/// The table of `storage --filesystem`.
pub fn filesystems(status: &StorageStatus) -> String {
    let header =
        ["Machine", "Unit", "Storage ID", "ID", "Provider ID", "Mountpoint", "Size", "State", "Message"];
    let mut table = Table::new(&header);
    let id_of = |wanted: &FilesystemView| {
        let found = status.filesystems.iter().find(|(_, filesystem)| filesystem.storage == wanted.storage);
        found.map(|(id, _)| id.clone()).unwrap_or_default()
    };
    for (unit, machine, location, filesystem) in rows(status) {
        table.row([
            machine.into(),
            unit.into(),
            filesystem.storage.as_str().into(),
            id_of(filesystem).into(),
            filesystem.provider_id.as_str().into(),
            location.into(),
            size(filesystem.size).into(),
            word(&filesystem.status),
            "".into(),
        ]);
    }
    table.render()
}

/// The table of `status --storage`; None without storages.
pub fn of_status_view(status: &StorageStatus) -> Option<String> {
    if status.filesystems.is_empty() {
        return None;
    }
    let header = ["Storage Unit", "Storage ID", "Type", "Pool", "Mountpoint", "Size", "Status", "Message"];
    let mut table = Table::new(&header);
    for (unit, _, location, filesystem) in rows(status) {
        table.row([
            unit.into(),
            filesystem.storage.as_str().into(),
            "filesystem".into(),
            filesystem.pool.as_str().into(),
            location.into(),
            size(filesystem.size).into(),
            word(&filesystem.status),
            "".into(),
        ]);
    }
    Some(table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_the_largest_unit_that_fits() {
        for (mib, shown) in
            [(1, "1MiB"), (1023, "1023MiB"), (1024, "1GiB"), (1536, "1.5GiB"), (10_752, "10GiB")]
        {
            assert_eq!(size(mib), shown);
        }
        assert_eq!(size(u64::MAX), size(u64::MAX), "no overflow");
    }
}
