//! What is to be done of a bundle, as the steps of one change; and the lines that tell of them.

use std::collections::{BTreeMap, BTreeSet};

use periapt_controller::api::requests::{
    BatchStep, Change as Step, Consume, Deploy, Done, Expose, Integrate, MakeOffer, Refresh, SetConstraints,
};
use periapt_model::channel::Channel;
use periapt_model::command::Place;
use periapt_model::entity::Charm;
use periapt_model::names::{AppName, ResourceName};

use super::{Item, resources};
use crate::args::base;
use crate::args::controller::without_ours;
use crate::bundle::placement::{NewUnit, Spot};
use crate::bundle::plan::{Change, Now};
use crate::bundle::{App, Bundle, BundleMachine, Part};
use crate::error::Result;
use crate::session::Session;

/// Makes steps of changes: one of each.
pub(super) struct Steps<'a> {
    pub session: &'a Session,
    pub bundle: &'a Bundle,
    pub items: &'a BTreeMap<AppName, Item>,
    pub now: &'a Now,
}

impl Steps<'_> {
    /// The steps, in the order of the changes.
    ///
    /// # Errors
    /// Files for resources that cannot be read.
    pub(super) fn of(&self, changes: &[Change]) -> Result<Vec<BatchStep>> {
        // By which step a machine of the bundle is made, and each new unit.
        let mut machines: BTreeMap<BundleMachine, usize> = BTreeMap::new();
        let mut units: Vec<usize> = Vec::new();
        let mut steps = Vec::with_capacity(changes.len());
        for (number, change) in changes.iter().enumerate() {
            let of = self.bundle.places.name(&part(change));
            let change = match change {
                Change::Machine(machine) => {
                    machines.insert(*machine, number);
                    let spec = self.bundle.machines.get(machine);
                    Step::Machine {
                        constraints: spec.map(|spec| spec.constraints.clone()).unwrap_or_default(),
                    }
                }
                Change::Unit(unit) => {
                    let step =
                        |number: Option<&usize>| number.map_or(Place::New, |number| Place::Step(*number));
                    let place = match unit.spot {
                        Spot::New => Place::New,
                        Spot::There(id) => Place::Machine(id),
                        Spot::Made(machine) => step(machines.get(&machine)),
                        Spot::With(place) => step(units.get(place)),
                    };
                    units.push(number);
                    Step::Unit { application: unit.app.clone(), place }
                }
                other => self.step(other)?,
            };
            steps.push(BatchStep { of, change });
        }
        Ok(steps)
    }

    /// The url of an offer that the bundle consumes, as it is written there.
    fn url(&self, name: &AppName) -> String {
        self.bundle.saas.get(name).map(ToString::to_string).unwrap_or_default()
    }

    fn app(&self, name: &AppName) -> Option<(&App, &Item)> {
        self.bundle.applications.get(name).zip(self.items.get(name))
    }

    fn step(&self, change: &Change) -> Result<Step> {
        let refresh = |application: &AppName, refresh: Refresh| Step::Refresh {
            application: application.clone(),
            refresh: Box::new(refresh),
        };
        Ok(match change {
            Change::Deploy(name) => Step::Deploy(Box::new(self.deploy(name)?)),
            Change::Refresh(name) => refresh(name, self.refresh(name)?),
            Change::Follow(name, channel) => {
                refresh(name, Refresh { channel: Some(channel.clone()), ..Refresh::default() })
            }
            Change::Attach(name, wanted) => {
                let mut given = match self.app(name) {
                    Some((app, item)) => resources(self.session, app, item, |_| true)?,
                    None => BTreeMap::new(),
                };
                given.retain(|name, _| wanted.contains(name));
                refresh(name, Refresh { resources: given, ..Refresh::default() })
            }
            Change::Constrain(name, constraints) => Step::Constrain(SetConstraints {
                application: Some(name.clone()),
                constraints: constraints.to_string(),
            }),
            Change::Configure(name, options) => {
                Step::Configure { application: name.clone(), options: options.clone() }
            }
            Change::Trust(name, on) => Step::Trust { application: name.clone(), on: *on },
            // As `expose` without options: endpoints that are exposed otherwise stay so.
            Change::Expose(name, true) => {
                Step::ExposeTo { application: name.clone(), expose: Expose::default() }
            }
            Change::Expose(name, false) => Step::Expose { application: name.clone(), on: false },
            Change::ExposeTo(name, endpoint, to) => Step::ExposeTo {
                application: name.clone(),
                expose: Expose {
                    endpoints: endpoint.parse().into_iter().collect(),
                    spaces: to.spaces.clone(),
                    cidrs: to.cidrs.clone(),
                },
            },
            Change::Consume(name) => Step::Consume(Consume {
                url: without_ours(&self.url(name)).to_owned(),
                alias: Some(name.clone()),
            }),
            Change::Offer { app, name, .. } => {
                let spec = self.bundle.applications.get(app);
                let offer = spec.and_then(|app| app.offers.get(name)).and_then(Option::as_ref);
                Step::Offer(MakeOffer {
                    application: app.clone(),
                    endpoints: offer.map(|offer| offer.endpoints.clone()).unwrap_or_default(),
                    name: Some(name.clone()),
                })
            }
            Change::Relate(a, b) => Step::Relate(Integrate { a: a.clone(), b: b.clone(), via: Vec::new() }),
            // These need to know of the steps before them.
            Change::Machine(_) => Step::Machine { constraints: String::new() },
            Change::Unit(unit) => Step::Unit { application: unit.app.clone(), place: Place::New },
        })
    }

    fn deploy(&self, name: &AppName) -> Result<Deploy> {
        let Some((app, item)) = self.app(name) else { return Err(super::no_item(name)) };
        Ok(Deploy {
            name: Some(name.clone()),
            charm: self.charm(item)?,
            // Each of its units is a step of its own.
            units: 0,
            config: app.set().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            trust: app.trust.unwrap_or(false),
            resources: resources(self.session, app, item, |_| false)?,
            // A subordinate has no machines to constrain (Juju 3.6: `bundlehandler.go`).
            constraints: app
                .constraints
                .clone()
                .filter(|_| !item.prepared.meta.subordinate)
                .unwrap_or_default(),
            placement: Vec::new(),
            channel: item.channel.as_ref().map(Channel::to_string),
            force: false,
            storage: app.storage.clone(),
            attach_storage: Vec::new(),
        })
    }

    /// The charm with the base that a plain `deploy` of it would have.
    fn charm(&self, item: &Item) -> Result<Charm> {
        let mut charm = item.charm.clone();
        base::put_first(&mut charm.meta, None, false)?;
        Ok(charm)
    }

    fn refresh(&self, name: &AppName) -> Result<Refresh> {
        let Some((app, item)) = self.app(name) else { return Err(super::no_item(name)) };
        // A file that an operator gave stays, until he gives another.
        let given = self.now.applications.get(name).map(|app| &app.given);
        let kept = |name: &ResourceName| given.is_some_and(|given| given.contains(name));
        Ok(Refresh {
            charm: Some(item.charm.clone()),
            force_units: false,
            config: BTreeMap::new(),
            resources: resources(self.session, app, item, kept)?,
            channel: Some(item.channel.as_ref().map(Channel::to_string).unwrap_or_default()),
            trust: None,
            storage: BTreeMap::new(),
        })
    }

    /// What was done, or would be, in Juju's words (3.6: `bundlechanges`, `Description`).
    pub(super) fn lines(&self, changes: &[Change], done: &[Done]) -> Vec<String> {
        let mut uploaded = BTreeSet::new();
        let mut lines = Vec::new();
        for (number, change) in changes.iter().enumerate() {
            if let Change::Deploy(name) | Change::Refresh(name) = change
                && let Some((app, item)) = self.app(name)
                && uploaded.insert(item.charm.id.clone())
            {
                lines.push(format!("upload charm {}", charm_of(app, item)));
            }
            lines.push(self.line(change, done.get(number).cloned().unwrap_or_default()));
        }
        lines
    }

    fn line(&self, change: &Change, done: Done) -> String {
        match change {
            Change::Deploy(name) => match self.app(name) {
                Some((app, item)) => format!("deploy application {name}{}", deployed(name, app, item)),
                None => format!("deploy application {name}"),
            },
            Change::Refresh(name) => format!("upgrade {name} to the bundle's charm"),
            Change::Follow(app, channel) => format!("follow channel {channel} with {app}"),
            Change::Attach(app, resources) => {
                let names: Vec<&str> = resources.iter().map(ResourceName::as_str).collect();
                format!("attach resources to {app}: {}", names.join(", "))
            }
            Change::Constrain(app, constraints) => {
                format!("set constraints for {app} to {:?}", constraints.to_string())
            }
            Change::Configure(app, options) => {
                let keys: Vec<&str> = options.keys().map(String::as_str).collect();
                format!("set application options for {app}: {}", keys.join(", "))
            }
            Change::Trust(app, true) => format!("trust {app}"),
            Change::Trust(app, false) => format!("take trust from {app}"),
            Change::Expose(app, true) => {
                format!("expose all endpoints of {app} and allow access from CIDRs 0.0.0.0/0 and ::/0")
            }
            Change::Expose(app, false) => format!("unexpose {app}"),
            Change::ExposeTo(app, endpoint, to) => {
                let what = match endpoint.as_str() {
                    "" => format!("expose all endpoints of {app}"),
                    endpoint => format!("override expose settings for endpoint {endpoint} of {app}"),
                };
                let list = |word: &str, names: &[String]| match names {
                    [] => None,
                    [one] => Some(format!("{word} {one}")),
                    many => Some(format!("{word}s {}", many.join(","))),
                };
                let to = [list("space", &to.spaces), list("CIDR", &to.cidrs)];
                let to: Vec<String> = to.into_iter().flatten().collect();
                format!("{what} and allow access from {}", to.join(" and "))
            }
            Change::Machine(number) => match done.machine {
                Some(id) if id.0 == number.0 => format!("add new machine {id}"),
                Some(id) => format!("add new machine {id} (bundle machine {number})"),
                None => format!("add a new machine (bundle machine {number})"),
            },
            Change::Consume(name) => {
                format!("consume offer {name} at {}", self.url(name))
            }
            Change::Offer { app, name, update } => {
                let spec = self.bundle.applications.get(app);
                let offer = spec.and_then(|app| app.offers.get(name)).and_then(Option::as_ref);
                let endpoints: Vec<&str> = offer
                    .into_iter()
                    .flat_map(|offer| offer.endpoints.iter().map(|end| end.as_str()))
                    .collect();
                let verb = if *update { "update" } else { "create" };
                format!("{verb} offer {name} using {app}:{}", endpoints.join(","))
            }
            Change::Relate(a, b) => format!("add relation {a} - {b}"),
            Change::Unit(NewUnit { app, spot, directive }) => {
                let unit = done.unit.map_or_else(|| format!("of {app}"), |unit| unit.to_string());
                let machine = done.machine.map(|id| format!(" {id}")).unwrap_or_default();
                let kind = if matches!(spot, Spot::There(_)) { "existing" } else { "new" };
                let why = directive.as_ref().map(|to| format!(" to satisfy [{to}]")).unwrap_or_default();
                format!("add unit {unit} to {kind} machine{machine}{why}")
            }
        }
    }
}

