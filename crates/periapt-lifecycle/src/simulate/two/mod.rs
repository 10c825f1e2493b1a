//! Two models with an offer or more between them, and the linker that keeps the halves of their relations in step.
//!
//! Each is a simulated model as in [`World`](super::World), with agents and faults. Between their changes the linker looks, at
//! a state that may be old when it acts on it, and does its changes one by one in any order; it has no memory, so that its
//! death is that some of them are never done. What must hold is checked after each action; in the end the faults stop, and
//! both models must come to rest with halves that agree.

mod check;
mod draw;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use periapt_model::command::{Command, CrossModel, EndpointRef};
use periapt_model::entity::OfferSource;
use periapt_model::mirror::{LinkChange, offer_endpoints, plan};
use periapt_model::model::Model;
use periapt_model::names::{AppName, EndpointName, OfferName, RelationId};
use serde::{Deserialize, Serialize};

use super::action::Action;
use super::charms::Charms;
use super::rng::Rng;
use super::scopes::Leaves;
use super::world::World;
use super::{Broken, Done, Failing, Size, settle, shrink};

/// One thing that happens. Models are counted from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TwoAction {
    /// Something in one of the models.
    In(usize, Action),
    /// A model offers what of an application can be offered.
    Offer(usize, AppName),
    /// A model takes an offer back; by force if true.
    RemoveOffer(usize, OfferName, bool),
    /// A model consumes an offer of the other under a name.
    Consume(usize, OfferName, AppName),
    /// A model relates what it consumes.
    Integrate(usize, AppName, AppName),
    /// A model consumes no more; by force if true.
    RemoveSaas(usize, AppName, bool),
    /// A model suspends a relation, or resumes it.
    Suspend(usize, RelationId, bool),
    /// The linker looks at both models.
    Look,
    /// Of what it wants to do since it looked, it does one thing.
    Link(usize),
    /// The daemon dies: all agents, and the linker before it has done the rest.
    KillDaemon,
}

/// Two simulated models.
#[derive(Clone, Debug)]
pub struct TwoWorlds {
    pub(super) worlds: [World; 2],
    /// What the linker is about to do.
    pub(super) wanted: Vec<(String, LinkChange)>,
    linked: Linked,
}

/// What the linker has done in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// Relations that got their other half.
    pub relations: u64,
    /// What one half was like, told to the other.
    pub mirrored: u64,
    /// Halves that were told to be alone.
    pub ended: u64,
    /// Secrets, some or none, put into the other model.
    pub secrets: u64,
    /// Of those, times that something in them could be read.
    pub readable: u64,
    /// Times that units over there were found to read one.
    pub readings: u64,
    /// New halves that were refused for the time being: no room, or an older one that had not ended.
    pub refused: u64,
}

impl std::ops::AddAssign for Linked {
    fn add_assign(&mut self, other: Self) {
        self.relations += other.relations;
        self.mirrored += other.mirrored;
        self.ended += other.ended;
        self.secrets += other.secrets;
        self.readable += other.readable;
        self.readings += other.readings;
        self.refused += other.refused;
    }
}

impl Linked {
    fn count(&mut self, change: &LinkChange) {
        match change {
            LinkChange::Connect(_) => self.relations += 1,
            LinkChange::Mirror { .. } => self.mirrored += 1,
            LinkChange::Gone { .. } => self.ended += 1,
            LinkChange::Secrets { copies, .. } => {
                self.secrets += 1;
                self.readable += u64::from(copies.values().any(|copy| !copy.contents.is_empty()));
            }
            LinkChange::Readings { readings, .. } => {
                self.readings += u64::from(readings.values().any(|reading| !reading.units.is_empty()));
            }
            LinkChange::Forget { .. } => {}
        }
    }
}

const IDENTITIES: [&str; 2] = ["sim-a", "sim-b"];
/// Rounds of the linker that do not bring the halves closer are no progress.
const ROUNDS: usize = 30;

impl TwoWorlds {
    /// Two empty models.
    pub fn new(charms: &Charms) -> Self {
        Self {
            worlds: IDENTITIES.map(|uuid| World::of(charms, uuid)),
            wanted: Vec::new(),
            linked: Linked::default(),
        }
    }

    fn model(&self, at: usize) -> Option<&Model> {
        self.worlds.get(at).map(|world| &*world.driver.model)
    }

