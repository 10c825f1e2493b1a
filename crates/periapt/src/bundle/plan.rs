//! What a model lacks of a bundle.

use std::collections::{BTreeMap, BTreeSet};

use periapt_model::constraints::Constraints;
use periapt_model::entity::Exposure;
use periapt_model::names::{AppName, EndpointName, MachineId, OfferName, ResourceName, UnitName};
use periapt_model::offer_url::OfferUrl;
use periapt_model::yaml::legacy_bool;

use super::placement::{Circle, MachineMap, NewUnit, Spot, infer, place};
use super::{App, Bundle, BundleMachine, EVERYBODY, app_of};

/// A charm that is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Its url, where it comes from the store, or is the application's already.
    pub url: Option<String>,
    /// The hash of its content.
    pub id: String,
    /// The channel that it follows, where it comes from the store.
    pub channel: Option<String>,
    /// The hashes of the resources that the bundle names.
    pub resources: BTreeMap<ResourceName, String>,
    /// The constraints that the bundle names. A subordinate has no machines to constrain.
    pub constraints: Option<Constraints>,
}

/// An application as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Its charm's url.
    pub url: String,
    /// The hash of its charm's content.
    pub id: String,
    /// Its units that are not being removed, by number, and their machines.
    pub units: Vec<(UnitName, MachineId)>,
    /// `trust`.
    pub trust: bool,
    /// `expose`.
    pub exposed: bool,
    /// Whom its endpoints are exposed to; the empty name stands for all of them.
    pub exposure: BTreeMap<String, Exposure>,
    /// What its options are, defaults too.
    pub options: BTreeMap<String, String>,
    /// The channel that it follows.
    pub channel: String,
    /// Its constraints.
    pub constraints: Constraints,
    /// The hashes of its resources.
    pub resources: BTreeMap<ResourceName, String>,
    /// Those of its resources that an operator gave.
    pub given: BTreeSet<ResourceName>,
}

impl Present {
    /// Whether all its endpoints are exposed to everybody, but for those that are exposed otherwise by name.
    fn exposed_to_everybody(&self) -> bool {
        self.exposure.get("").is_some_and(|to| to.spaces.is_empty() && to.cidrs == EVERYBODY)
    }
}

/// A model as it is now, as far as bundles speak of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Now {
    /// The bundle's applications that are there.
    pub applications: BTreeMap<AppName, Present>,
    /// Its relations that are not being removed, as pairs of `APP:ENDPOINT`.
    pub related: Vec<(String, String)>,
    /// What it offers: whose endpoints.
    pub offers: BTreeMap<OfferName, (AppName, BTreeSet<EndpointName>)>,
    /// What it consumes.
    pub saas: BTreeMap<AppName, OfferUrl>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new application.
    Deploy(AppName),
    /// Another charm.
    Refresh(AppName),
    /// Another channel for the same charm.
    Follow(AppName, String),
    /// Other files for resources of the same charm.
    Attach(AppName, Vec<ResourceName>),
    /// Other constraints.
    Constrain(AppName, Constraints),
    /// Other options.
    Configure(AppName, BTreeMap<String, String>),
    /// `trust`.
    Trust(AppName, bool),
    /// `expose` to everybody, all endpoints but those that are exposed otherwise by name; or `unexpose`.
    Expose(AppName, bool),
    /// An endpoint, or all of them, exposed to these.
    ExposeTo(AppName, String, Exposure),
    /// A new machine for units.
    Machine(BundleMachine),
    /// An offer of another model.
    Consume(AppName),
    /// An offer to other models.
    Offer {
        /// Whose endpoints.
        app: AppName,
        /// Its name.
        name: OfferName,
        /// It is there, with other endpoints.
        update: bool,
    },
    /// A relation.
    Relate(String, String),
    /// A new unit. A bundle never takes any away. [`Spot::With`] counts these changes.
    Unit(NewUnit),
}

