//! Whatever happens, in whatever order, the halves come to say the same.

use std::collections::BTreeMap;

use periapt_model::command::{Command, CrossModel, RelationRef};
use periapt_model::entity::ModelInfo;
use periapt_model::mirror::{LinkChange, consumer_name, plan};
use periapt_model::model::Model;
use periapt_model::names::{AppName, RelationId, UnitName};
use periapt_model::status::Life;
use periapt_model::step_commit::Act;
use proptest::prelude::*;

use crate::pair::{CONSUMES, OFFERS, Pair, app, cross, integrate, make_offer, offer};
use crate::secrets::{self, Happening as Secrets};

/// What may happen, to one of two models.
#[derive(Clone, Debug)]
enum Happening {
    Integrate,
    Enter(usize, u32),
    Leave(usize, u32),
    Write(usize, u32, u8),
    Remove(usize, bool),
    Suspend(bool),
    RemoveOffer,
    Offer,
    Consume,
    RemoveSaas(bool),
    Secret(Secrets),
    /// The linker looks, and does one of the changes that are asked for. The others it may do later.
    Link(usize),
    /// It does another one of those, whatever has happened since.
    Late(usize),
    /// All of them.
    Settle,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Integrate),
        6 => (0..2usize, 0..2u32).prop_map(|(at, n)| Happening::Enter(at, n)),
        4 => (0..2usize, 0..2u32).prop_map(|(at, n)| Happening::Leave(at, n)),
        6 => (0..2usize, 0..2u32, any::<u8>()).prop_map(|(at, n, v)| Happening::Write(at, n, v)),
        2 => (0..2usize, any::<bool>()).prop_map(|(at, force)| Happening::Remove(at, force)),
        2 => any::<bool>().prop_map(Happening::Suspend),
        1 => Just(Happening::RemoveOffer),
        2 => Just(Happening::Offer),
        2 => Just(Happening::Consume),
        1 => any::<bool>().prop_map(Happening::RemoveSaas),
        8 => secrets::happening().prop_map(Happening::Secret),
        8 => (0..8usize).prop_map(Happening::Link),
        8 => (0..8usize).prop_map(Happening::Late),
        2 => Just(Happening::Settle),
    ]
}

/// `wanted` is what the linker is about to do since it looked last.
fn happen(pair: &mut Pair, wanted: &mut Vec<(String, LinkChange)>, happening: Happening) {
    let linked = |pair: &Pair, at: usize| {
        let model = &pair.models[at];
        model.relations.values().find(|r| model.remote_app_of(r).is_some()).map(|r| r.id)
    };
    let name = |at: usize, number| UnitName::new(app(["db", "web"][at]), number);
    let command = match happening {
        Happening::Integrate => Some((CONSUMES, integrate())),
        Happening::Enter(at, n) => {
            if let Some(id) = linked(pair, at) {
                pair.act(at, &name(at, n), Act::EnterScope(id));
            }
            None
        }
        Happening::Leave(at, n) => {
            if let Some(id) = linked(pair, at) {
                pair.act(at, &name(at, n), Act::LeaveScope(id));
            }
            None
        }
        Happening::Write(at, n, value) => {
            if let Some(id) = linked(pair, at) {
                pair.write_bag(at, &name(at, n), id, "key", &value.to_string());
            }
            None
        }
        Happening::Remove(at, force) => {
            linked(pair, at).map(|id| (at, Command::RemoveRelation { relation: RelationRef::Id(id), force }))
        }
        Happening::Suspend(on) => linked(pair, OFFERS).map(|id| {
            let relations = vec![id];
            let command = match on {
                true => CrossModel::Suspend { relations, message: "m".into() },
                false => CrossModel::Resume { relations },
            };
            (OFFERS, cross(command))
        }),
        Happening::RemoveOffer => {
            Some((OFFERS, cross(CrossModel::RemoveOffer { name: offer("sql"), force: true })))
        }
        Happening::Offer => Some((OFFERS, make_offer("sql"))),
        Happening::Consume => Some((CONSUMES, pair.consume("sql", Some("remote")))),
        Happening::Secret(what) => {
            what.happen(pair);
            None
        }
        Happening::RemoveSaas(force) => {
            Some((CONSUMES, cross(CrossModel::RemoveSaas { app: app("remote"), force })))
        }
        Happening::Link(which) => {
            *wanted = plan(&pair.models);
            perform_one(pair, wanted, which);
            None
        }
        Happening::Late(which) => {
            perform_one(pair, wanted, which);
            None
        }
        Happening::Settle => {
            wanted.clear();
            pair.settle();
            None
        }
    };
    if let Some((at, command)) = command {
        let _ = pair.try_do(at, command);
    }
}

