//! Relations and their databags.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use periapt_model::charm::Role;
use periapt_model::names::{AppName, RelationId, UnitName};

use super::Context;
use crate::commands::CommandError;
use crate::databag::{Databag, Interface, RawBag, Untyped};
use crate::error::Error;
use crate::event::{Event, RelationRef};
use crate::handle::Endpoint;

/// Whose databag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationSide {
    /// An application's.
    App(AppName),
    /// A unit's.
    Unit(UnitName),
}

impl fmt::Display for RelationSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => app.fmt(f),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

pub(super) type BagKey = (RelationId, RelationSide);

/// One relation of an endpoint.
pub struct Relation<'a, I: Interface> {
    cx: &'a Context,
    endpoint: Endpoint<I>,
    id: RelationId,
    active: bool,
}

impl<I: Interface> fmt::Debug for Relation<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relation({}:{})", self.endpoint.name(), self.id)
    }
}

impl<I: Interface> Clone for Relation<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: Interface> Copy for Relation<'_, I> {}

impl Context {
    /// The endpoint's relation, if there is one. One that is being broken does not count.
    ///
    /// # Errors
    /// There are several: use [`Context::relations`].
    pub fn relation<I: Interface>(&self, endpoint: Endpoint<I>) -> Result<Option<Relation<'_, I>>, Error> {
        let all = self.relations(endpoint)?;
        match all.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            many => Err(Error::needs_human(format!(
                "{} is related to {} applications, and can only serve one",
                endpoint.name(),
                many.len()
            ))),
        }
    }

    /// All relations of the endpoint, but one that is being broken.
    ///
    /// # Errors
    /// Those of `relation-ids`.
    pub fn relations<I: Interface>(&self, endpoint: Endpoint<I>) -> Result<Vec<Relation<'_, I>>, Error> {
        let ids = self.relation_ids(endpoint.name())?;
        let broken = match self.environment.event() {
            Some(Event::RelationBroken(event)) => Some(event.relation.id),
            _ => None,
        };
        let open = ids.iter().copied().filter(|id| Some(*id) != broken);
        Ok(open.map(|id| Relation { cx: self, endpoint, id, active: true }).collect())
    }

    /// The relation that an event is about, also one that is being broken or gone.
    ///
    /// # Errors
    /// The event is about a relation of another endpoint.
    pub fn relation_of<I: Interface>(
        &self,
        endpoint: Endpoint<I>,
        relation: &RelationRef,
    ) -> Result<Relation<'_, I>, Error> {
        if relation.endpoint.as_str() != endpoint.name() {
            return Err(Error::bug(format!("{relation} is no relation of {}", endpoint.name())));
        }
        let active = self.relations(endpoint)?.iter().any(|known| known.id == relation.id);
        Ok(Relation { cx: self, endpoint, id: relation.id, active })
    }

    /// The databag of the application or unit of that name.
    pub(super) fn bag_by_name(&self, relation: &RelationRef, name: &str) -> Result<Rc<RawBag>, Error> {
        let side = match name.parse::<UnitName>() {
            Ok(unit) => RelationSide::Unit(unit),
            Err(_) => RelationSide::App(AppName::new(name)?),
        };
        // Only names matter here: which role the endpoint has does not.
        let endpoint = Endpoint::<Untyped>::new("", Role::Requirer, "");
        let named = Relation { cx: self, endpoint, id: relation.id, active: true };
        named.read_bag(&relation.to_string(), &side)
    }

    pub(crate) fn relation_ids(&self, endpoint: &str) -> Result<Rc<Vec<RelationId>>, Error> {
        if let Some(ids) = self.cache.borrow().relation_ids.get(endpoint) {
            return Ok(Rc::clone(ids));
        }
        let names: Vec<String> = self.json("relation-ids", &[endpoint])?;
        let ids: Result<Vec<RelationId>, _> =
            names.iter().map(|name| name.rsplit(':').next().unwrap_or(name).parse()).collect();
        let ids =
            ids.map_err(|error| CommandError::unreadable("relation-ids", &[endpoint.to_owned()], error))?;
        let ids = Rc::new(ids);
        self.cache.borrow_mut().relation_ids.insert(endpoint.to_owned(), Rc::clone(&ids));
        Ok(ids)
    }
}

