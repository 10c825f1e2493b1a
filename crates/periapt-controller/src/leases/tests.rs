//! Leadership through leases, with a clock that is moved by hand.

use periapt_model::command::{Deploy, Tell};
use periapt_model::entity::Charm;
use periapt_store::{HistoryLimits, ManualClock, Memory, Store};

use super::*;
use crate::controller::{Controller, Options};
use crate::views::testing::db_charm;

struct World {
    clock: Arc<ManualClock>,
    store: Arc<Memory>,
    controller: Controller,
    folder: tempfile::TempDir,
}

impl World {
    /// A model with `db/0` and `db/1`, each taken by its first agent.
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let options = periapt_store::Options { clock: clock.clone(), history: HistoryLimits::default() };
        let store = Arc::new(Memory::open(&options).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let controller = Self::open(&store, &folder).await;
        let model = controller.add_model("m".parse().unwrap(), &Default::default()).await.unwrap();
        let charm: Charm = db_charm();
        let deploy = Deploy {
            name: Some("db".parse().unwrap()),
            charm,
            units: 2,
            config: Default::default(),
            trust: false,
            resources: Default::default(),
            constraints: String::new(),
            channel: None,
            force: false,
        };
        model.apply(Command::Deploy(Box::new(deploy))).await.unwrap();
        for unit in ["db/0", "db/1"] {
            model.apply(Command::TakeUnit { unit: unit.parse().unwrap() }).await.unwrap();
        }
        Self { clock, store, controller, folder }
    }

    async fn open(store: &Arc<Memory>, folder: &tempfile::TempDir) -> Controller {
        Controller::open(store.clone(), Options::new(folder.path().to_owned())).await.unwrap()
    }

    fn model(&self) -> ModelHandle {
        self.controller.model("m").unwrap()
    }

    fn claim_of(unit: &str) -> Command {
        Command::Agent { unit: unit.parse().unwrap(), epoch: 1, tell: Tell::ClaimLeadership }
    }

    async fn claim(&self, unit: &str) -> bool {
        self.model().apply(Self::claim_of(unit)).await.unwrap() == Answer::Leader(true)
    }

    async fn renew(&self, unit: &str) -> bool {
        self.model().renew_leadership(&unit.parse().unwrap()).await
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Waits until nobody leads.
    async fn vacant(&self) {
        let model = self.model();
        let mut changed = model.watch();
        while !model.snapshot().leaders.is_empty() {
            changed.changed().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_lease_that_is_renewed_holds_and_one_that_is_not_goes_to_another_unit() {
    let world = World::new().await;
    assert!(world.claim("db/0").await);
    assert!(!world.claim("db/1").await && !world.renew("db/1").await);
    for _ in 0..4 {
        world.pass(30);
        assert!(world.renew("db/0").await);
    }
    world.pass(60);
    assert!(!world.renew("db/0").await, "its time was up, even if nobody has noticed yet");
    world.vacant().await;
    assert!(world.claim("db/1").await);
    assert!(!world.renew("db/0").await && world.renew("db/1").await);
}

#[tokio::test]
async fn a_leader_is_found_again_after_a_restart_and_a_removed_one_makes_room() {
    let mut world = World::new().await;
    assert!(world.claim("db/0").await);
    world.controller = World::open(&world.store, &world.folder).await;
    assert!(world.renew("db/0").await);
    let units = vec!["db/0".parse().unwrap()];
    world.model().apply(Command::RemoveUnits { units, force: true }).await.unwrap();
    assert!(world.claim("db/1").await);
    world.pass(30);
    assert!(world.renew("db/1").await);
    // The end of the removed unit's lease, whenever it comes, is nothing to the new leader.
    world.pass(59);
    assert!(world.renew("db/1").await);
}

#[tokio::test]
async fn the_end_of_a_lease_that_is_not_told_any_more_is_found_all_the_same() {
    let world = World::new().await;
    let model = world.model();
    // A leader whose key is gone, and a history in which that is not written any more.
    model.apply_with(World::claim_of("db/0"), |txn, _| txn).await.unwrap();
    let head = world.store.submit(periapt_store::Txn::new().put("other", Vec::new())).await.unwrap().revision;
    world.store.compact(head).await.unwrap();
    tokio::spawn(listen(Arc::downgrade(&model.shared), Revision::INITIAL.next()));
    world.vacant().await;
}
