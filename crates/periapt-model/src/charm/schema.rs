//! JSON Schema, draft 4: whether a schema is one, and whether parameters fit it.
//!
//! Without the feature `schema` nothing is checked when a charm's files are read, and no parameters are accepted: that is
//! for programs which do neither for others, such as a charm's own.

use serde_json::Value;

/// A JSON pointer as operators write nested parameters: `/a/b` becomes `a.b`.
pub(super) fn dotted(pointer: &str) -> String {
    let parts: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    parts.join(".")
}

pub(super) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Checks parameters: one message for each mistake, with the path of the wrong one in front.
#[cfg(feature = "schema")]
pub(super) fn check(schema: &Value, params: &Value) -> Result<(), Vec<String>> {
    // A charm's files may have none; what comes over the API was read by nobody. A few that refer to each other take for ever.
    if super::actions::has_reference(schema) {
        return Err(vec!["the action's own schema refers to others by $ref: write them out".to_owned()]);
    }
    let validator = jsonschema::draft4::new(schema)
        .map_err(|error| vec![format!("the action's own schema cannot be used: {error}")])?;
    let problems: Vec<String> = validator
        .iter_errors(params)
        .map(|error| {
            let path = dotted(error.instance_path().as_str());
            if path.is_empty() { error.to_string() } else { format!("{path}: {error}") }
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

#[cfg(not(feature = "schema"))]
pub(super) fn check(_schema: &Value, _params: &Value) -> Result<(), Vec<String>> {
    Err(vec!["this program was built without what checks parameters".to_owned()])
}

/// What the rules of draft 4, or the patterns in a schema, refuse: the place as a JSON pointer, and the problem.
#[cfg(feature = "schema")]
pub(super) fn mistakes(schema: &Value) -> Vec<(String, String)> {
    let rules = jsonschema::draft4::meta::validator();
    let broken = rules.iter_errors(schema).map(|error| {
        let pointer = error.instance_path().as_str();
        let problem = match error.instance().as_ref() {
            Value::String(word) if pointer.ends_with("/type") => {
                format!("{word:?} is not a type; use array, boolean, integer, null, number, object or string")
            }
            _ => error.to_string(),
        };
        (pointer.to_owned(), problem)
    });
    let mut mistakes: Vec<(String, String)> = broken.collect();
    if mistakes.is_empty()
        && let Err(error) = jsonschema::draft4::new(schema)
    {
        mistakes.push((error.instance_path().as_str().to_owned(), error.to_string()));
    }
    mistakes
}

#[cfg(not(feature = "schema"))]
pub(super) fn mistakes(_schema: &Value) -> Vec<(String, String)> {
    Vec::new()
}
