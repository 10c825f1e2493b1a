//! `relation-get`.

use periapt_model::names::{AppName, UnitName};

use crate::context::{Context, pick};
use crate::outcome::{Outcome, Stop};
use crate::relation;
use crate::spec::{Flag, Formats, RELATION, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "relation-get",
    synopsis: "[<key>|-] [<unit>|<application>]",
    purpose: "Read a databag of a relation.",
    doc: "Without a key, or with -, prints the whole databag. Without a unit, reads the one that the hook is about, or\n\
          the remote application where it is about no unit. A unit reads its own databag by its own name, with what it\n\
          has set in this hook. What others set while the hook runs is seen by the next hook.",
    flags: &[RELATION, Flag::bool("app", "Read the application's databag")],
    output: Some(Formats::Smart),
    run,
};

/// Whose databag is read.
#[derive(Debug, PartialEq)]
enum Subject {
    Unit(UnitName),
    App(AppName),
}

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let known = relation::required(cx)?;
    let key = cx.args.positional.first().copied().filter(|key| !matches!(*key, "" | "-"));
    let subject = subject(cx)?;
    cx.args.no_more_than(2)?;
    let bag = match &subject {
        Subject::Unit(unit) => relation::unit_bag(cx, &known, unit)?,
        Subject::App(app) => relation::app_bag(cx, &known, app)?,
    };
    Ok(Outcome::json(pick(&bag, key)))
}

fn subject(cx: &Context<'_>) -> Result<Subject, Stop> {
    let app = cx.args.is_on("app");
    if let Some(text) = cx.args.positional.get(1).copied() {
        return match (app, text.parse::<UnitName>(), AppName::new(text)) {
            (true, _, Ok(app)) => Ok(Subject::App(app)),
            (true, Ok(unit), _) => Ok(Subject::App(unit.app().clone())),
            (true, ..) => Err(Stop::usage(format!("invalid application name {text:?}"))),
            (false, Ok(unit), _) => Ok(Subject::Unit(unit)),
            (false, _, Ok(_)) => {
                Err(Stop::usage(format!("expected unit name, got application name {text:?}")))
            }
            (false, ..) => Err(Stop::usage(format!("invalid unit name {text:?}"))),
        };
    }
    match cx.view.current_relation() {
        Some((_, _, Some(unit))) if !app => Ok(Subject::Unit(unit.clone())),
        Some((_, remote, _)) => Ok(Subject::App(remote.clone())),
        None => Err(Stop::usage("no unit or application specified")),
    }
}
