//! Random operations on a store and on the plainest model of one: a map, a counter and a list of events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use periapt_store::{
    Event, HistoryLimits, Key, KeyRange, KeyValue, LeaseError, LeaseId, ManualClock, Op, Options, Query,
    Revision, Txn, TxnError, WatchError,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{Fixture, Opener};

/// The revision that a compare asks for.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Current,
    Absent,
    Wrong,
}

/// A lease: the n-th granted, counted round.
type Nth = usize;

#[derive(Clone, Debug)]
enum Write {
    Put(Key, u8, Option<Nth>),
    Delete(KeyRange),
}

/// What is required, and what is then written.
type Transaction = (Vec<(Key, Expect)>, Vec<Write>);

#[derive(Clone, Debug)]
enum Action {
    /// Transactions submitted together, then awaited.
    Txns(Vec<Transaction>),
    Range(Query, KeyRange, Option<usize>, bool),
    Grant(u64),
    KeepAlive(Nth),
    Revoke(Nth),
    Advance(u64),
    Compact(u64),
    Watch(KeyRange, u64),
}

/// Few keys, some of them prefixes of others.
fn key() -> impl Strategy<Value = Key> {
    "[ab]{1,3}".prop_map(Key::from)
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        key().prop_map(KeyRange::key),
        "[ab]{0,2}".prop_map(KeyRange::prefix),
        (key(), key()).prop_map(|(start, end)| KeyRange::between(start, end)),
        key().prop_map(KeyRange::from_key),
    ]
}

fn txn() -> impl Strategy<Value = Transaction> {
    let expect = prop_oneof![6 => Just(Expect::Current), 1 => Just(Expect::Absent), 1 => Just(Expect::Wrong)];
    let lease = prop_oneof![3 => Just(None), 1 => (0..4_usize).prop_map(Some)];
    let write = prop_oneof![
        3 => (key(), any::<u8>(), lease).prop_map(|(key, value, lease)| Write::Put(key, value, lease)),
        1 => range().prop_map(Write::Delete),
    ];
    (prop::collection::vec((key(), expect), 0..3), prop::collection::vec(write, 0..6))
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => prop::collection::vec(txn(), 1..4).prop_map(Action::Txns),
        3 => (range(), prop::option::of(0..6_usize), any::<bool>()).prop_map(|(range, limit, reverse)| {
            let mut query = Query::new(range.clone());
            query = limit.map_or(query.clone(), |limit| query.limit(limit));
            query = if reverse { query.reverse() } else { query };
            Action::Range(query, range, limit, reverse)
        }),
        1 => (1..20_u64).prop_map(Action::Grant),
        1 => any::<Nth>().prop_map(Action::KeepAlive),
        1 => any::<Nth>().prop_map(Action::Revoke),
        2 => (0..8_u64).prop_map(Action::Advance),
        1 => any::<u64>().prop_map(Action::Compact),
        2 => (range(), any::<u64>()).prop_map(|(range, back)| Action::Watch(range, back)),
    ]
}

struct ModelLease {
    id: LeaseId,
    ttl: u64,
    deadline: u64,
    live: bool,
}

struct Model {
    head: u64,
    now: u64,
    compacted: u64,
    entries: BTreeMap<Key, KeyValue>,
    log: Vec<Event>,
    leases: Vec<ModelLease>,
}

impl Model {
    fn lease(&self, nth: Nth) -> Option<&ModelLease> {
        nth.checked_rem(self.leases.len()).map(|index| &self.leases[index])
    }

    fn is_live(&self, id: LeaseId) -> bool {
        self.leases.iter().any(|lease| lease.id == id && lease.live && self.now < lease.deadline)
    }

    /// Applies what is decided about each key as one revision, if that changes anything.
    fn apply(&mut self, decided: BTreeMap<Key, Option<(u8, Option<LeaseId>)>>) -> u64 {
        let revision = Revision(self.head + 1);
        let mut changed = false;
        for (key, decision) in decided {
            let old = self.entries.get(&key);
            match decision {
                None if old.is_none() => continue,
                None => {
                    self.entries.remove(&key);
                    self.log.push(Event::Delete { key, revision });
                }
                Some((value, lease)) => {
                    let entry = KeyValue {
                        key: key.clone(),
                        value: Arc::from([value]),
                        create_revision: old.map_or(revision, |old| old.create_revision),
                        mod_revision: revision,
                        version: old.map_or(1, |old| old.version + 1),
                        lease,
                    };
                    self.entries.insert(key, entry.clone());
                    self.log.push(Event::Put(entry));
                }
            }
            changed = true;
        }
        self.head += u64::from(changed);
        self.head
    }

