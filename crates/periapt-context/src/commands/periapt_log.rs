//! `periapt-log`: of Periapt's own making; Juju has no such command.

use serde_json::Value;

use super::periapt_deferred::json_file;
use crate::commands::juju_log;
use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::{Flag, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "periapt-log",
    synopsis: "",
    purpose: "Write many lines to the log at once.",
    doc: "The file holds a JSON list of objects, such as [{\"level\": \"INFO\", \"message\": \"ready\"}]. The levels are those of\n\
          juju-log: TRACE, DEBUG, INFO (the default), WARNING, ERROR and CRITICAL. The lines are written in their order,\n\
          and at once, whatever becomes of the hook; of a list that is wrong somewhere, none is.",
    flags: &[Flag::text("file", "The file with the JSON list; - is standard input")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let value = json_file(cx)?;
    let wrong = |what: String| Stop::failed(format!("invalid list of lines: {what}"));
    let Value::Array(items) = &value else { return Err(wrong("expected a list".to_owned())) };
    let mut outcome = Outcome::default();
    for (place, item) in items.iter().enumerate() {
        let map = item.as_object().ok_or_else(|| wrong(format!("[{place}] must be an object")))?;
        let text = |field: &str| match map.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(format!("[{place}].{field} must be a text"))),
        };
        let message = text("message")?.ok_or_else(|| wrong(format!("[{place}].message is missing")))?;
        juju_log::add_line(cx, text("level")?, message, &mut outcome);
    }
    Ok(outcome)
}
