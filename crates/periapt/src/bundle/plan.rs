//! What a model lacks of a bundle.

use std::collections::BTreeMap;
use std::fmt;

use periapt_model::constraints::Constraints;
use periapt_model::names::{AppName, ResourceName};
use periapt_model::yaml::legacy_bool;

use super::{Bundle, app_of};

/// A charm that is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Its url, where it comes from the store.
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
    /// How many units.
    pub units: u32,
    /// `trust`.
    pub trust: bool,
    /// `expose`.
    pub exposed: bool,
    /// What its options are, defaults too.
    pub options: BTreeMap<String, String>,
    /// The channel that it follows.
    pub channel: String,
    /// Its constraints.
    pub constraints: Constraints,
    /// The hashes of its resources.
    pub resources: BTreeMap<ResourceName, String>,
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
    /// More units. A bundle never takes any away.
    AddUnits(AppName, u32),
    /// `trust`.
    Trust(AppName, bool),
    /// `expose`.
    Expose(AppName, bool),
    /// A relation.
    Relate(String, String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deploy(app) => write!(f, "deploy application {app}"),
            Self::Refresh(app) => write!(f, "upgrade {app} to the bundle's charm"),
            Self::Follow(app, channel) => write!(f, "follow channel {channel} with {app}"),
            Self::Attach(app, resources) => {
                let names: Vec<&str> = resources.iter().map(ResourceName::as_str).collect();
                write!(f, "attach resources to {app}: {}", names.join(", "))
            }
            Self::Constrain(app, constraints) => {
                write!(f, "set constraints for {app} to {:?}", constraints.to_string())
            }
            Self::Configure(app, options) => {
                let keys: Vec<&str> = options.keys().map(String::as_str).collect();
                write!(f, "set application options for {app}: {}", keys.join(", "))
            }
            Self::AddUnits(app, count) => write!(f, "add {count} unit(s) to {app}"),
            Self::Trust(app, true) => write!(f, "trust {app}"),
            Self::Trust(app, false) => write!(f, "take trust from {app}"),
            Self::Expose(app, true) => write!(f, "expose {app}"),
            Self::Expose(app, false) => write!(f, "unexpose {app}"),
            Self::Relate(a, b) => write!(f, "add relation {a} - {b}"),
        }
    }
}

/// What is to be done, in order. Nothing, once it has been done.
///
/// `related` are the relations that are there, as `APP:ENDPOINT` pairs.
#[must_use]
pub fn plan(
    bundle: &Bundle,
    ready: &BTreeMap<AppName, Ready>,
    present: &BTreeMap<AppName, Present>,
    related: &[(String, String)],
) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, app) in &bundle.applications {
        let Some(now) = present.get(name) else {
            changes.push(Change::Deploy(name.clone()));
            if app.expose == Some(true) {
                changes.push(Change::Expose(name.clone(), true));
            }
            continue;
        };
        let same = ready.get(name).is_some_and(|ready| match &ready.url {
            Some(url) => *url == now.url,
            None => ready.id == now.id && now.url.starts_with("local:"),
        });
        let ready = ready.get(name);
        match ready {
            Some(ready) if same => same_charm(name, ready, now, &mut changes),
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
        let more = app.units.unwrap_or(0).saturating_sub(now.units);
        if more > 0 {
            changes.push(Change::AddUnits(name.clone(), more));
        }
        changes
            .extend(app.trust.filter(|trust| *trust != now.trust).map(|on| Change::Trust(name.clone(), on)));
        changes.extend(app.expose.filter(|on| *on != now.exposed).map(|on| Change::Expose(name.clone(), on)));
    }
    for (a, b) in &bundle.relations {
        let is =
            |wanted: &str, there: &str| wanted == there || (!wanted.contains(':') && wanted == app_of(there));
        let there = related.iter().any(|(x, y)| (is(a, x) && is(b, y)) || (is(a, y) && is(b, x)));
        if !there {
            changes.push(Change::Relate(a.clone(), b.clone()));
        }
    }
    changes
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
    use crate::bundle::App;

    fn name(text: &str) -> AppName {
        AppName::new(text).unwrap()
    }

    fn bundle() -> Bundle {
        let options = [("size", "3"), ("on", "yes")].map(|(k, v)| (k.to_owned(), Some(v.to_owned())));
        let db = App {
            units: Some(2),
            trust: Some(true),
            expose: Some(true),
            options: options.into(),
            ..App::default()
        };
        Bundle {
            applications: [(name("db"), db), (name("web"), App::default())].into(),
            relations: vec![("web:db".into(), "db".into())],
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

    fn present() -> BTreeMap<AppName, Present> {
        let options =
            [("size", "3"), ("on", "true"), ("other", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let db = Present {
            url: "ch:amd64/db-2".into(),
            id: "d".into(),
            units: 3,
            trust: true,
            exposed: true,
            options: options.into(),
            channel: "2/edge".into(),
            constraints: "cores=1 mem=2048M".parse().unwrap(),
            resources: ready()[&name("db")].resources.clone(),
        };
        let web = Present { url: "local:web-0".into(), id: "w".into(), ..Present::default() };
        [(name("db"), db), (name("web"), web)].into()
    }

    #[test]
    fn what_is_there_is_not_done_again() {
        let related = [("db:db".to_owned(), "web:db".to_owned())];
        assert_eq!(plan(&bundle(), &ready(), &present(), &related), []);
    }

    #[test]
    fn what_is_not_there_is_made_in_order() {
        let all = plan(&bundle(), &ready(), &BTreeMap::new(), &[]);
        let lines: Vec<String> = all.iter().map(Change::to_string).collect();
        assert_eq!(
            lines,
            ["deploy application db", "expose db", "deploy application web", "add relation web:db - db"]
        );
    }

    #[test]
    fn the_same_charm_gets_what_else_is_new() {
        let mut present = present();
        let db = present.get_mut("db").unwrap();
        db.channel = "latest/stable".into();
        db.constraints = Constraints::default();
        db.resources.clear();
        let related = [("db:db".to_owned(), "web:db".to_owned())];
        let lines: Vec<String> =
            plan(&bundle(), &ready(), &present, &related).iter().map(Change::to_string).collect();
        assert_eq!(
            lines,
            [
                "follow channel 2/edge with db",
                "attach resources to db: seed",
                "set constraints for db to \"cores=1 mem=2048M\"",
            ]
        );
    }

    #[test]
    fn what_differs_is_changed_and_no_more() {
        let mut present = present();
        let db = present.get_mut("db").unwrap();
        (db.units, db.trust, db.exposed, db.url) = (1, false, false, "ch:amd64/db-1".into());
        db.options.insert("size".into(), "4".into());
        present.get_mut("web").unwrap().id = "other".into();
        let related = [("db:db".to_owned(), "web:other".to_owned())];
        let db = name("db");
        assert_eq!(
            plan(&bundle(), &ready(), &present, &related),
            [
                Change::Refresh(db.clone()),
                Change::Configure(db.clone(), [("size".to_owned(), "3".to_owned())].into()),
                Change::AddUnits(db.clone(), 1),
                Change::Trust(db.clone(), true),
                Change::Expose(db, true),
                Change::Refresh(name("web")),
                Change::Relate("web:db".into(), "db".into()),
            ]
        );
    }
}
