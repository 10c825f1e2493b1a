//! Draws what happens next in two models.

use periapt_model::model::Model;
use periapt_model::names::{AppName, OfferName, RelationId};

use super::{TwoAction, TwoWorlds};
use crate::simulate::action::Action;
use crate::simulate::draw as single;
use crate::simulate::rng::Rng;

/// Names for what is consumed: no application has one of them.
const ALIASES: [&str; 3] = ["far", "away", "abroad"];
/// What most runs begin with, so that there is something between the models at all.
pub(super) const START: usize = 5;

/// An action that probably makes sense now; `count` have happened.
pub fn draw(worlds: &TwoWorlds, rng: &mut Rng, count: usize) -> TwoAction {
    if count < START
        && let Some(action) = start(count)
    {
        return action;
    }
    let at = rng.below(2);
    match rng.below(100) {
        0..12 => cross(worlds, rng, at).unwrap_or(TwoAction::Look),
        12..22 => TwoAction::Look,
        22..44 if !worlds.wanted.is_empty() => TwoAction::Link(rng.below(worlds.wanted.len())),
        22..44 => TwoAction::Look,
        44 => TwoAction::KillDaemon,
        _ => TwoAction::In(at, single::draw(&worlds.worlds[at], rng)),
    }
}

fn start(count: usize) -> Option<TwoAction> {
    let (db, web) = (AppName::new("db").ok()?, AppName::new("web").ok()?);
    Some(match count {
        0 => TwoAction::In(0, Action::Deploy { app: db, charm: 0, units: 2 }),
        1 => TwoAction::In(1, Action::Deploy { app: web, charm: 1, units: 2 }),
        2 => TwoAction::Offer(0, db),
        3 => TwoAction::Consume(1, OfferName::new("db").ok()?, AppName::new("far").ok()?),
        _ => TwoAction::Integrate(1, AppName::new("far").ok()?, web),
    })
}

/// What an operator does about offers.
fn cross(worlds: &TwoWorlds, rng: &mut Rng, at: usize) -> Option<TwoAction> {
    let model = worlds.model(at)?;
    let other = worlds.model(1 - at)?;
    let apps: Vec<AppName> = model.applications.keys().cloned().collect();
    let consumed: Vec<AppName> =
        model.remote_apps.values().filter(|app| app.saas().is_some()).map(|app| app.name.clone()).collect();
    let offered: Vec<OfferName> = other.offers.keys().cloned().collect();
    Some(match rng.below(26) {
        0..3 => TwoAction::Offer(at, rng.pick(&apps)?.clone()),
        3..6 => {
            let alias = AppName::new(rng.pick(&ALIASES)?).ok()?;
            TwoAction::Consume(at, rng.pick(&offered)?.clone(), alias)
        }
        6..14 => TwoAction::Integrate(at, rng.pick(&consumed)?.clone(), rng.pick(&apps)?.clone()),
        14..17 => TwoAction::Suspend(at, *rng.pick(&offering(model))?, rng.chance(50)),
        17 => {
            let own: Vec<OfferName> = model.offers.keys().cloned().collect();
            TwoAction::RemoveOffer(at, rng.pick(&own)?.clone(), rng.chance(60))
        }
        18 => TwoAction::RemoveSaas(at, rng.pick(&consumed)?.clone(), rng.chance(30)),
        // Its hooks are where charms grant.
        20.. => TwoAction::In(at, Action::Config(rng.pick(&apps)?.clone(), rng.below(1000) as u32)),
        _ => {
            let halves: Vec<RelationId> = halves(model).collect();
            let relation = periapt_model::command::RelationRef::Id(*rng.pick(&halves)?);
            TwoAction::In(at, Action::RemoveRelation(relation, rng.chance(30)))
        }
    })
}

fn halves(model: &Model) -> impl Iterator<Item = RelationId> + use<'_> {
    model.relations.values().filter(|r| model.remote_app_of(r).is_some()).map(|r| r.id)
}

fn offering(model: &Model) -> Vec<RelationId> {
    halves(model).filter(|id| model.relations.get(id).is_some_and(|r| model.is_offering(r))).collect()
}
