//! `resource-get`.

use periapt_model::charm::ResourceKind;
use periapt_model::names::ResourceName;

use crate::call::Need;
use crate::context::Context;
use crate::outcome::{Outcome, Stop};
use crate::spec::Spec;

pub(crate) const SPEC: Spec = Spec {
    name: "resource-get",
    synopsis: "<resource>",
    purpose: "Print the path of a resource's file.",
    doc: "The file is brought to the unit first if it is not there or is out of date. No line break follows the path.",
    flags: &[],
    output: None,
    run,
};

fn run(cx: &Context<'_>) -> Result<Outcome, Stop> {
    let Some(text) = cx.args.positional.first() else {
        return Err(Stop::usage("missing required resource name"));
    };
    cx.args.no_more_than(1)?;
    let refuse = |why: &str| Stop::failed(format!("could not download resource: {why}"));
    let app = cx.view.unit.app();
    let declared = cx.view.charm().and_then(|charm| charm.resources.get_key_value(*text));
    let Some((name, resource)) = declared else {
        return Err(refuse(&format!("the charm has no resource {text:?}: resource not found")));
    };
    if resource.kind == ResourceKind::OciImage {
        return Err(refuse(&format!(
            "resource {text:?} is an OCI image, which is not supported by this version of periapt yet"
        )));
    }
    let attached = cx.view.model.applications.get(app).is_some_and(|a| a.resources.contains_key(name));
    if !attached {
        return Err(refuse(&format!(
            "resource {app}/{name} not found: attach one with `periapt attach-resource {app} {name}=FILE`"
        )));
    }
    match cx.call.supplied.resources.get(name) {
        None => Err(Stop::Need(Need::Resource(ResourceName::clone(name)))),
        Some(Ok(path)) => Ok(Outcome { text: path.clone(), ..Outcome::default() }),
        Some(Err(why)) => Err(refuse(why)),
    }
}
