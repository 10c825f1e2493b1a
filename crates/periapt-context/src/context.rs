//! What a running command has at hand.

use std::collections::BTreeMap;

use periapt_model::effects::{Changes, Effects};
use periapt_model::names::TaskId;
use serde_json::{Map, Value};

use crate::arguments::Arguments;
use crate::call::{Call, Need};
use crate::outcome::Stop;
use crate::session::Session;
use crate::view::{ContextKind, View};

/// What a running command has at hand. It changes nothing: it says in its [`Outcome`](crate::outcome::Outcome) what to
/// change, so that a command that stops for a need has done nothing.
pub(crate) struct Context<'a> {
    pub view: &'a View,
    pub effects: &'a Effects,
    pub session: &'a Session,
    pub call: &'a Call<'a>,
    pub args: Arguments<'a>,
}

impl<'a> Context<'a> {
    /// Whether the unit leads: asked anew by each command until it was false once.
    pub fn is_leader(&self) -> Result<bool, Stop> {
        if self.session.not_leader {
            return Ok(false);
        }
        self.call.supplied.leader.ok_or(Stop::Need(Need::Leadership))
    }

    /// The content of the file named on the command line; `-` is standard input,
    /// and so is its device, which in the agent would be another.
    pub fn file(&self, path: &str) -> Result<&'a [u8], Stop> {
        if matches!(path, "-" | "/dev/stdin") {
            return self.call.stdin.ok_or(Stop::Need(Need::Stdin));
        }
        match self.call.supplied.files.get(path) {
            None => Err(Stop::Need(Need::File(path.to_owned()))),
            Some(Ok(content)) => Ok(content),
            Some(Err(message)) => Err(Stop::Failed(message.clone())),
        }
    }

    /// The action that runs.
    pub fn action(&self) -> Result<(TaskId, &'a Map<String, Value>), Stop> {
        match &self.view.context {
            ContextKind::Action { task, params, .. } => Ok((*task, params)),
            _ => Err(Stop::failed("not running an action")),
        }
    }
}

/// `base` with `changes` on top.
pub(crate) fn overlay<'b>(
    base: Option<&'b BTreeMap<String, String>>,
    changes: Option<&'b Changes>,
) -> BTreeMap<&'b str, &'b str> {
    let mut out: BTreeMap<&str, &str> =
        base.into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    for (key, value) in changes.into_iter().flatten() {
        match value {
            Some(value) => drop(out.insert(key, value)),
            None => drop(out.remove(key.as_str())),
        }
    }
    out
}

/// A map of texts as JSON.
pub(crate) fn text_map(map: &BTreeMap<&str, &str>) -> Value {
    Value::Object(map.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect())
}

/// The value at `key` (nothing where it is missing), or the whole map.
pub(crate) fn pick(map: &BTreeMap<&str, &str>, key: Option<&str>) -> Value {
    match key {
        Some(key) => map.get(key).map_or(Value::Null, |v| Value::from(*v)),
        None => text_map(map),
    }
}
