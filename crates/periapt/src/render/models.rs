//! `models`: the table.

use periapt_controller::views::CONTROLLER;
use periapt_controller::views::model::ModelList;

use super::style::{STRONG, of_status};
use super::table::{Cell, Table};

/// One model a line; the current one has a star.
pub fn table(list: &ModelList, current: &str) -> String {
    let mut table = Table::new(&["Model", "Cloud/Region", "Type", "Status", "Machines", "Units", "Access"])
        .right(4)
        .right(5);
    for model in &list.models {
        let is_current = model.short_name == current;
        let name = match is_current {
            true => Cell::styled(format!("{}*", model.short_name), STRONG),
            false => model.short_name.as_str().into(),
        };
        table.row([
            name,
            model.cloud.as_str().into(),
            model.kind.as_str().into(),
            Cell::styled(model.status.current.as_str(), of_status(&model.status.current)),
            model.machines.len().to_string().into(),
            model.unit_count.to_string().into(),
            "admin".into(),
        ]);
    }
    format!("Controller: {CONTROLLER}\n\n{}", table.render())
}
