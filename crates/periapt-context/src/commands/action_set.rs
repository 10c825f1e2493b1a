//! `action-set`.

use periapt_model::names::ActionName;

use crate::context::Context;
use crate::limits::{MOST_LEVELS, check_results};
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::Spec;

/// Results that the agent itself sets.
const RESERVED: [&str; 4] = ["stdout", "stdout-encoding", "stderr", "stderr-encoding"];

pub(crate) const SPEC: Spec = Spec {
    name: "action-set",
    synopsis: "<key>=<value> [<key>=<value> ...]",
    purpose: "Set results of the action.",
    doc: "Dots in a key nest: a.b=1 sets b in the map a. A key has lower-case letters, digits, hyphens and dots and\n\
          starts and ends with a letter or digit. stdout, stdout-encoding, stderr and stderr-encoding are taken.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let mut outcome = Outcome::default();
    for arg in &cx.args.positional {
        let (path, value) = arg
            .split_once('=')
            .ok_or_else(|| Stop::usage(format!("argument {arg:?} must be of the form key...=value")))?;
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        if keys.len() > MOST_LEVELS {
            return Err(Stop::usage(format!("key {path:?} has more than {MOST_LEVELS} parts")));
        }
        for key in &keys {
            // The rule for a key is that for an action's name.
            if ActionName::new(key).is_err() {
                return Err(Stop::usage(format!(
                    "key {key:?} must start and end with lowercase alphanumeric, and contain only lowercase \
                     alphanumeric, hyphens and periods"
                )));
            }
            if RESERVED.contains(&key.as_str()) {
                return Err(Stop::usage(format!("cannot set reserved action key {key:?}")));
            }
        }
        outcome.changes.push(Change::ActionResult(keys, value.to_owned()));
    }
    cx.action()?;
    check_results(&cx.effects.action, cx.args.positional.iter().map(|arg| arg.len()).sum())?;
    Ok(outcome)
}
