//! What a bundle must be in itself, whatever its charms and the model are (Juju 3.6: `BundleData.Verify`).

use std::collections::BTreeSet;

use periapt_model::constraints::Constraints;
use periapt_model::names::AppName;

use super::placement::Placement;
use super::{App, Bundle, BundleMachine, Part, app_of};
use crate::error::Result;

/// Refuses what no model could be made of: names that lead nowhere, and constraints that are none.
pub fn whole(bundle: &Bundle) -> Result {
    for (name, app) in &bundle.applications {
        if app.charm.is_none() {
            return Err(bundle
                .places
                .wrong(&Part::App(name.clone()), "it has no charm")
                .hint("add `charm: NAME` for a charm of the store, or `charm: ./PATH`"));
        }
        if bundle.saas.contains_key(name) {
            let what = format!("application {:?} already exists with this name", name.as_str());
            return Err(bundle.places.wrong(&Part::Saas(name.clone()), what));
        }
        constraints(bundle, &Part::key(name, "constraints"), app.constraints.as_deref())?;
        if app.expose == Some(true) && !app.exposed.is_empty() {
            let what = "exposed-endpoints cannot be specified together with \"expose: true\"";
            return Err(bundle.places.wrong(&Part::key(name, "exposed-endpoints"), what));
        }
    }
    machines(bundle)?;
    relations(bundle)
}

fn constraints(bundle: &Bundle, part: &Part, text: Option<&str>) -> Result {
    match text.unwrap_or_default().parse::<Constraints>() {
        Ok(_) => Ok(()),
        Err(error) => Err(bundle.places.wrong(part, error)),
    }
}

fn machines(bundle: &Bundle) -> Result {
    if let Some((number, _)) = bundle.machines.first_key_value().filter(|_| bundle.kubernetes) {
        let part = Part::Machine(*number);
        return Err(bundle.places.wrong(&part, "bundle machines not valid for Kubernetes bundles"));
    }
    for (number, machine) in &bundle.machines {
        constraints(bundle, &Part::Machine(*number), Some(&machine.constraints))?;
    }
    let mut used = BTreeSet::new();
    for (name, app) in &bundle.applications {
        placements(bundle, name, app, &mut used)?;
    }
    match bundle.machines.keys().find(|number| !used.contains(number)) {
        None => Ok(()),
        Some(idle) => {
            let what = format!("machine \"{idle}\" is not referred to by a placement directive");
            Err(bundle.places.wrong(&Part::Machine(*idle), what).hint("take it out, or name it in a `to`"))
        }
    }
}

fn placements(bundle: &Bundle, name: &AppName, app: &App, used: &mut BTreeSet<BundleMachine>) -> Result {
    let units = app.units.unwrap_or(0) as usize;
    if app.placements().len() > units {
        let what = format!(
            "too many units specified in unit placement for application {:?}: {} places for {units} units",
            name.as_str(),
            app.placements().len()
        );
        return Err(bundle.places.wrong(&Part::key(name, "to"), what));
    }
    for (place, to) in app.placements().iter().enumerate() {
        let wrong = |what: String| bundle.places.wrong(&Part::key(name, format!("to.{place}")), what);
        match to {
            Placement::New => {}
            Placement::Machine(number) if bundle.machines.contains_key(number) => drop(used.insert(*number)),
            Placement::Machine(number) => {
                let numbers: Vec<String> = bundle.machines.keys().map(ToString::to_string).collect();
                return Err(wrong(format!(
                    "placement \"{to}\" refers to a machine not defined in this bundle"
                ))
                .hint(match numbers.is_empty() {
                    true => format!("add it: `machines: {{\"{number}\": {{}}}}`"),
                    false => format!("its machines are: {}", numbers.join(", ")),
                }));
            }
            Placement::Unit(other, _) | Placement::App(other) => {
                let Some(target) = bundle.applications.get(other) else {
                    let what =
                        format!("placement \"{to}\" refers to an application not defined in this bundle");
                    return Err(wrong(what));
                };
                let units = target.units.unwrap_or(0) as usize;
                if matches!(to, Placement::Unit(_, index) if *index >= units) {
                    return Err(wrong(format!(
                        "placement \"{to}\" specifies a unit greater than the {units} unit(s) started by the target \
                         application"
                    )));
                }
            }
        }
    }
    Ok(())
}

fn relations(bundle: &Bundle) -> Result {
    let known = |end: &str| {
        let named = |name: &AppName| name.as_str() == app_of(end);
        bundle.applications.keys().chain(bundle.saas.keys()).any(named)
    };
    for (a, b) in &bundle.relations {
        if let Some(unknown) = [a, b].into_iter().find(|end| !known(end)) {
            let app = app_of(unknown);
            let what = format!("it names application {app:?}, which the bundle does not have");
            return Err(bundle.places.wrong(&Part::Relation(a.clone(), b.clone()), what));
        }
    }
    Ok(())
}