/// The part of the bundle that a change comes of.
fn part(change: &Change) -> Part {
    match change {
        Change::Deploy(app) => Part::App(app.clone()),
        Change::Refresh(app) => Part::key(app, "charm"),
        Change::Follow(app, _) => Part::key(app, "channel"),
        Change::Attach(app, _) => Part::key(app, "resources"),
        Change::Constrain(app, _) => Part::key(app, "constraints"),
        Change::Configure(app, _) => Part::key(app, "options"),
        Change::Trust(app, _) => Part::key(app, "trust"),
        Change::Expose(app, _) => Part::key(app, "expose"),
        Change::ExposeTo(app, endpoint, _) => Part::key(app, format!("exposed-endpoints.{endpoint}")),
        Change::Machine(machine) => Part::Machine(*machine),
        Change::Consume(name) => Part::Saas(name.clone()),
        Change::Offer { app, name, .. } => Part::key(app, format!("offers.{name}")),
        Change::Relate(a, b) => Part::Relation(a.clone(), b.clone()),
        Change::Unit(unit) => Part::key(&unit.app, if unit.spot == Spot::New { "num_units" } else { "to" }),
    }
}

/// A charm of the store by its name, with where it comes from; a path as it is written.
fn charm_of(app: &App, item: &Item) -> String {
    match (&item.source, &item.channel) {
        (Some(source), Some(channel)) => {
            format!("{} from charm-hub from channel {channel}", source.url.name)
        }
        (Some(source), None) => format!("{} from charm-hub", source.url.name),
        (None, _) => app.charm.clone().unwrap_or_default(),
    }
}

fn deployed(name: &AppName, app: &App, item: &Item) -> String {
    let Some(source) = &item.source else { return String::new() };
    let channel = app.channel.as_ref().map(|channel| format!(" with {channel}")).unwrap_or_default();
    let using = if &source.url.name == name { String::new() } else { format!(" using {}", source.url.name) };
    format!(" from charm-hub{channel}{using}")
}
