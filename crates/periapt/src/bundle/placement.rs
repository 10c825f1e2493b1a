//! Where the units of a bundle go (Juju 3.6: `to` and `machines`, `ParsePlacement`, `unitProcessor`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use periapt_model::names::{AppName, MachineId, UnitName};

use super::plan::Now;
use super::{App, Bundle, BundleMachine};

/// One entry of `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `0`: a machine of the bundle.
    Machine(BundleMachine),
    /// `new`: a machine of its own.
    New,
    /// `web/0`: with that unit, counted from 0 among the application's units.
    Unit(AppName, usize),
    /// `web`: with the next of its units that has none of this application beside it.
    App(AppName),
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(number) => number.fmt(f),
            Self::New => f.write_str("new"),
            Self::Unit(app, number) => write!(f, "{app}/{number}"),
            Self::App(app) => app.fmt(f),
        }
    }
}

impl FromStr for Placement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "invalid placement syntax {text:?}: write the number of a machine of the bundle, new, APP/NUMBER or APP"
            )
        };
        if let Some((kind, _)) = text.split_once(':') {
            return Err(match kind {
                "lxd" | "kvm" => format!(
                    "cannot place a unit on {text:?}: there are no containers of machines here; write what stands behind \
                     the colon to place it on the machine itself, or new for a machine of its own"
                ),
                _ => invalid(),
            });
        }
        if text == "new" {
            return Ok(Self::New);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(|number| Self::Machine(BundleMachine(number))).map_err(|_| invalid());
        }
        let (app, number) = text.split_once('/').map_or((text, None), |(app, number)| (app, Some(number)));
        let app: AppName = app.parse().map_err(|_| invalid())?;
        match number {
            None => Ok(Self::App(app)),
            Some(_) if app.as_str() == "new" => Err(invalid()),
            Some(number) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().map(|number| Self::Unit(app, number)).map_err(|_| invalid())
            }
            Some(_) => Err(invalid()),
        }
    }
}

/// Which machine of the model each of a bundle's machines is, where it is one already.
pub type MachineMap = BTreeMap<BundleMachine, MachineId>;

/// Where a new unit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A machine of its own.
    New,
    /// A machine of the model.
    There(MachineId),
    /// A machine that is made for the bundle.
    Made(BundleMachine),
    /// The machine of another new unit, by its place among all new units.
    With(usize),
}

/// A new unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnit {
    /// Of which application.
    pub app: AppName,
    /// Where it goes.
    pub spot: Spot,
    /// The unit or application that it is placed with, as the bundle has it.
    pub directive: Option<Placement>,
}

/// Applications whose placements go round in a circle.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle(pub BTreeSet<AppName>);

/// The units that a model lacks of a bundle, in an order in which each finds those that it is placed with. Those that are
/// there stay where they are, and each makes good for one placement.
pub fn place(bundle: &Bundle, now: &Now, map: &MachineMap) -> Result<Vec<NewUnit>, Circle> {
    let mut placing = Placing { now, map, new: Vec::new() };
    let mut left: BTreeSet<&AppName> = bundle.applications.keys().collect();
    while !left.is_empty() {
        let ready: Vec<&AppName> = left
            .iter()
            .copied()
            .filter(|name| {
                let mut needed = bundle.applications.get(*name).into_iter().flat_map(App::placements);
                !needed.any(|to| match to {
                    Placement::Unit(app, _) | Placement::App(app) => left.contains(app),
                    Placement::Machine(_) | Placement::New => false,
                })
            })
            .collect();
        if ready.is_empty() {
            return Err(Circle(left.into_iter().cloned().collect()));
        }
        for name in ready {
            left.remove(name);
            if let Some(app) = bundle.applications.get(name) {
                placing.application(name, app);
            }
        }
    }
    Ok(placing.new)
}

struct Placing<'a> {
    now: &'a Now,
    map: &'a MachineMap,
    new: Vec<NewUnit>,
}