/// What is to be done, in order. Nothing, once it has been done. `given` says which machines of the model some of the
/// bundle's are.
///
/// # Errors
/// Placements that go round in a circle.
pub fn plan(
    bundle: &Bundle,
    ready: &BTreeMap<AppName, Ready>,
    now: &Now,
    given: &MachineMap,
) -> Result<Vec<Change>, Circle> {
    let mut changes = Vec::new();
    for (name, app) in &bundle.applications {
        match now.applications.get(name) {
            Some(present) => different(name, app, ready.get(name), present, &mut changes),
            None => {
                changes.push(Change::Deploy(name.clone()));
                if app.expose == Some(true) {
                    changes.push(Change::Expose(name.clone(), true));
                }
                changes.extend(exposures(name, app, None));
            }
        }
    }
    let units = place(bundle, now, &infer(bundle, now, given))?;
    let made = units.iter().filter_map(|unit| match unit.spot {
        Spot::Made(number) => Some(number),
        Spot::New | Spot::There(_) | Spot::With(_) => None,
    });
    changes.extend(made.collect::<BTreeSet<_>>().into_iter().map(Change::Machine));
    for (name, url) in &bundle.saas {
        let same = |there: &OfferUrl| (&there.model, &there.offer) == (&url.model, &url.offer);
        if !now.saas.get(name).is_some_and(same) {
            changes.push(Change::Consume(name.clone()));
        }
    }
    for (app, spec) in &bundle.applications {
        for (name, offer) in spec.offered() {
            let there = now.offers.get(name);
            if there.is_none_or(|(of, endpoints)| (of, endpoints) != (app, &offer.endpoints)) {
                let (app, name) = (app.clone(), name.clone());
                changes.push(Change::Offer { app, name, update: there.is_some() });
            }
        }
    }
    for (a, b) in &bundle.relations {
        if !now.related.iter().any(|(x, y)| is_relation(a, b, x, y)) {
            changes.push(Change::Relate(a.clone(), b.clone()));
        }
    }
    changes.extend(units.into_iter().map(Change::Unit));
    Ok(changes)
}

/// Whether the relation of `a` and `b`, as a bundle has it, is the one between `x` and `y`, which have endpoints.
pub fn is_relation(a: &str, b: &str, x: &str, y: &str) -> bool {
    let is =
        |wanted: &str, there: &str| wanted == there || (!wanted.contains(':') && wanted == app_of(there));
    (is(a, x) && is(b, y)) || (is(a, y) && is(b, x))
}

/// What an application that is there lacks, but for its units.
fn different(name: &AppName, app: &App, ready: Option<&Ready>, now: &Present, changes: &mut Vec<Change>) {
    let same = ready.is_some_and(|ready| match &ready.url {
        Some(url) => *url == now.url,
        None => ready.id == now.id && now.url.starts_with("local:"),
    });
    match ready {
        Some(ready) if same => same_charm(name, ready, now, changes),
        _ => changes.push(Change::Refresh(name.clone())),
    }
    let wanted = ready.and_then(|ready| ready.constraints.as_ref());
    if let Some(wanted) = wanted.filter(|wanted| **wanted != now.constraints) {
        changes.push(Change::Constrain(name.clone(), wanted.clone()));
    }
    let differs =
        |(key, value): &(&str, &str)| now.options.get(*key).is_none_or(|now| !says_the_same(now, value));
    let options: BTreeMap<String, String> =
        app.set().filter(differs).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    if !options.is_empty() {
        changes.push(Change::Configure(name.clone(), options));
    }
    changes.extend(app.trust.filter(|trust| *trust != now.trust).map(|on| Change::Trust(name.clone(), on)));
    let exposed_so = |on: bool| match on {
        true => now.exposed_to_everybody(),
        // What an overlay exposes counts more than the `false` of the document below it.
        false => !now.exposed || !app.exposed.is_empty(),
    };
    changes.extend(app.expose.filter(|on| !exposed_so(*on)).map(|on| Change::Expose(name.clone(), on)));
    changes.extend(exposures(name, app, Some(now)));
}

/// The endpoints that are not exposed as the bundle says.
fn exposures(name: &AppName, app: &App, now: Option<&Present>) -> Vec<Change> {
    let differs = |(endpoint, to): &(&String, &Exposure)| {
        now.and_then(|now| now.exposure.get(*endpoint)).is_none_or(|there| there != *to)
    };
    let wanted = app.exposed.iter().filter(differs);
    wanted.map(|(endpoint, to)| Change::ExposeTo(name.clone(), endpoint.clone(), to.clone())).collect()
}

