//! `operations`: the table.

use periapt_controller::views::operation::OperationList;

use super::style::of_status;
use super::table::{Cell, Table};

/// One operation a line, in the order of their numbers.
pub fn table(operations: &OperationList) -> String {
    if operations.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["ID", "Status", "Started", "Finished", "Task IDs", "Summary"]);
    // `2025-02-25 10:00:00 +0000 UTC`: the date and time are enough for a table.
    let short =
        |time: &Option<String>| time.as_deref().and_then(|t| t.get(..19)).unwrap_or_default().to_owned();
    for (id, operation) in operations {
        let tasks: Vec<String> = operation.tasks.keys().map(ToString::to_string).collect();
        table.row([
            id.to_string().into(),
            Cell::styled(operation.status.as_str(), of_status(operation.status.as_str())),
            short(&operation.timing.started).into(),
            short(&operation.timing.completed).into(),
            tasks.join(",").into(),
            operation.summary.as_str().into(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_a_line() {
        let operations: OperationList = serde_json::from_value(serde_json::json!({
            "3": {
                "summary": "read run on unit-db-0,unit-db-1", "status": "completed",
                "action": {"name": "read", "parameters": {}},
                "timing": {
                    "enqueued": "2025-02-25 10:00:00 +0000 UTC", "started": "2025-02-25 10:00:01 +0000 UTC",
                    "completed": "2025-02-25 10:00:02 +0000 UTC"
                },
                "tasks": {
                    "4": {"host": "db/0", "status": "completed", "timing": {}},
                    "5": {"host": "db/1", "status": "completed", "timing": {}}
                }
            }
        }))
        .unwrap();
        let plain = anstream::adapter::strip_str(&table(&operations)).to_string();
        insta::assert_snapshot!(plain, @r"
        ID  Status     Started              Finished             Task IDs  Summary
        3   completed  2025-02-25 10:00:01  2025-02-25 10:00:02  4,5       read run on unit-db-0,unit-db-1
        ");
    }
}
