//! `actions`: the table.

use periapt_controller::views::actions::ActionList;

use super::table::{Cell, Table};

/// One action a line; of its description the first line.
pub fn table(actions: &ActionList) -> String {
    if actions.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["Action", "Description"]);
    for (name, action) in actions {
        let first = action.description.lines().next().unwrap_or_default();
        table.row([Cell::from(name.as_str()), first.into()]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_a_line() {
        let actions: ActionList = serde_json::from_value(serde_json::json!({
            "backup": {"description": "Write a dump.\nLong.", "schema": {}, "parallel": false},
            "restore-all": {"description": "", "schema": {}, "parallel": false}
        }))
        .unwrap();
        insta::assert_snapshot!(table(&actions), @r"
        Action       Description
        backup       Write a dump.
        restore-all
        ");
    }
}