    fn models(&self) -> [Model; 2] {
        [0, 1].map(|at: usize| Model::clone(&self.worlds[at].driver.model))
    }

    /// Makes `action` happen. False: it made no sense here, and nothing happened.
    ///
    /// # Errors
    ///
    /// The invariant that it broke.
    pub fn act(&mut self, action: &TwoAction) -> Result<bool, Broken> {
        let happened = self.perform(action)?;
        // One clock for both.
        let now = self.worlds.iter().map(|world| world.driver.now).max();
        for world in &mut self.worlds {
            if let Some(now) = now.filter(|now| *now > world.driver.now) {
                world.driver.pass_to(now);
            }
        }
        self.check_rights()?;
        Ok(happened)
    }

    fn perform(&mut self, action: &TwoAction) -> Result<bool, Broken> {
        match action {
            TwoAction::In(_, Action::KillDaemon) | TwoAction::KillDaemon => {
                self.wanted.clear();
                let mut happened = false;
                for world in &mut self.worlds {
                    happened |= world.act(&Action::KillDaemon)?;
                }
                Ok(happened)
            }
            TwoAction::In(at, action) => match self.worlds.get_mut(*at) {
                Some(world) => world.act(action),
                None => Ok(false),
            },
            TwoAction::Look => {
                self.wanted = plan(&self.models());
                Ok(!self.wanted.is_empty())
            }
            TwoAction::Link(which) => {
                if self.wanted.is_empty() {
                    return Ok(false);
                }
                let change = self.wanted.remove(which % self.wanted.len());
                self.link(change)
            }
            other => match self.command(other) {
                Some((at, command, leaves)) => self.worlds[at].order(command, &leaves),
                None => Ok(false),
            },
        }
    }

    /// The operator's command that an action is, for which model, and who may leave relations by it in silence.
    fn command(&self, action: &TwoAction) -> Option<(usize, Command, Leaves<'static>)> {
        let cross = |command| Command::CrossModel(Box::new(command));
        let forced = |force: bool| if force { Leaves::Everybody } else { Leaves::Nobody };
        Some(match action {
            TwoAction::Offer(at, app) => {
                let endpoints = offerable(self.model(*at)?, app);
                (*at, cross(CrossModel::Offer { name: None, app: app.clone(), endpoints }), Leaves::Nobody)
            }
            // Even by force: units that stay see everybody leave.
            TwoAction::RemoveOffer(at, name, force) => {
                let command = CrossModel::RemoveOffer { name: name.clone(), force: *force };
                (*at, cross(command), Leaves::Nobody)
            }
            TwoAction::Consume(at, name, alias) => {
                let offering = self.model(1 - at.min(&1))?;
                let source = OfferSource {
                    model: offering.info.uuid.clone(),
                    model_name: offering.info.name.clone(),
                    offer: name.clone(),
                };
                let endpoints = offer_endpoints(offering, name)?;
                let command = CrossModel::Consume { source, alias: Some(alias.clone()), endpoints };
                (*at, cross(command), Leaves::Nobody)
            }
            TwoAction::Integrate(at, a, b) => {
                let whole = |app: &AppName| EndpointRef { app: app.clone(), endpoint: None };
                (*at, Command::Integrate { a: whole(a), b: whole(b) }, Leaves::Nobody)
            }
            TwoAction::RemoveSaas(at, app, force) => {
                let command = CrossModel::RemoveSaas { app: app.clone(), force: *force };
                (*at, cross(command), forced(*force))
            }
            TwoAction::Suspend(at, id, on) => {
                let relations = vec![*id];
                let command = match on {
                    true => CrossModel::Suspend { relations, message: "sim".to_owned() },
                    false => CrossModel::Resume { relations },
                };
                (*at, cross(command), Leaves::Nobody)
            }
            TwoAction::In(..) | TwoAction::Look | TwoAction::Link(_) | TwoAction::KillDaemon => return None,
        })
        .filter(|(at, ..)| *at < self.worlds.len())
    }