    /// What the transaction must answer: a revision, or the error in words.
    fn run(&mut self, compares: &[(Key, Revision)], ops: &[Op]) -> Result<u64, String> {
        for (key, expected) in compares {
            let actual = self.entries.get(key).map_or(Revision::ABSENT, |entry| entry.mod_revision);
            if actual != *expected {
                return Err(format!("{key} is at revision {actual}, not {expected}"));
            }
        }
        // Key by key: the last write that touches it counts.
        let mut decided = BTreeMap::new();
        for op in ops {
            match op {
                Op::Put { key, value, lease } => {
                    decided.insert(key.clone(), Some((value[0], *lease)));
                }
                Op::Delete(range) => {
                    let known: Vec<Key> = self.entries.keys().chain(decided.keys()).cloned().collect();
                    for key in known.into_iter().filter(|key| range.contains(key)) {
                        decided.insert(key, None);
                    }
                }
            }
        }
        let leases = decided.values().filter_map(|decision| (*decision)?.1);
        if let Some(lease) = leases.into_iter().find(|lease| !self.is_live(*lease)) {
            return Err(format!("lease {lease} does not exist"));
        }
        Ok(self.apply(decided))
    }

    fn end_lease(&mut self, index: usize) -> u64 {
        let id = self.leases[index].id;
        self.leases[index].live = false;
        let attached = self.entries.values().filter(|entry| entry.lease == Some(id));
        self.apply(attached.map(|entry| (entry.key.clone(), None)).collect())
    }

    fn advance(&mut self, by: u64) {
        self.now += by;
        loop {
            let due = self.leases.iter().enumerate().filter(|(_, l)| l.live && l.deadline <= self.now);
            let Some((index, _)) = due.min_by_key(|(_, lease)| (lease.deadline, lease.id)) else {
                return;
            };
            self.end_lease(index);
        }
    }
}

struct Run {
    fixture: Fixture,
    clock: Arc<ManualClock>,
    model: Model,
}

