//! What of a [`Shape`] is another in a later one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{AppShape, MachineShape, RelationShape, Shape};
use crate::names::{AppName, MachineId, OfferName};
use crate::status::Life;

/// What has become of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not there, and is.
    New,
    /// It was there, and is not.
    Gone,
    /// It is going away, and was not.
    Going,
    /// It is there as before, but is another or says something else.
    Other,
}

/// What of an application is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// How many units it has, before and now; if that is the same number, they are others or on other machines.
    Units(usize, usize),
    /// Its charm.
    Charm,
    /// These options.
    Options(BTreeSet<String>),
    /// `trust`.
    Trust,
    /// Whom it is exposed to.
    Exposure,
    /// Its channel.
    Channel,
    /// Its constraints.
    Constraints,
    /// Its resources.
    Resources,
}

/// Something that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An application as a whole.
    Application(AppName, Fate),
    /// Something of an application.
    Of(AppName, Aspect),
    /// A relation, `app:endpoint app:endpoint`.
    Relation(String, Fate),
    /// A machine.
    Machine(MachineId, Fate),
    /// An offer to other models.
    Offer(OfferName, Fate),
    /// What is consumed under a name.
    Saas(AppName, Fate),
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "is new",
            Self::Gone => "is gone",
            Self::Going => "is being removed",
            Self::Other => "is another",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Application(app, fate) => write!(f, "application {:?} {fate}", app.as_str()),
            Self::Of(app, aspect) => {
                let app = format!("application {:?}", app.as_str());
                match aspect {
                    Aspect::Units(were, are) if were == are => write!(f, "{app} has other units"),
                    Aspect::Units(were, are) => write!(f, "{app} has {are} units and had {were}"),
                    Aspect::Charm => write!(f, "{app} has another charm"),
                    Aspect::Options(keys) => {
                        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                        write!(f, "{app} has other options: {}", keys.join(", "))
                    }
                    Aspect::Trust => write!(f, "the trust of {app} is another"),
                    Aspect::Exposure => write!(f, "{app} is exposed otherwise"),
                    Aspect::Channel => write!(f, "{app} follows another channel"),
                    Aspect::Constraints => write!(f, "{app} has other constraints"),
                    Aspect::Resources => write!(f, "{app} has other resources"),
                }
            }
            Self::Relation(key, fate) => write!(f, "relation {key} {fate}"),
            Self::Machine(id, fate) => write!(f, "machine {id} {fate}"),
            Self::Offer(name, fate) => write!(f, "offer {:?} {fate}", name.as_str()),
            Self::Saas(name, fate) => write!(f, "saas application {:?} {fate}", name.as_str()),
        }
    }
}

/// Of two shapes of the same names, what is another in the second.
pub(super) fn differences(before: &Shape, now: &Shape) -> Vec<Difference> {
    let mut all = Vec::new();
    for (name, was, is) in pairs(&before.applications, &now.applications) {
        match (was, is) {
            (Some(was), Some(is)) if was.life == is.life => {
                all.extend(aspects(was, is).into_iter().map(|aspect| Difference::Of(name.clone(), aspect)));
            }
            _ => all.extend(
                fate(was, is, |app| app.life != Life::Alive)
                    .map(|fate| Difference::Application(name.clone(), fate)),
            ),
        }
    }
    relations(&before.relations, &now.relations, &mut all);
    for (id, was, is) in pairs(&before.machines, &now.machines) {
        let going = |machine: &MachineShape| machine.going || machine.vacated;
        all.extend(fate(was, is, going).map(|fate| Difference::Machine(*id, fate)));
    }
    for (name, was, is) in pairs(&before.offers, &now.offers) {
        all.extend(fate(was, is, |_| false).map(|fate| Difference::Offer(name.clone(), fate)));
    }
    for (name, was, is) in pairs(&before.saas, &now.saas) {
        all.extend(fate(was, is, |saas| saas.going).map(|fate| Difference::Saas(name.clone(), fate)));
    }
    all
}

/// What is under each name of the first map, and under the same in the second.
fn pairs<'a, K: Ord, V>(
    before: &'a BTreeMap<K, Option<V>>,
    now: &'a BTreeMap<K, Option<V>>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    before.iter().map(|(key, was)| (key, was.as_ref(), now.get(key).and_then(Option::as_ref)))
}

/// What has become of something, if anything.
fn fate<V: PartialEq>(was: Option<&V>, is: Option<&V>, going: impl Fn(&V) -> bool) -> Option<Fate> {
    match (was, is) {
        (None, None) => None,
        (None, Some(_)) => Some(Fate::New),
        (Some(_), None) => Some(Fate::Gone),
        (Some(was), Some(is)) if was == is => None,
        (Some(was), Some(is)) if going(is) && !going(was) => Some(Fate::Going),
        (Some(_), Some(_)) => Some(Fate::Other),
    }
}

fn relations(before: &BTreeSet<RelationShape>, now: &BTreeSet<RelationShape>, all: &mut Vec<Difference>) {
    let key = |relation: &RelationShape| format!("{} {}", relation.requirer, relation.provider);
    let same_ends = |set: &BTreeSet<RelationShape>, one: &RelationShape| {
        set.iter().any(|other| (&other.provider, &other.requirer) == (&one.provider, &one.requirer))
    };
    for lost in before.difference(now).filter(|lost| !same_ends(now, lost)) {
        all.push(Difference::Relation(key(lost), Fate::Gone));
    }
    for other in now.difference(before) {
        let fate = match same_ends(before, other) {
            false => Fate::New,
            true if other.going => Fate::Going,
            // It was going away, and was made anew.
            true => Fate::Other,
        };
        all.push(Difference::Relation(key(other), fate));
    }
}

fn aspects(was: &AppShape, is: &AppShape) -> Vec<Aspect> {
    let mut all = Vec::new();
    if was.units != is.units {
        all.push(Aspect::Units(was.units.len(), is.units.len()));
    }
    if (&was.charm_url, &was.charm_id) != (&is.charm_url, &is.charm_id) {
        all.push(Aspect::Charm);
    }
    if was.options != is.options {
        let keys = was.options.keys().chain(is.options.keys());
        let other = keys.filter(|key| was.options.get(*key) != is.options.get(*key));
        all.push(Aspect::Options(other.cloned().collect()));
    }
    let others = [
        (was.trust != is.trust, Aspect::Trust),
        ((was.exposed, &was.exposure) != (is.exposed, &is.exposure), Aspect::Exposure),
        (was.channel != is.channel, Aspect::Channel),
        (was.constraints != is.constraints, Aspect::Constraints),
        (was.resources != is.resources, Aspect::Resources),
    ];
    all.extend(others.into_iter().filter(|(other, _)| *other).map(|(_, aspect)| aspect));
    all
}
