//! `juju-reboot`.

use periapt_model::effects::Reboot;

use crate::context::Context;
use crate::outcome::{Change, Outcome, Stop};
use crate::spec::{Flag, Spec};
use crate::view::ContextKind;

pub(crate) const SPEC: Spec = Spec {
    name: "juju-reboot",
    synopsis: "",
    purpose: "Restart the machine.",
    doc: "The machine restarts when the hook has ended well. With --now the hook is ended at once, nothing it did\n\
          counts, and it runs again after the restart.",
    flags: &[Flag::bool("now", "Do not wait for the hook's end")],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    cx.args.no_more_than(0)?;
    if matches!(cx.view.context, ContextKind::Action { .. }) {
        return Err(Stop::failed("juju-reboot is not supported when running an action."));
    }
    Ok(Outcome::change(Change::Reboot(if cx.args.is_on("now") { Reboot::Now } else { Reboot::AfterHook })))
}
