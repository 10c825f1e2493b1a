//! Whatever a controller shows and whatever fails, the trace is in order, and everything settles in the end.

use std::time::Duration;

use periapt_model::charm::Role;
use periapt_model::names::{RelationId, StorageId};
use periapt_model::remote::Resolve;
use periapt_model::status::Life;
use proptest::prelude::*;

use super::harness::{World, charm, failed, interrupted, notice, unit};
use crate::checker::Checker;
use crate::{RestReason, begin};

#[derive(Clone, Debug)]
enum Change {
    Configure(u64),
    Relate { id: u32, peer: bool, implicit: bool },
    EndRelation(u32),
    VanishRelation(u32),
    Suspend(u32, bool),
    Member { relation: u32, number: u32, version: Option<u64> },
    AppBag { relation: u32, version: u64 },
    Storage(u32, Option<Life>),
    Lead(bool),
    NobodyLeads,
    LeaderSettings(u64),
    Upgrade { revision: u32, forced: bool },
    Task,
    CancelTask,
    Resolve(bool),
    Retries(bool),
    Wake(bool),
    Defer(u8),
    Fail,
    Interrupt,
    AgentDies,
    Reboot(u8),
    Wait(u16),
    Die,
    Steps(u8),
}

fn change() -> impl Strategy<Value = Change> {
    use Change::*;
    let ids = 0_u32..4;
    prop_oneof![
        8 => (1_u8..12).prop_map(Steps),
        2 => (0_u64..4).prop_map(Configure),
        3 => (ids.clone(), any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(id, peer, implicit)| Relate { id, peer, implicit }),
        1 => ids.clone().prop_map(EndRelation),
        1 => ids.clone().prop_map(VanishRelation),
        1 => (ids.clone(), any::<bool>()).prop_map(|(id, on)| Suspend(id, on)),
        5 => (ids.clone(), 0_u32..4, prop::option::weighted(0.7, 0_u64..4))
            .prop_map(|(relation, number, version)| Member { relation, number, version }),
        2 => (ids, 0_u64..4).prop_map(|(relation, version)| AppBag { relation, version }),
        3 => (0_u32..3, prop::sample::select(vec![Some(Life::Alive), Some(Life::Alive), Some(Life::Dying), None]))
            .prop_map(|(number, life)| Storage(number, life)),
        2 => any::<bool>().prop_map(Lead),
        1 => Just(NobodyLeads),
        1 => (0_u64..4).prop_map(LeaderSettings),
        2 => (0_u32..3, prop::bool::weighted(0.3)).prop_map(|(revision, forced)| Upgrade { revision, forced }),
        2 => Just(Task),
        1 => Just(CancelTask),
        1 => any::<bool>().prop_map(Resolve),
        1 => any::<bool>().prop_map(Retries),
        1 => any::<bool>().prop_map(Wake),
        2 => (0_u8..8).prop_map(Defer),
        3 => Just(Fail),
        2 => Just(Interrupt),
        2 => Just(AgentDies),
        1 => (0_u8..3).prop_map(Reboot),
        3 => (0_u16..400).prop_map(Wait),
        1 => prop::bool::weighted(0.2).prop_map(|die| if die { Die } else { Task }),
    ]
}

struct Run {
    world: World,
    /// Relations that have vanished or ended: their ids never come back.
    used: Vec<u32>,
    tasks: u64,
}

impl Run {
    fn new() -> Self {
        Self { world: World::new("app/3"), used: Vec::new(), tasks: 0 }
    }

    fn relation(&mut self, id: u32) -> Option<&mut periapt_model::remote::RemoteRelation> {
        self.world.remote.relations.get_mut(&RelationId(id))
    }