fn perform_one(pair: &mut Pair, wanted: &mut Vec<(String, LinkChange)>, which: usize) {
    if !wanted.is_empty() {
        pair.perform(wanted.remove(which % wanted.len()));
    }
}

/// Both halves of every relation say the same, and none is without its other unless it is on its way out.
/// None hangs, either, when nobody is left in what is ending.
fn check(pair: &Pair, all_left: bool) -> Result<(), TestCaseError> {
    let [offering, consuming] = &pair.models;
    let mut ending = offering.relations_of(&pair.consumer()).filter(|half| half.life != Life::Alive);
    let waits = ending.next().is_some() && !all_left;
    let halves = |model: &Model| -> Vec<RelationId> {
        model.relations.values().filter(|r| model.remote_app_of(r).is_some()).map(|r| r.id).collect()
    };
    for id in halves(consuming) {
        let half = &consuming.relations[&id];
        let other = half.link.as_ref().and_then(|link| offering.relations.get(&link.relation));
        // One that was ended without asking waits for its own units alone.
        let other = other.filter(|other| other.link.is_some());
        let Some(other) = other else {
            // A new one waits for the end of the one before.
            let waits = waits && half.link.is_none();
            prop_assert!(half.life != Life::Alive || waits, "{half:?} has no other half, and lives");
            continue;
        };
        prop_assert_eq!(&half.life, &other.life);
        prop_assert_eq!(half.suspended, other.suspended);
        let theirs = |model: &Model, id: RelationId, who: &AppName| -> BTreeMap<u32, (bool, u64)> {
            let data = model.relation_data.get(&id);
            let members = data.into_iter().flat_map(|data| data.members.iter());
            members
                .filter(|(unit, _)| unit.app() == who)
                .map(|(unit, member)| (unit.number(), (member.in_scope, member.version)))
                .collect()
        };
        let consumer = consumer_name("uuid-c", &app("web")).unwrap();
        prop_assert_eq!(theirs(consuming, id, &app("remote")), theirs(offering, other.id, &app("db")));
        prop_assert_eq!(theirs(consuming, id, &app("web")), theirs(offering, other.id, &consumer));
    }
    for id in halves(offering) {
        let same = |half: &&std::sync::Arc<periapt_model::entity::Relation>| {
            half.ends == offering.relations[&id].ends
        };
        prop_assert_eq!(offering.relations.values().filter(same).count(), 1, "two have the same ends");
        let half = &offering.relations[&id];
        let there = half.link.as_ref().is_some_and(|link| consuming.relations.contains_key(&link.relation));
        prop_assert!(there || half.life != Life::Alive, "{half:?} has no other half, and lives");
    }
    let names = offering.remote_apps.keys().filter(|name| offering.relations_of(name).next().is_none());
    prop_assert_eq!(names.count(), 0, "a consumer's name without relations");
    secrets::check(pair)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// The property that the whole of it stands on: whatever happens, in whatever order the linker gets to do its
    /// changes and however many of them a crash takes away, in the end the halves agree, and then nothing is left to do.
    #[test]
    fn the_halves_converge(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut pair = Pair::consumed();
        let mut wanted = Vec::new();
        for happening in happenings {
            happen(&mut pair, &mut wanted, happening);
        }
        pair.settle();
        check(&pair, false)?;
        // Read back from their records, as after a restart, there is nothing to do either.
        let again: Vec<Model> = pair
            .models
            .iter()
            .map(|model| {
                let mut read = Model::new(ModelInfo::clone(&model.info));
                model.records().into_iter().for_each(|record| read.put(record));
                read
            })
            .collect();
        prop_assert!(plan(&again).is_empty());
        // When everybody leaves, what was going away is gone.
        for at in [OFFERS, CONSUMES] {
            let dying: Vec<RelationId> = pair.models[at]
                .relations
                .values()
                .filter(|r| r.life != Life::Alive)
                .map(|r| r.id)
                .collect();
            for id in dying {
                for n in 0..2 {
                    let name = UnitName::new(app(["db", "web"][at]), n);
                    pair.act(at, &name, Act::LeaveScope(id));
                }
            }
        }
        pair.settle();
        check(&pair, true)?;
        for model in &pair.models {
            prop_assert!(model.relations.values().all(|r| r.life == Life::Alive), "a relation hangs");
        }
    }
}
