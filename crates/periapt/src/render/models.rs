//! `models`: the table.

use periapt_controller::views::model::ModelList;

use crate::args::controller;

use super::style::{STRONG, of_status};
use super::table::{Cell, Table};

/// One model a line; the current one has a star. `used`: when somebody asked last; with `uuid` there is a column more.
pub fn table(list: &ModelList, current: &str, used: &str, uuid: bool) -> String {
    let header =
        ["Model", "UUID", "Cloud/Region", "Type", "Status", "Machines", "Units", "Access", "Last connection"];
    let shown = |at: &usize| uuid || *at != 1;
    let header: Vec<&str> = (0..header.len()).filter(shown).map(|at| header[at]).collect();
    let numbers = header.len() - 4;
    let mut table = Table::new(&header).right(numbers).right(numbers + 1);
    for model in &list.models {
        let is_current = model.short_name == current;
        let name = match is_current {
            true => Cell::styled(format!("{}*", model.short_name), STRONG),
            false => model.short_name.as_str().into(),
        };
        let id = uuid.then(|| Cell::from(model.model_uuid.as_str()));
        let rest = [
            format!("{}/{}", model.cloud, model.region).into(),
            model.kind.as_str().into(),
            Cell::styled(model.status.current.as_str(), of_status(&model.status.current)),
            model.machines.len().to_string().into(),
            model.unit_count.to_string().into(),
            "admin".into(),
            used.into(),
        ];
        table.row(std::iter::once(name).chain(id).chain(rest));
    }
    format!("Controller: {}\n\n{}", controller::name(), table.render())
}