impl Placing<'_> {
    fn there(&self, app: &AppName) -> &[(UnitName, MachineId)] {
        self.now.applications.get(app).map(|app| app.units.as_slice()).unwrap_or_default()
    }

    /// The new units of an application, by their places among all.
    fn made(&self, app: &AppName) -> Vec<usize> {
        let of = |(place, unit): (usize, &NewUnit)| (&unit.app == app).then_some(place);
        self.new.iter().enumerate().filter_map(of).collect()
    }

    fn application(&mut self, name: &AppName, app: &App) {
        let there = self.there(name).len();
        let wanted = app.units.unwrap_or(0) as usize;
        let mut open = self.unsatisfied(name, app.placements()).into_iter();
        // Only what can be had again and again is repeated: one machine is not (Juju 3.6: `placeUnitsForApplication`).
        let last = app.placements().last();
        let last = last.filter(|to| matches!(to, Placement::New | Placement::App(_)));
        // Where units of the application already are, or will be: nobody is placed beside them twice.
        let mut beside: BTreeMap<&AppName, Vec<Spot>> = BTreeMap::new();
        for _ in there..wanted {
            let to = open.next().or(last);
            let spot = match to {
                None | Some(Placement::New) => Spot::New,
                Some(Placement::Machine(number)) => match self.map.get(number) {
                    Some(id) => Spot::There(*id),
                    None => Spot::Made(*number),
                },
                Some(Placement::Unit(other, index)) => self.spot_of(other, *index),
                Some(Placement::App(other)) => {
                    let spots = beside.entry(other).or_insert_with(|| self.free_spots(name, other));
                    if spots.is_empty() { Spot::New } else { spots.remove(0) }
                }
            };
            let directive = to.filter(|to| matches!(to, Placement::Unit(..) | Placement::App(_)));
            let directive = directive.filter(|_| spot != Spot::New).cloned();
            self.new.push(NewUnit { app: name.clone(), spot, directive });
        }
    }

    /// Where the unit of that place among its application's units is, or will be.
    fn spot_of(&self, app: &AppName, index: usize) -> Spot {
        let there = self.there(app);
        match there.get(index) {
            Some((_, machine)) => Spot::There(*machine),
            None => {
                let made = self.made(app);
                made.get(index - there.len()).map_or(Spot::New, |place| Spot::With(*place))
            }
        }
    }

    /// The machines of `other`'s units, those that are there first, without those that have a unit of `name`.
    fn free_spots(&self, name: &AppName, other: &AppName) -> Vec<Spot> {
        let taken: BTreeSet<MachineId> = self.there(name).iter().map(|(_, machine)| *machine).collect();
        let machines: BTreeSet<MachineId> = self.there(other).iter().map(|(_, machine)| *machine).collect();
        let there = machines.difference(&taken).map(|machine| Spot::There(*machine));
        there.chain(self.made(other).into_iter().map(Spot::With)).collect()
    }

    /// The placements that no unit makes good for. Each takes the first unit that is where it says, in their order, as a
    /// new deployment gives them out; `new`, which every unit fits, takes of what is left.
    fn unsatisfied<'p>(&self, name: &AppName, to: &'p [Placement]) -> Vec<&'p Placement> {
        let mut free: Vec<MachineId> = self.there(name).iter().map(|(_, machine)| *machine).collect();
        let mut take = |fits: &dyn Fn(MachineId) -> bool| match free.iter().position(|id| fits(*id)) {
            Some(place) => {
                free.remove(place);
                true
            }
            None => false,
        };
        let mut open: BTreeSet<usize> = (0..to.len()).collect();
        for (place, to) in to.iter().enumerate() {
            let taken = match to {
                Placement::Machine(number) => {
                    self.map.get(number).is_some_and(|wanted| take(&|id| id == *wanted))
                }
                Placement::Unit(app, index) => {
                    self.there(app).get(*index).is_some_and(|(_, wanted)| take(&|id| id == *wanted))
                }
                Placement::App(app) => take(&|id| self.there(app).iter().any(|(_, machine)| *machine == id)),
                Placement::New => false,
            };
            if taken {
                open.remove(&place);
            }
        }
        for (place, to) in to.iter().enumerate() {
            if matches!(to, Placement::New) && take(&|_| true) {
                open.remove(&place);
            }
        }
        to.iter().enumerate().filter(|(place, _)| open.contains(place)).map(|(_, to)| to).collect()
    }
}