    /// One change of the linker's. What does not fit any more is refused, and found again if it is still wanted; nothing
    /// else is.
    fn link(&mut self, (uuid, change): (String, LinkChange)) -> Result<bool, Broken> {
        let command = Command::CrossModel(Box::new(CrossModel::Link(change.clone())));
        let Some(world) = self.worlds.iter_mut().find(|world| world.driver.model.info.uuid == uuid) else {
            return Ok(false);
        };
        let refused = check::is_refused(&world.driver.model, &change);
        let done = world.order(command, &Leaves::Nobody)?;
        if done == refused {
            let what = if done { "takes what it has to refuse" } else { "refuses what it has to take" };
            return Err(Broken { invariant: "links", text: format!("{uuid} {what}: {change:?}") });
        }
        match done {
            true => self.linked.count(&change),
            false => self.linked.refused += 1,
        }
        Ok(done)
    }

    /// The linker at work, until what is left cannot be done. Whether it did anything.
    fn link_all(&mut self) -> Result<bool, Broken> {
        let mut before = Vec::new();
        for round in 0..ROUNDS {
            let wanted = plan(&self.models());
            if wanted.is_empty() || wanted == before {
                return Ok(round > usize::from(!wanted.is_empty()));
            }
            for change in wanted.iter().cloned() {
                self.link(change)?;
            }
            before = wanted;
        }
        let text = format!("the halves do not come to rest: {:?}", plan(&self.models()));
        Err(Broken { invariant: "settles", text })
    }

    fn settle(&mut self) -> Result<(), Broken> {
        for world in &mut self.worlds {
            settle::begin(world)?;
        }
        let start = self.worlds.iter().map(|world| world.driver.now).max();
        loop {
            let mut moved = self.link_all()?;
            for world in &mut self.worlds {
                moved |= settle::advance(world)?;
            }
            self.check_rights()?;
            if moved {
                continue;
            }
            let unsettled: Vec<String> = self.worlds.iter().flat_map(settle::unsettled).collect();
            if unsettled.is_empty() {
                self.worlds.iter_mut().try_for_each(World::check_settled)?;
                return self.check_agreement();
            }
            let timers = self.worlds.iter().filter_map(|world| world.driver.first_timer());
            let next = timers.filter(|at| self.worlds.iter().all(|world| *at > world.driver.now)).min();
            match next.filter(|at| start.is_none_or(|start| *at <= start + World::PATIENCE)) {
                Some(at) => self.worlds.iter_mut().for_each(|world| world.driver.pass_to(at)),
                None => return Err(settle::stuck(&unsettled)),
            }
        }
    }

    fn done(&self) -> (Done, Linked) {
        let mut done = Done::default();
        self.worlds.iter().for_each(|world| done += world.done());
        (done, self.linked)
    }
}

/// The endpoints of an application that others can be related to over an offer.
fn offerable(model: &Model, app: &AppName) -> BTreeSet<EndpointName> {
    use periapt_model::charm::{Role, Scope};
    let endpoints = model.charm_of(app).into_iter().flat_map(|charm| &charm.meta.endpoints);
    endpoints
        .filter(|(_, end)| end.role != Role::Peer && end.scope == Scope::Global)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Runs one seed.
///
/// # Errors
///
/// [`Failing`] when an invariant is broken.
pub fn run(charms: &Charms, seed: u64, size: Size) -> Result<(Done, Linked), Box<Failing<TwoAction>>> {
    let mut rng = Rng::new(seed);
    let mut worlds = TwoWorlds::new(charms);
    let mut actions = Vec::new();
    let mut result = Ok(());
    for count in 0..size.actions {
        let action = draw::draw(&worlds, &mut rng, count);
        actions.push(action.clone());
        result = worlds.act(&action).map(|_| ());
        if result.is_err() {
            break;
        }
    }
    match result.and_then(|()| worlds.settle()) {
        Ok(()) => Ok(worlds.done()),
        Err(broken) => {
            let breaks = |actions: &[TwoAction]| replay(charms, actions).err();
            let actions = shrink::shrink(actions, broken.invariant, breaks);
            Err(Box::new(Failing { seed, broken, actions }))
        }
    }
}

/// Runs a list of actions, and lets everything settle.
///
/// # Errors
///
/// What they break.
pub fn replay(charms: &Charms, actions: &[TwoAction]) -> Result<(Done, Linked), Broken> {
    let mut worlds = TwoWorlds::new(charms);
    for action in actions {
        worlds.act(action)?;
    }
    worlds.settle()?;
    Ok(worlds.done())
}