impl Run {
    fn step(&mut self, action: Action) -> Result<(), TestCaseError> {
        let Self { fixture, clock, model } = self;
        let store = &fixture.store;
        match action {
            Action::Txns(txns) => {
                let mut pending = Vec::new();
                for (compares, writes) in txns {
                    let compares: Vec<_> = compares
                        .into_iter()
                        .map(|(key, expect)| {
                            let current = model.entries.get(&key).map_or(0, |e| e.mod_revision.0);
                            let expected = match expect {
                                Expect::Current => current,
                                Expect::Absent => 0,
                                Expect::Wrong => current + 1,
                            };
                            (key, Revision(expected))
                        })
                        .collect();
                    let ops: Vec<Op> = writes
                        .into_iter()
                        .map(|write| match write {
                            Write::Delete(range) => Op::Delete(range),
                            Write::Put(key, value, nth) => Op::Put {
                                key,
                                value: Arc::from([value]),
                                lease: nth.and_then(|nth| model.lease(nth)).map(|lease| lease.id),
                            },
                        })
                        .collect();
                    let txn = compares
                        .iter()
                        .fold(Txn::new(), |txn, (key, revision)| txn.require(key.clone(), *revision));
                    let txn = ops.iter().cloned().fold(txn, Txn::op);
                    let expected = model.run(&compares, &ops);
                    pending.push((store.submit(txn), expected));
                }
                for (pending, expected) in pending {
                    let answer = pending.wait().map(|done| done.revision.0);
                    prop_assert!(!matches!(answer, Err(TxnError::Store(_))));
                    prop_assert_eq!(answer.map_err(|error| error.to_string()), expected);
                }
            }
            Action::Range(query, range, limit, reverse) => {
                let mut expected: Vec<KeyValue> =
                    model.entries.values().filter(|e| range.contains(&e.key)).cloned().collect();
                if reverse {
                    expected.reverse();
                }
                let more = limit.is_some_and(|limit| expected.len() > limit);
                expected.truncate(limit.unwrap_or(usize::MAX));
                let result = store.range(query).wait().unwrap();
                prop_assert_eq!(result.entries, expected);
                prop_assert_eq!((result.revision.0, result.more), (model.head, more));
            }
            Action::Grant(ttl) => {
                let id = store.grant(Duration::from_secs(ttl)).wait().unwrap();
                prop_assert!(model.leases.iter().all(|lease| lease.id != id));
                model.leases.push(ModelLease { id, ttl, deadline: model.now + ttl, live: true });
            }
            Action::KeepAlive(nth) => {
                let Some(index) = nth.checked_rem(model.leases.len()) else {
                    return Ok(());
                };
                let live = model.is_live(model.leases[index].id);
                let lease = &mut model.leases[index];
                let answer = store.keep_alive(lease.id).wait();
                prop_assert_eq!(answer.is_ok(), live, "{:?}", answer);
                if live {
                    lease.deadline = model.now + lease.ttl;
                }
            }
            Action::Revoke(nth) => {
                let Some(index) = nth.checked_rem(model.leases.len()) else {
                    return Ok(());
                };
                let id = model.leases[index].id;
                let answer = store.revoke(id).wait();
                if model.is_live(id) {
                    let revision = model.end_lease(index);
                    prop_assert_eq!(answer.unwrap().revision.0, revision);
                } else {
                    prop_assert!(matches!(answer, Err(LeaseError::NotFound(_))), "{:?}", answer);
                }
            }
            Action::Advance(by) => {
                clock.advance(Duration::from_secs(by));
                model.advance(by);
                prop_assert_eq!(fixture.commit(Txn::new()).0, model.head);
            }
            Action::Compact(at) => {
                // Anything up to a little beyond the head.
                let revision = at % (model.head + 3);
                let answer = store.compact(Revision(revision)).wait();
                prop_assert_eq!(answer.is_ok(), revision <= model.head, "{:?}", answer);
                if revision <= model.head {
                    model.compacted = model.compacted.max(revision);
                }
            }
            Action::Watch(range, at) => {
                let from = at % (model.head + 3);
                let watch = store.watch(range.clone(), Revision(from)).wait();
                if from <= model.compacted {
                    let oldest = Revision(model.compacted + 1);
                    prop_assert!(
                        matches!(watch, Err(WatchError::Compacted { oldest: o }) if o == oldest),
                        "{:?}, compacted at {}",
                        watch,
                        model.compacted
                    );
                    return Ok(());
                }
                let mut watch = watch.unwrap();
                let mut seen = Vec::new();
                while let Some(changes) = watch.try_next().unwrap() {
                    prop_assert!(changes.events.iter().all(|e| e.revision() == changes.revision));
                    seen.extend(changes.events);
                }
                let expected = model
                    .log
                    .iter()
                    .filter(|event| event.revision().0 >= from && range.contains(event.key()));
                prop_assert_eq!(seen, expected.cloned().collect::<Vec<_>>());
            }
        }
        Ok(())
    }
}

pub(crate) fn random_operations_match_the_model(opener: &dyn Opener) {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let actions = prop::collection::vec(action(), 1..60);
    let outcome = TestRunner::new(config).run(&actions, |actions| {
        let clock = Arc::new(ManualClock::new());
        let history = HistoryLimits { events: usize::MAX, bytes: usize::MAX };
        let fixture = opener.open(Options { clock: clock.clone(), history });
        let model = Model {
            head: 1,
            now: 0,
            compacted: 1,
            entries: BTreeMap::new(),
            log: Vec::new(),
            leases: Vec::new(),
        };
        let mut run = Run { fixture, clock, model };
        // Sees everything, however much is compacted later, since it reads on after each step.
        let mut witness = run.fixture.store.watch(KeyRange::all(), Revision(2)).wait().unwrap();
        let mut seen = Vec::new();
        for action in actions {
            run.step(action)?;
            while let Some(changes) = witness.try_next().unwrap() {
                seen.extend(changes.events);
            }
        }
        let all = run.fixture.store.range(KeyRange::all().into()).wait().unwrap();
        prop_assert_eq!(all.entries, run.model.entries.into_values().collect::<Vec<_>>());
        prop_assert_eq!(all.revision.0, run.model.head);
        prop_assert_eq!(seen, run.model.log);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