/// Finds the bundle's machines again in a model that it was deployed into before: where units are that it places on them
/// (Juju 3.6: `InferMachineMap`). What is given stays.
///
/// A pair of machines that more applications speak for comes first; then one where units have the numbers of their
/// placements, and then one of equal numbers.
pub fn infer(bundle: &Bundle, now: &Now, given: &MachineMap) -> MachineMap {
    let mut map = given.clone();
    let mut said: BTreeMap<(BundleMachine, MachineId), (BTreeSet<&AppName>, usize)> = BTreeMap::new();
    for (name, app) in &bundle.applications {
        let units = now.applications.get(name).map(|app| app.units.as_slice()).unwrap_or_default();
        for (place, to) in app.placements().iter().enumerate() {
            let Placement::Machine(number) = to else { continue };
            for (unit, machine) in units {
                let (apps, numbers) = said.entry((*number, *machine)).or_default();
                apps.insert(name);
                *numbers += usize::from(unit.number() as usize == place);
            }
        }
    }
    let mut pairs: Vec<_> = said.into_iter().collect();
    pairs.sort_by_key(|((number, machine), (apps, numbers))| {
        (std::cmp::Reverse((apps.len(), *numbers, number.0 == machine.0)), *number, *machine)
    });
    let mut taken: BTreeSet<MachineId> = map.values().copied().collect();
    for ((number, machine), _) in pairs {
        if !map.contains_key(&number) && taken.insert(machine) {
            map.insert(number, machine);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::plan::Present;

    /// `a=2: 0 new; b=1: a/1`.
    fn bundle(text: &str) -> Bundle {
        let mut bundle = Bundle::default();
        for part in text.split(';') {
            let (name, to) = part.split_once(':').unwrap();
            let (name, units) = name.trim().split_once('=').unwrap();
            let to = to.split_whitespace().map(|to| to.parse().unwrap()).collect();
            let app = App { units: units.parse().ok(), to: Some(to), ..App::default() };
            bundle.applications.insert(name.parse().unwrap(), app);
        }
        bundle
    }

    /// `a/0@3 a/2@4 b/0@3`.
    fn model(text: &str) -> Now {
        let mut now = Now::default();
        for unit in text.split_whitespace() {
            let (unit, machine) = unit.split_once('@').unwrap();
            let (unit, machine) = (unit.parse::<UnitName>().unwrap(), MachineId(machine.parse().unwrap()));
            let app = now.applications.entry(unit.app().clone()).or_insert_with(Present::default);
            app.units.push((unit, machine));
        }
        now
    }

    fn shown(bundle_text: &str, model_text: &str) -> String {
        let (bundle, now) = (bundle(bundle_text), model(model_text));
        let map = infer(&bundle, &now, &MachineMap::new());
        let units = place(&bundle, &now, &map).unwrap();
        let shown = units.iter().map(|unit| match unit.spot {
            Spot::New => format!("{}>new", unit.app),
            Spot::There(id) => format!("{}>{id}", unit.app),
            Spot::Made(number) => format!("{}>made{number}", unit.app),
            Spot::With(place) => format!("{}>with{place}", unit.app),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn units_go_where_the_bundle_says() {
        for (bundle, model, wanted) in [
            ("a=3:", "", "a>new a>new a>new"),
            // One machine is for one unit; the rest go to machines of their own.
            ("a=3: 0", "", "a>made0 a>new a>new"),
            ("a=2: 0 0", "", "a>made0 a>made0"),
            ("a=2: new", "", "a>new a>new"),
            // Those that others are placed with come first, whatever they are called.
            ("a=2: z; z=2: 5", "", "z>made5 z>new a>with0 a>with1"),
            ("a=3: z; z=2:", "", "z>new z>new a>with0 a>with1 a>new"),
            ("a=2: z/1; z=2:", "", "z>new z>new a>with1 a>new"),
            ("a=1: b; b=1: c; c=1: 0", "", "c>made0 b>with0 a>with1"),
            // With units that are there.
            ("a=2: z; z=2:", "z/3@8 z/4@9", "a>8 a>9"),
            ("a=2: z; z=2:", "z/3@8 z/4@9 a/0@8", "a>9"),
            ("a=3: z z 7; z=2: 7", "z/0@8 z/1@9 a/0@8 a/1@9", "a>8"),
            ("a=1: z/1; z=2:", "z/3@8 z/4@9", "a>9"),
            ("a=1: z/1; z=2:", "z/3@8", "z>new a>with0"),
            // A second run, and one that asks for more.
            ("a=2: 0 1; b=1: 0", "a/0@0 a/1@1 b/0@0", ""),
            ("a=3: 0 1 2; b=1: 0", "a/0@3 a/1@4 b/0@3", "a>made2"),
            ("a=2: 0 1; b=2: 0 1", "a/0@3 a/1@4 b/0@3", "b>4"),
            ("a=2: 0 1", "a/1@1", "a>made0"),
            ("a=3: new new new", "a/0@1", "a>new a>new"),
            // Somebody put a unit elsewhere: it stays there.
            ("a=1: 0", "a/0@9", ""),
            ("a=2: z/0; z=1: 0", "a/0@9 z/0@3", "a>3"),
        ] {
            assert_eq!(shown(bundle, model), wanted, "{bundle} | {model}");
        }
    }

    #[test]
    fn machines_are_found_again_by_what_is_on_them() {
        for (text, there, wanted) in [
            ("a=1: 0; b=1: 1", "a/0@5 b/0@6", "0=5 1=6"),
            // The numbers of the machines are those of others here.
            ("a=3: 0 1 2; b=1: 0; c=1: 2", "a/0@1 a/1@2 a/2@3 b/0@1 c/0@3", "0=1 1=2 2=3"),
            ("a=2: 0 1", "a/1@1", "1=1"),
            ("a=1: 0; b=1: 1", "a/0@5 b/0@5", "0=5"),
        ] {
            let map = infer(&bundle(text), &model(there), &MachineMap::new());
            let shown: Vec<String> = map.iter().map(|(number, id)| format!("{number}={id}")).collect();
            assert_eq!(shown.join(" "), wanted, "{text} | {there}");
        }
        let given = MachineMap::from([(BundleMachine(0), MachineId(6))]);
        assert_eq!(infer(&bundle("a=1: 0"), &model("a/0@5"), &given), given, "what is given stays");
    }

    #[test]
    fn circles_are_named() {
        for text in ["a=1: b; b=1: a/0; c=1: new", "a=1: a/0; b=1: a"] {
            let circle = place(&bundle(text), &Now::default(), &MachineMap::new()).unwrap_err();
            assert_eq!(circle.0, ["a".parse().unwrap(), "b".parse().unwrap()].into());
        }
    }

    #[test]
    fn placements_have_four_forms() {
        for text in ["0", "12", "new", "web", "web/3"] {
            assert_eq!(text.parse::<Placement>().unwrap().to_string(), text);
        }
        for bad in ["", "-1", "99999999999", "web/", "web/x", "web/0/1", "new/0", "Web", "zone=a", "maas:3"] {
            let error = bad.parse::<Placement>().unwrap_err();
            assert!(error.contains("invalid placement syntax"), "{bad}: {error}");
        }
        for container in ["lxd:0", "kvm:new", "lxd:web/0"] {
            let error = container.parse::<Placement>().unwrap_err();
            assert!(error.contains("there are no containers of machines here"), "{error}");
        }
    }
}
