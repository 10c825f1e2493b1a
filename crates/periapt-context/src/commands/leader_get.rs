//! `leader-get`.

use crate::context::{Context, overlay, pick};
use crate::outcome::{Outcome, Stop};
use crate::spec::{Formats, Spec};

pub(crate) const SPEC: Spec = Spec {
    name: "leader-get",
    synopsis: "[<key>|-]",
    purpose: "Print the application's leader settings.",
    doc: "Without a key, or with -, prints all of them. Newer charms use the application's databag of a peer relation.",
    flags: &[],
    output: Some(Formats::Smart),
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let key = cx.args.key()?;
    if let Some(key) = key.filter(|key| key.contains('=')) {
        return Err(Stop::usage(format!("invalid key {key:?}")));
    }
    let base = cx.view.model.leader_settings.get(cx.view.unit.app()).map(|kept| &kept.settings);
    Ok(Outcome::json(pick(&overlay(base, Some(&cx.session.leader_settings)), key)))
}
