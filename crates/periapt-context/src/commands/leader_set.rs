//! `leader-set`.

use periapt_model::command::Tell;

use crate::context::{Context, overlay};
use crate::limits::check_settings;
use crate::outcome::{Change, Outcome, Stop};
use crate::settings;
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "leader-set",
    synopsis: "<key>=<value> [<key>=<value> ...]",
    purpose: "Write the application's leader settings.",
    doc: "The leader only. It counts at once; the other units run leader-settings-changed. An empty value removes its\n\
          key.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let settings = settings::parse(&cx.args.positional)?;
    if !cx.is_leader()? {
        return Err(Stop::failed("cannot write leadership settings: cannot write settings: not the leader"));
    }
    if settings.is_empty() {
        return Ok(Outcome::default());
    }
    let changes =
        settings.into_iter().map(|(key, value)| (key, Some(value).filter(|v| !v.is_empty()))).collect();
    let base = cx.view.model.leader_settings.get(cx.view.unit.app()).map(|kept| &kept.settings);
    let kept = overlay(base, Some(&cx.session.leader_settings));
    check_settings("leadership settings", kept.into_iter(), &changes)?;
    Ok(Outcome::change(Change::Tell(Tell::LeaderSettings(changes))))
}