impl<'a, I: Interface> Relation<'a, I> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> RelationId {
        self.id
    }

    /// Its name: `db:3`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.endpoint.name(), self.id)
    }

    /// Its endpoint's name.
    #[must_use]
    pub fn endpoint_name(&self) -> &'static str {
        self.endpoint.name()
    }

    /// Whether it is there, and not being broken.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The application on the other side; our own in a peer relation. None if nobody knows any more.
    ///
    /// # Errors
    /// Those of `relation-list`.
    pub fn app(&self) -> Result<Option<AppName>, Error> {
        if self.endpoint.role() == Role::Peer {
            return Ok(Some(self.cx.app().clone()));
        }
        if let Some(unit) = self.units()?.first() {
            return Ok(Some(unit.app().clone()));
        }
        let of_event = self.cx.environment.event().and_then(|event| match event {
            Event::RelationCreated(e) if e.relation.id == self.id => Some(e.app.clone()),
            Event::RelationJoined(e) if e.relation.id == self.id => Some(e.app.clone()),
            Event::RelationChanged(e) if e.relation.id == self.id => Some(e.app.clone()),
            Event::RelationDeparted(e) if e.relation.id == self.id => Some(e.app.clone()),
            Event::RelationBroken(e) if e.relation.id == self.id => Some(e.app.clone()),
            _ => None,
        });
        if of_event.is_some() {
            return Ok(of_event);
        }
        match self.cx.json("relation-list", &["--app", "-r", &self.name()]) {
            Ok(name) => Ok(Some(name)),
            Err(error) if error.failed == crate::commands::Failed::RelationGone => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The units of the other side (our peers, in a peer relation) whose `joined` we have had.
    ///
    /// # Errors
    /// Those of `relation-list`.
    pub fn units(&self) -> Result<Rc<Vec<UnitName>>, Error> {
        if let Some(units) = self.cx.cache.borrow().members.get(&self.id) {
            return Ok(Rc::clone(units));
        }
        let units: Vec<UnitName> = match self.cx.json("relation-list", &["-r", &self.name()]) {
            Ok(units) => units,
            Err(error) if error.failed == crate::commands::Failed::RelationGone => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let units = Rc::new(units);
        self.cx.cache.borrow_mut().members.insert(self.id, Rc::clone(&units));
        Ok(units)
    }

    /// What the other application wrote; none if it has written nothing, or if the relation is gone.
    ///
    /// # Errors
    /// Values that do not fit the type.
    pub fn remote_app(&self) -> Result<Option<I::RemoteApp>, Error> {
        let Some(app) = self.app()? else { return Ok(None) };
        self.typed(RelationSide::App(app))
    }

    /// What a unit of the other side wrote.
    ///
    /// # Errors
    /// As [`Relation::remote_app`].
    pub fn remote_unit(&self, unit: &UnitName) -> Result<Option<I::RemoteUnit>, Error> {
        self.typed(RelationSide::Unit(unit.clone()))
    }

    /// What each unit of the other side wrote, as far as it has written anything.
    ///
    /// # Errors
    /// As [`Relation::remote_app`].
    pub fn remote_units(&self) -> Result<BTreeMap<UnitName, I::RemoteUnit>, Error> {
        let mut all = BTreeMap::new();
        for unit in self.units()?.iter() {
            if let Some(bag) = self.remote_unit(unit)? {
                all.insert(unit.clone(), bag);
            }
        }
        Ok(all)
    }

    /// What our unit wrote.
    ///
    /// # Errors
    /// As [`Relation::remote_app`].
    pub fn local_unit(&self) -> Result<Option<I::LocalUnit>, Error> {
        self.typed(RelationSide::Unit(self.cx.unit().clone()))
    }

    /// What our application wrote. In a peer relation every unit may read it, elsewhere only the leader.
    ///
    /// # Errors
    /// This unit may not read it; values that do not fit the type.
    pub fn local_app(&self) -> Result<Option<I::LocalApp>, Error> {
        if self.endpoint.role() != Role::Peer && !self.cx.is_leader()? {
            return Err(Error::bug(format!(
                "{} does not lead {}: only the leader reads its application's databag in {}",
                self.cx.unit(),
                self.cx.app(),
                self.name()
            )));
        }
        self.typed(RelationSide::App(self.cx.app().clone()))
    }

    /// Writes our unit's databag: the keys of `data`, others stay.
    ///
    /// # Errors
    /// Data that cannot be written; those of `relation-set`.
    pub fn set_unit(&self, data: &I::LocalUnit) -> Result<(), Error> {
        self.write(RelationSide::Unit(self.cx.unit().clone()), data.to_raw()?)
    }

    /// Writes our application's databag: the keys of `data`, others stay. Leaders only.
    ///
    /// # Errors
    /// This unit does not lead; data that cannot be written; those of `relation-set`.
    pub fn set_app(&self, data: &I::LocalApp) -> Result<(), Error> {
        self.write(RelationSide::App(self.cx.app().clone()), data.to_raw()?)
    }

    /// A databag as it is.
    ///
    /// # Errors
    /// Those of `relation-get`.
    pub fn raw(&self, side: &RelationSide) -> Result<Rc<RawBag>, Error> {
        self.read_bag(&self.name(), side)
    }

    fn read_bag(&self, name: &str, side: &RelationSide) -> Result<Rc<RawBag>, Error> {
        let key = (self.id, side.clone());
        if let Some(bag) = self.cx.cache.borrow().bags.get(&key) {
            return Ok(Rc::clone(bag));
        }
        let whose = side.to_string();
        let mut args = vec!["-r", name];
        if matches!(side, RelationSide::App(_)) {
            args.push("--app");
        }
        args.extend(["-", &whose]);
        let bag: Option<RawBag> = match self.cx.json("relation-get", &args) {
            Ok(bag) => bag,
            Err(error) if error.failed == crate::commands::Failed::RelationGone => None,
            Err(error) => return Err(error.into()),
        };
        let bag = Rc::new(bag.unwrap_or_default());
        self.cx.cache.borrow_mut().bags.insert(key, Rc::clone(&bag));
        Ok(bag)
    }

    fn typed<T: Databag>(&self, side: RelationSide) -> Result<Option<T>, Error> {
        let raw = self.raw(&side)?;
        let juju_wrote = ["egress-subnets", "ingress-address", "private-address"];
        if raw.keys().all(|key| juju_wrote.contains(&key.as_str())) {
            return Ok(None);
        }
        T::from_raw(&raw).map(Some).map_err(|error| error.context(format!("{} of {side}", self.name())))
    }

    /// Changes keys of one of our two databags.
    ///
    /// # Errors
    /// The databag is not ours to write; those of `relation-set`.
    pub fn write(&self, side: RelationSide, changes: BTreeMap<String, Option<String>>) -> Result<(), Error> {
        let app = match &side {
            RelationSide::Unit(unit) if unit == self.cx.unit() => false,
            RelationSide::App(app) if app == self.cx.app() => true,
            other => {
                let us = self.cx.unit();
                return Err(Error::bug(format!(
                    "the databag of {other} in {} is not {us}'s to write",
                    self.name()
                )));
            }
        };
        if app && !self.cx.is_leader()? {
            return Err(Error::bug(format!(
                "{} does not lead {}: only the leader writes its application's databag in {}",
                self.cx.unit(),
                self.cx.app(),
                self.name()
            )));
        }
        let key = (self.id, side);
        let known = self.cx.cache.borrow().bags.get(&key).cloned();
        let is_new = |name: &String, value: &Option<String>| match &known {
            Some(bag) => bag.get(name) != value.as_ref(),
            None => true,
        };
        let changes: BTreeMap<_, _> =
            changes.into_iter().filter(|(name, value)| is_new(name, value)).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let texts: BTreeMap<&str, &str> = changes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
            .collect();
        let stdin = serde_json::to_vec(&texts)?;
        let mut args = vec!["-r".to_owned(), self.name()];
        if app {
            args.push("--app".to_owned());
        }
        args.extend(["--file".to_owned(), "-".to_owned()]);
        self.cx.run("relation-set", &args, Some(&stdin))?;
        if let Some(bag) = known {
            let mut bag = (*bag).clone();
            for (name, value) in changes {
                match value {
                    Some(value) => drop(bag.insert(name, value)),
                    None => drop(bag.remove(&name)),
                }
            }
            self.cx.cache.borrow_mut().bags.insert(key, Rc::new(bag));
        }
        Ok(())
    }
}
