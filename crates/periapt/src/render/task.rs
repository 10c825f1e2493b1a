//! The results of `run`, `exec` and `replay` for people, and what counts as a failure.

use periapt_controller::views::operation::{Results, TaskResult};
use periapt_model::entity::TaskStatus;
use periapt_model::yaml;
use serde_json::{Map, Value};

use crate::error::CliError;

/// Keys of the results that are shown on their own.
const OWN: [&str; 3] = ["return-code", "stdout", "stderr"];

/// What one unit's task printed and said; with several units each under its name.
pub fn plain(results: &Results) -> String {
    let mut out = String::new();
    for (unit, task) in results {
        let body = body(task);
        if results.len() == 1 {
            return body;
        }
        out.push_str(&format!("{unit}:\n"));
        for line in body.lines() {
            out.push_str(format!("  {line}").trim_end());
            out.push('\n');
        }
    }
    out
}

/// The text it printed, then what else it set, as YAML.
fn body(task: &TaskResult) -> String {
    let mut out = String::new();
    let text = |key: &str| task.results.get(key).and_then(Value::as_str).unwrap_or_default();
    for stream in [text("stdout"), text("stderr")] {
        out.push_str(stream);
        if !stream.is_empty() && !stream.ends_with('\n') {
            out.push('\n');
        }
    }
    let rest: Map<String, Value> = task
        .results
        .iter()
        .filter(|(key, _)| !OWN.contains(&key.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if !rest.is_empty() {
        out.push_str(&yaml::to_string(&Value::Object(rest)));
    }
    if out.is_empty() || task.message.is_some() {
        out.push_str(&format!("task {} {}", task.id, task.status));
        match &task.message {
            Some(message) => out.push_str(&format!(": {message}\n")),
            None => out.push('\n'),
        }
    }
    out
}

fn return_code(task: &TaskResult) -> i64 {
    match task.results.get("return-code") {
        Some(Value::Number(code)) => code.as_i64().unwrap_or(0),
        Some(Value::String(code)) => code.parse().unwrap_or(0),
        _ => 0,
    }
}

/// Whether a task came to an end that is no success, without a process whose code would say so: it could not be started,
/// or was cancelled.
fn ended_badly(task: &TaskResult) -> bool {
    use TaskStatus::{Aborted, Cancelled, Error, Failed};
    !task.results.contains_key("return-code") && matches!(task.status, Failed | Error | Aborted | Cancelled)
}

/// The failure of an operation, if any of its tasks returned a code or never came to one. `action-fail` alone is none
/// (reference 7.4).
pub fn failure(results: &Results) -> Option<CliError> {
    let failed: Vec<String> = results
        .values()
        .filter_map(|task| match return_code(task) {
            code if code >= 1 => Some(format!(" - id {:?} with return code {code}", task.id)),
            _ if ended_badly(task) => Some(match &task.message {
                Some(message) => format!(" - id {:?} is {}: {message}", task.id, task.status),
                None => format!(" - id {:?} is {}", task.id, task.status),
            }),
            _ => None,
        })
        .collect();
    let heading = match failed.len() {
        0 => return None,
        1 => "the following task failed:",
        _ => "the following tasks failed:",
    };
    Some(
        CliError::new(format!("{heading}\n{}", failed.join("\n")))
            .hint("periapt show-task ID shows all of a task; periapt debug-log has the charm's own lines"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn results(value: Value) -> Results {
        serde_json::from_value(value).unwrap()
    }

    fn two() -> Results {
        results(json!({
            "db/0": {
                "id": "2", "status": "completed", "timing": {}, "unit": "db/0",
                "results": {"stdout": "one\ntwo", "return-code": 0, "dump": {"size": 3}}
            },
            "db/1": {
                "id": "3", "status": "failed", "timing": {}, "unit": "db/1", "message": "no space",
                "results": {"stderr": "bad\n", "return-code": 2}
            }
        }))
    }

    #[test]
    fn several_units_are_told_apart() {
        insta::assert_snapshot!(plain(&two()), @r"
        db/0:
          one
          two
          dump:
            size: 3
        db/1:
          bad
          task 3 failed: no space
        ");
    }

    #[test]
    fn one_unit_prints_as_the_program_did() {
        let mut one = two();
        one.pop_last();
        insta::assert_snapshot!(plain(&one), @r"
        one
        two
        dump:
          size: 3
        ");
        assert_eq!(failure(&one), None);
        let silent = results(json!({
            "db/0": {"id": "2", "status": "completed", "timing": {}, "unit": "db/0", "results": {"return-code": 0}}
        }));
        assert_eq!(plain(&silent), "task 2 completed\n");
    }

    #[test]
    fn a_return_code_fails_the_command_and_action_fail_alone_does_not() {
        let error = failure(&two()).unwrap();
        assert_eq!(error.message, "the following task failed:\n - id \"3\" with return code 2");
        assert_eq!(error.code, 1);
        let told = results(json!({
            "db/0": {"id": "2", "status": "failed", "timing": {}, "unit": "db/0", "message": "no",
                     "results": {"return-code": 0}}
        }));
        assert_eq!(failure(&told), None);
    }
    #[test]
    fn what_never_came_to_a_code_has_failed() {
        let of = |status: &str| {
            results(json!({
                "db/0": {"id": "2", "status": status, "timing": {}, "unit": "db/0", "message": "no such file"}
            }))
        };
        for status in ["failed", "error", "aborted", "cancelled"] {
            let error = failure(&of(status)).unwrap();
            let expected = format!("the following task failed:\n - id \"2\" is {status}: no such file");
            assert_eq!((error.message, error.code), (expected, 1));
        }
        for status in ["completed", "running", "pending"] {
            assert_eq!(failure(&of(status)), None, "{status}");
        }
    }
}
