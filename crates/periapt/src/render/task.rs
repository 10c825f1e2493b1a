//! The results of `run`, `exec` and `replay` for people, and what counts as a failure.

use periapt_controller::views::operation::{Results, TaskResult};
use periapt_model::entity::TaskStatus;
use periapt_model::yaml;
use serde_json::{Map, Value};

use crate::error::CliError;

/// Keys of the results that are shown on their own, or not at all.
const OWN: [&str; 5] = ["return-code", "stdout", "stderr", "stdout-encoding", "stderr-encoding"];

fn text<'a>(task: &'a TaskResult, key: &str) -> &'a str {
    task.results.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What `run` shows (Juju 3.6: `printPlainOutput`): of one task what it set as YAML, then what it printed; of several a
/// mapping, without what they printed.
pub fn of_actions(results: &Results) -> String {
    let mut tasks = results.iter();
    let (Some((_, task)), None) = (tasks.next(), tasks.next()) else { return of_several(results) };
    let mut out = match (&task.status, &task.message) {
        (TaskStatus::Failed, message) => {
            format!("Action id {} failed: {}\n", task.id, message.as_deref().unwrap_or_default())
        }
        _ => String::new(),
    };
    out.push_str(&what_it_set(task));
    out.push('\n');
    for stream in [text(task, "stdout"), text(task, "stderr")].map(|text| text.trim_matches('\n')) {
        if !stream.is_empty() {
            out.push_str(stream);
            out.push('\n');
        }
    }
    out
}

fn of_several(results: &Results) -> String {
    let shown = |task: &TaskResult| {
        let mut shown = Map::from_iter([("id".to_owned(), Value::String(task.id.to_string()))]);
        if let Some(message) = &task.message {
            shown.insert("message".to_owned(), Value::String(message.clone()));
        }
        shown.insert("output".to_owned(), Value::String(what_it_set(task)));
        shown.insert("status".to_owned(), Value::String(task.status.to_string()));
        Value::Object(shown)
    };
    let all: Map<String, Value> =
        results.iter().map(|(host, task)| (host.to_string(), shown(task))).collect();
    yaml::to_string(&Value::Object(all))
}

/// What it set, as YAML; its status where it came to no results.
fn what_it_set(task: &TaskResult) -> String {
    if task.results.is_empty() {
        return format!("Task {} {}\n", task.id, task.status);
    }
    let set = task.results.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
    let set: Map<String, Value> = set.map(|(key, value)| (key.clone(), value.clone())).collect();
    if set.is_empty() { String::new() } else { yaml::to_string(&Value::Object(set)) }
}

/// What `exec` shows (Juju 3.6: `printExecOutput`): what the command printed and nothing else; of several tasks each under the
/// name of where it ran.
pub fn of_commands(results: &Results) -> String {
    let mut out = String::new();
    for (host, task) in results {
        if results.len() > 1 {
            out.push_str(&format!("{host}:\n"));
        }
        for stream in [text(task, "stdout"), text(task, "stderr")] {
            out.push_str(stream);
            if !stream.is_empty() && !stream.ends_with('\n') {
                out.push('\n');
            }
        }
        if results.len() > 1 {
            out.push('\n');
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

    fn one(value: Value) -> Results {
        let mut task = json!({"id": "2", "status": "completed", "timing": {}, "unit": "db/0"});
        task.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        results(json!({"db/0": task}))
    }

    #[test]
    fn actions_of_several_units_are_a_mapping() {
        insta::assert_snapshot!(of_actions(&two()), @r#"
        db/0:
          id: "2"
          output: |
            dump:
              size: 3
          status: completed
        db/1:
          id: "3"
          message: no space
          output: ""
          status: failed
        "#);
    }

    #[test]
    fn an_action_shows_what_it_set_and_then_what_it_printed() {
        let mut first = two();
        first.pop_last();
        assert_eq!(of_actions(&first), "dump:\n  size: 3\n\none\ntwo\n");
        assert_eq!(failure(&first), None);
        assert_eq!(of_actions(&one(json!({"results": {"return-code": 0}}))), "\n");
        assert_eq!(of_actions(&one(json!({"results": {}}))), "Task 2 completed\n\n");
        let failed =
            one(json!({"status": "failed", "message": "no", "results": {"a": "b", "return-code": 0}}));
        assert_eq!(of_actions(&failed), "Action id 2 failed: no\na: b\n\n");
    }

    #[test]
    fn a_command_shows_what_it_printed_alone() {
        assert_eq!(of_commands(&two()), "db/0:\none\ntwo\n\ndb/1:\nbad\n\n");
        assert_eq!(of_commands(&one(json!({"results": {"return-code": 0}}))), "");
        assert_eq!(of_commands(&one(json!({"results": {"stdout": "x", "stderr": "y\n"}}))), "x\ny\n");
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
