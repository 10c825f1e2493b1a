//! `relation-set`.

use crate::context::Context;
use crate::limits::check_settings;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{FILE, Flag, IGNORED_FORMAT, RELATION, Spec};
use crate::{relation, settings};

pub(crate) const SPEC: Spec = Spec {
    name: "relation-set",
    synopsis: "<key>=<value> [<key>=<value> ...]",
    purpose: "Write this unit's databag of a relation.",
    doc: "Values are kept as they are; an empty value removes its key. With --app the leader writes the application's\n\
          databag. Many or long values are better handed over with --file. Others see the change when the hook has\n\
          ended well.",
    flags: &[
        RELATION,
        FILE,
        Flag::bool("app", "Write the application's databag; the leader only"),
        IGNORED_FORMAT,
    ],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let known = relation::required(cx)?;
    let settings = settings::with_file(cx)?;
    let app = cx.args.is_on("app");
    if app && !cx.is_leader()? {
        return Err(Stop::failed("cannot write relation settings"));
    }
    let mut outcome = Outcome { warnings: format_warning(cx, SPEC.name), ..Outcome::default() };
    if !settings.is_empty() {
        let changes =
            settings.into_iter().map(|(key, value)| (key, Some(value).filter(|v| !v.is_empty()))).collect();
        let kept = match app {
            true => relation::app_bag(cx, &known, cx.view.unit.app())?,
            false => relation::unit_bag(cx, &known, &cx.view.unit)?,
        };
        check_settings("relation settings", kept.into_iter(), &changes)?;
        outcome.changes.push(if app {
            Change::AppBag(known.id, changes)
        } else {
            Change::UnitBag(known.id, changes)
        });
    }
    Ok(outcome)
}

/// What Juju says where `--format` is given to a command that has nothing to print any more.
pub(super) fn format_warning(cx: &Context<'_>, command: &str) -> Vec<String> {
    let given = cx.args.text("format").is_some_and(|format| !format.is_empty());
    given.then(|| format!("--format flag deprecated for command {command:?}")).into_iter().collect()
}