    fn make(&mut self, change: &Change) {
        match *change {
            Change::Steps(count) => {
                for _ in 0..count {
                    self.world.step();
                }
            }
            Change::Configure(value) => self.world.configure(value),
            Change::Relate { id, peer, implicit } if !self.used.contains(&id) => {
                self.used.push(id);
                let (role, app) = if peer { (Role::Peer, "app") } else { (Role::Provider, "other") };
                self.world.relate(id, role, "r", app, &[]);
                self.world.related(id).implicit = implicit && !peer;
            }
            Change::EndRelation(id) => {
                let over = self.relation(id).is_some_and(|relation| {
                    relation.life = Life::Dying;
                    !relation.in_scope
                });
                if over {
                    self.world.remote.relations.remove(&RelationId(id));
                }
            }
            Change::VanishRelation(id) => drop(self.world.remote.relations.remove(&RelationId(id))),
            Change::Suspend(id, on) => {
                self.relation(id).into_iter().for_each(|relation| relation.suspended = on)
            }
            Change::Member { relation, number, version } => {
                if let Some(relation) = self.relation(relation) {
                    let member = unit(&format!("{}/{number}", relation.remote_app));
                    match version.filter(|_| member != unit("app/3")) {
                        Some(version) => drop(relation.members.insert(member, version)),
                        None => drop(relation.members.remove(&member)),
                    }
                }
            }
            Change::AppBag { relation, version } => {
                if let Some(relation) = self.relation(relation) {
                    relation.apps.insert(relation.remote_app.clone(), version);
                }
            }
            Change::Storage(number, life) => {
                let id = StorageId { name: "data".parse().unwrap(), number };
                match life {
                    Some(life) => drop(self.world.remote.storages.insert(id, life)),
                    None => drop(self.world.remote.storages.remove(&id)),
                }
            }
            Change::Lead(leads) => {
                self.world.remote.leader = leads;
                self.world.follower = !leads;
                self.world.remote.leadership_known = true;
            }
            Change::NobodyLeads => {
                self.world.remote.leader = false;
                self.world.remote.leadership_known = false;
            }
            Change::LeaderSettings(version) => self.world.remote.leader_settings = version,
            Change::Upgrade { revision, forced } => {
                self.world.remote.charm = charm(revision);
                self.world.remote.charm_forced = forced;
            }
            Change::Task => {
                self.tasks += 1;
                self.world.add_task(self.tasks);
            }
            Change::CancelTask => self.world.remote.tasks.iter_mut().for_each(|task| task.cancelled = true),
            Change::Resolve(retry) => {
                self.world.remote.resolved = Some(if retry { Resolve::Retry } else { Resolve::NoRetry });
            }
            Change::Retries(on) => self.world.remote.retry_hooks = on,
            Change::Wake(on) => self.world.remote.deferred_wake = on.then_some(Duration::from_secs(1)),
            Change::Defer(bits) => {
                self.world.notices = Some((0..3).filter(|bit| bits & (1 << bit) != 0).map(notice).collect());
            }
            Change::Fail => self.world.ends.push(failed()),
            Change::Interrupt => self.world.ends.push(interrupted()),
            Change::AgentDies => {
                let step = self.world.decide();
                if step.runs_a_process() && !self.world.dead {
                    let transition = begin(&self.world.local, &self.world.remote, &step, &self.world.moment);
                    self.world.commit(transition, false);
                }
                self.world.moment.agent_started = self.world.moment.now;
                self.world.checker = Checker::resume(&self.world.local);
            }
            Change::Reboot(boot) => {
                self.world.moment.boot = Some(boot.to_string());
                self.world.checker = Checker::resume(&self.world.local);
            }
            Change::Wait(seconds) => self.world.pass(Duration::from_secs(seconds.into())),
            Change::Die => self.world.remote.life = Life::Dying,
            Change::Relate { .. } => {}
        }
    }

    /// With faults over and retries on, the unit comes to rest or to its end.
    fn calm_down(&mut self) {
        self.world.ends.clear();
        self.world.notices = Some(Vec::new());
        self.world.remote.retry_hooks = true;
        self.world.remote.deferred_wake = Some(Duration::from_secs(1));
        for _ in 0..50 {
            match self.world.settle() {
                RestReason::Settled | RestReason::Gone => return,
                _ => self.world.wait(),
            }
        }
        panic!("does not settle: {:?}", self.world.trace);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_trace_is_in_order_and_everything_settles(changes in prop::collection::vec(change(), 1..60)) {
        let mut run = Run::new();
        for change in &changes {
            run.make(change);
            prop_assert_eq!(&run.world.violations, &[], "{:?}", run.world.trace);
        }
        run.calm_down();
        prop_assert_eq!(&run.world.violations, &[], "{:?}", run.world.trace);
        if !run.world.dead {
            // What was told last is what is there.
            for (id, relation) in &run.world.local.relations {
                let there = &run.world.remote.relations[id];
                prop_assert!(relation.implicit || relation.members == there.members);
            }
            prop_assert!(run.world.local.deferred.events.is_empty());
            run.world.remote.life = Life::Dying;
            run.calm_down();
            prop_assert!(run.world.dead || run.world.remote.life == Life::Dead);
        }
        let joined = run.world.trace.iter().filter(|line| line.starts_with("r-relation-joined(") && !line.ends_with('!')).count();
        let departed = run.world.trace.iter().filter(|line| line.starts_with("r-relation-departed(") && !line.ends_with('!')).count();
        let forgotten = run.world.trace.iter().any(|line| line.starts_with("[forgotten") || line.starts_with("[dropped"));
        prop_assert!(joined == departed || forgotten, "{:?}", run.world.trace);
    }

    #[test]
    fn equal_inputs_give_equal_steps(changes in prop::collection::vec(change(), 1..40)) {
        let (mut one, mut other) = (Run::new(), Run::new());
        for change in &changes {
            one.make(change);
            other.make(change);
            prop_assert_eq!(&one.world.local, &other.world.local);
            prop_assert_eq!(one.world.decide(), other.world.decide());
        }
        prop_assert_eq!(one.world.trace, other.world.trace);
    }

    #[test]
    fn nobody_waits_in_the_dark(changes in prop::collection::vec(change(), 1..40)) {
        let mut run = Run::new();
        for change in &changes {
            run.make(change);
            let world = &run.world;
            if world.dead {
                break;
            }
            let waits = crate::why(&world.local, &world.remote, &world.moment);
            prop_assert!(waits.settled || !waits.waits.is_empty(), "{:?}", waits);
            let held = matches!(&world.local.op, periapt_model::local::Op::Hook { .. }) && !world.remote.retry_hooks;
            prop_assert!(waits.next.is_some() || held, "{:?} {:?}", waits, world.local);
            if !world.local.deferred.events.is_empty() && !held {
                prop_assert!(waits.next.is_some());
            }
        }
    }
}