/// What else of a charm that is there already can be another.
fn same_charm(name: &AppName, ready: &Ready, now: &Present, changes: &mut Vec<Change>) {
    if let Some(channel) = ready.channel.as_ref().filter(|channel| **channel != now.channel) {
        changes.push(Change::Follow(name.clone(), channel.clone()));
    }
    let differs = |(name, hash): &(&ResourceName, &String)| now.resources.get(*name) != Some(*hash);
    let other: Vec<ResourceName> =
        ready.resources.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    if !other.is_empty() {
        changes.push(Change::Attach(name.clone(), other));
    }
}

/// `yes` and `true` are one value to an option of type boolean, whose value is shown as `true`.
fn says_the_same(now: &str, wanted: &str) -> bool {
    now == wanted || matches!(now, "true" | "false") && legacy_bool(wanted) == legacy_bool(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::placement::Placement;
    use crate::bundle::{Machine, Offer};

    fn name(text: &str) -> AppName {
        AppName::new(text).unwrap()
    }

    fn bundle() -> Bundle {
        let options = [("size", "3"), ("on", "yes")].map(|(k, v)| (k.to_owned(), Some(v.to_owned())));
        let offer = Offer { endpoints: ["db".parse().unwrap()].into() };
        let db = App {
            units: Some(2),
            to: Some(vec![Placement::Machine(BundleMachine(4))]),
            trust: Some(true),
            expose: Some(true),
            options: options.into(),
            offers: [("sql".parse().unwrap(), Some(offer)), ("gone".parse().unwrap(), None)].into(),
            ..App::default()
        };
        Bundle {
            applications: [(name("db"), db), (name("web"), App::default())].into(),
            machines: [(BundleMachine(4), Machine::default())].into(),
            relations: vec![("web:db".into(), "db".into())],
            saas: [(name("far"), "admin/other.far".parse().unwrap())].into(),
            ..Bundle::default()
        }
    }

    fn ready() -> BTreeMap<AppName, Ready> {
        let seed = [(ResourceName::new("seed").unwrap(), "hash".to_owned())];
        let store = Ready {
            url: Some("ch:amd64/db-2".into()),
            id: "d".into(),
            channel: Some("2/edge".into()),
            resources: seed.into(),
            constraints: "mem=2G cores=1".parse().ok(),
        };
        [(name("db"), store), (name("web"), Ready { id: "w".into(), ..Ready::default() })].into()
    }

    fn to(cidrs: &[&str]) -> Exposure {
        Exposure { spaces: Vec::new(), cidrs: cidrs.iter().map(|cidr| (*cidr).to_owned()).collect() }
    }

    fn units(machines: &[u32]) -> Vec<(UnitName, MachineId)> {
        let unit = |(number, machine): (u32, &u32)| (UnitName::new(name("db"), number), MachineId(*machine));
        (0..).zip(machines).map(unit).collect()
    }

    fn now() -> Now {
        let options =
            [("size", "3"), ("on", "true"), ("other", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let db = Present {
            url: "ch:amd64/db-2".into(),
            id: "d".into(),
            units: units(&[7, 8, 9]),
            trust: true,
            exposed: true,
            exposure: [(String::new(), to(&EVERYBODY))].into(),
            options: options.into(),
            channel: "2/edge".into(),
            constraints: "cores=1 mem=2048M".parse().unwrap(),
            resources: ready()[&name("db")].resources.clone(),
            given: BTreeSet::new(),
        };
        let web = Present { url: "local:web-0".into(), id: "w".into(), ..Present::default() };
        Now {
            applications: [(name("db"), db), (name("web"), web)].into(),
            related: vec![("db:db".to_owned(), "web:db".to_owned())],
            offers: [("sql".parse().unwrap(), (name("db"), ["db".parse().unwrap()].into()))].into(),
            saas: [(name("far"), "periapt:admin/other.far".parse().unwrap())].into(),
        }
    }

    fn planned(now: &Now) -> Vec<Change> {
        plan(&bundle(), &ready(), now, &MachineMap::new()).unwrap()
    }

    #[test]
    fn what_is_there_is_not_done_again() {
        assert_eq!(planned(&now()), []);
    }

    #[test]
    fn what_is_not_there_is_made_in_order() {
        let unit = |spot| Change::Unit(NewUnit { app: name("db"), spot, directive: None });
        let offer = |update| Change::Offer { app: name("db"), name: "sql".parse().unwrap(), update };
        assert_eq!(
            planned(&Now::default()),
            [
                Change::Deploy(name("db")),
                Change::Expose(name("db"), true),
                Change::Deploy(name("web")),
                Change::Machine(BundleMachine(4)),
                Change::Consume(name("far")),
                offer(false),
                Change::Relate("web:db".into(), "db".into()),
                unit(Spot::Made(BundleMachine(4))),
                unit(Spot::New),
            ]
        );
        // Of an offer that is there with other endpoints, and of another offer under the name, too.
        let mut now = now();
        now.offers.get_mut("sql").unwrap().1.insert("more".parse().unwrap());
        now.saas.insert(name("far"), "other.near".parse().unwrap());
        assert_eq!(planned(&now), [Change::Consume(name("far")), offer(true)]);
    }

    #[test]
    fn the_same_charm_gets_what_else_is_new() {
        let mut now = now();
        let db = now.applications.get_mut("db").unwrap();
        db.channel = "latest/stable".into();
        db.constraints = Constraints::default();
        db.resources.clear();
        assert_eq!(
            planned(&now),
            [
                Change::Follow(name("db"), "2/edge".into()),
                Change::Attach(name("db"), vec![ResourceName::new("seed").unwrap()]),
                Change::Constrain(name("db"), "cores=1 mem=2048M".parse().unwrap()),
            ]
        );
    }

    #[test]
    fn what_differs_is_changed_and_no_more() {
        let mut now = now();
        let db = now.applications.get_mut("db").unwrap();
        (db.units, db.trust, db.exposed, db.url) = (units(&[7]), false, false, "ch:amd64/db-1".into());
        db.exposure.clear();
        db.options.insert("size".into(), "4".into());
        now.applications.get_mut("web").unwrap().id = "other".into();
        now.related = vec![("db:db".to_owned(), "web:other".to_owned())];
        let db = name("db");
        assert_eq!(
            planned(&now),
            [
                Change::Refresh(db.clone()),
                Change::Configure(db.clone(), [("size".to_owned(), "3".to_owned())].into()),
                Change::Trust(db.clone(), true),
                Change::Expose(db.clone(), true),
                Change::Refresh(name("web")),
                Change::Relate("web:db".into(), "db".into()),
                // The one that is there makes good for the machine of the bundle.
                Change::Unit(NewUnit { app: db, spot: Spot::New, directive: None }),
            ]
        );
    }

    #[test]
    fn what_is_exposed_as_the_bundle_says_stays() {
        let (inner, all) = (to(&["10.0.0.0/8"]), to(&EVERYBODY));
        let (expose, unexpose) = (Change::Expose(name("db"), true), Change::Expose(name("db"), false));
        let to_inner = || Change::ExposeTo(name("db"), "sql".into(), inner.clone());
        // What the bundle says, with or without an overlay that exposes `sql`; what there is; what is to be done.
        for (says, overlay, there, wanted) in [
            (Some(true), false, vec![], vec![expose.clone()]),
            (Some(true), false, vec![("", &all)], vec![]),
            (Some(true), false, vec![("", &inner)], vec![expose.clone()]),
            (Some(true), false, vec![("sql", &all)], vec![expose]),
            (Some(true), false, vec![("", &all), ("sql", &inner)], vec![]),
            (Some(false), false, vec![], vec![]),
            (Some(false), false, vec![("sql", &inner)], vec![unexpose]),
            (Some(false), true, vec![], vec![to_inner()]),
            (Some(false), true, vec![("sql", &inner)], vec![]),
            (Some(false), true, vec![("sql", &all)], vec![to_inner()]),
            (None, true, vec![("sql", &inner)], vec![]),
            (None, false, vec![("", &all)], vec![]),
        ] {
            let (mut bundle, mut now) = (bundle(), now());
            let app = bundle.applications.get_mut("db").unwrap();
            app.expose = says;
            app.exposed = overlay.then(|| ("sql".to_owned(), inner.clone())).into_iter().collect();
            let db = now.applications.get_mut("db").unwrap();
            db.exposed = !there.is_empty();
            db.exposure = there.iter().map(|(end, to)| ((*end).to_owned(), (*to).clone())).collect();
            let planned = plan(&bundle, &ready(), &now, &MachineMap::new()).unwrap();
            assert_eq!(planned, wanted, "{says:?} {overlay} {there:?}");
        }
    }
}
