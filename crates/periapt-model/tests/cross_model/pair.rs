//! Two models, what is done to them, and the linker's changes between them.

use std::collections::BTreeMap;

use periapt_model::apply::apply;
use periapt_model::charm::{CharmFiles, SourceText, parse};
use periapt_model::command::{Answer, Command, CrossModel, Deploy, EndpointRef, Refusal, Tell};
use periapt_model::commit::commit;
use periapt_model::effects::Effects;
use periapt_model::entity::{Charm, ModelInfo, OfferSource};
use periapt_model::mirror::{LinkChange, consumer_name, offer_endpoints, plan};
use periapt_model::model::{Model, Record};
use periapt_model::names::{AppName, CharmId, ModelName, OfferName, RelationId, SecretId, UnitName};
use periapt_model::secrets::{SecretWrite, add_write};
use periapt_model::step_commit::{Act, Commit, CommitRefusal};
use periapt_model::time::Timestamp;

const DB: &str = "provides:\n  db: {interface: sql}\n  box: {interface: sql2, scope: container}\npeers:\n  mates: {interface: mates}\n";
pub const WEB: &str = "requires:\n  db: {interface: sql}\n";

pub fn charm(name: &str, endpoints: &str) -> Charm {
    let metadata = format!("name: {name}\nsummary: s\ndescription: d\n{endpoints}");
    let files =
        CharmFiles { metadata: Some(SourceText::new("metadata.yaml", metadata)), ..CharmFiles::default() };
    let meta = parse(&files).unwrap().meta;
    Charm { id: CharmId(format!("id-{name}")), url: String::new(), revision: 0, version: None, meta }
}

pub fn app(name: &str) -> AppName {
    name.parse().unwrap()
}

pub fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

pub fn offer(name: &str) -> OfferName {
    name.parse().unwrap()
}

pub fn cross(command: CrossModel) -> Command {
    Command::CrossModel(Box::new(command))
}

/// Two models, the first of which has `db`, and the second `web`.
pub struct Pair {
    pub models: [Model; 2],
}

pub const OFFERS: usize = 0;
pub const CONSUMES: usize = 1;

impl Pair {
    pub fn new() -> Self {
        let model = |uuid: &str, name: &str| {
            let name = ModelName::new(name).unwrap();
            Model::new(ModelInfo::new(uuid.into(), name, Timestamp(0)))
        };
        let mut pair = Self { models: [model("uuid-o", "offers"), model("uuid-c", "consumes")] };
        for (at, name, endpoints) in [(OFFERS, "db", DB), (CONSUMES, "web", WEB)] {
            pair.ok(
                at,
                Command::Deploy(Box::new(Deploy {
                    name: Some(app(name)),
                    charm: charm(name, endpoints),
                    units: 2,
                    config: BTreeMap::new(),
                    trust: false,
                    resources: BTreeMap::new(),
                    constraints: String::new(),
                    channel: None,
                    force: false,
                })),
            );
            pair.take(at);
            let leader = UnitName::new(app(name), 0);
            let tell = Tell::ClaimLeadership;
            pair.ok(at, Command::Agent { unit: leader, epoch: 1, tell });
        }
        pair
    }

    /// With an offer `sql` of `db`, consumed as `remote`.
    pub fn consumed() -> Self {
        let mut pair = Self::new();
        pair.ok(OFFERS, make_offer("sql"));
        pair.ok(CONSUMES, pair.consume("sql", Some("remote")));
        pair
    }

    /// Related too, and linked.
    pub fn related() -> Self {
        let mut pair = Self::consumed();
        pair.ok(CONSUMES, integrate());
        pair.settle();
        pair
    }

    pub fn source(&self, name: &str) -> OfferSource {
        let info = &self.models[OFFERS].info;
        OfferSource { model: info.uuid.clone(), model_name: info.name.clone(), offer: offer(name) }
    }

    pub fn consume(&self, name: &str, alias: Option<&str>) -> Command {
        let endpoints = offer_endpoints(&self.models[OFFERS], &offer(name)).unwrap_or_default();
        cross(CrossModel::Consume { source: self.source(name), alias: alias.map(app), endpoints })
    }

    pub fn take(&mut self, at: usize) {
        let units: Vec<UnitName> = self.models[at].units.keys().cloned().collect();
        for unit in units {
            self.ok(at, Command::TakeUnit { unit });
        }
    }

    pub fn try_do(&mut self, at: usize, command: Command) -> Result<Answer, Refusal> {
        let (writes, answer) = apply(&self.models[at], command, Timestamp(1))?;
        writes.iter().for_each(|write| self.models[at].write(write));
        Ok(answer)
    }

    pub fn ok(&mut self, at: usize, command: Command) -> Answer {
        self.try_do(at, command).expect("the command is accepted")
    }

    pub fn refused(&mut self, at: usize, command: Command) -> Refusal {
        self.try_do(at, command).expect_err("the command is refused")
    }

    /// What a unit's agent commits at the end of a step: it enters or leaves, and may write.
    pub fn act(&mut self, at: usize, name: &UnitName, act: Act) {
        self.commit(at, name, vec![act], Effects::default()).unwrap();
    }

    /// What a hook of `name` does to a secret, when it ends well.
    pub fn write_secret(
        &mut self,
        at: usize,
        name: &str,
        id: &SecretId,
        write: SecretWrite,
    ) -> Result<(), CommitRefusal> {
        let mut effects = Effects::default();
        add_write(&mut effects.secrets, id.clone(), write);
        self.commit(at, &unit(name), Vec::new(), effects)
    }

    fn commit(
        &mut self,
        at: usize,
        name: &UnitName,
        acts: Vec<Act>,
        effects: Effects,
    ) -> Result<(), CommitRefusal> {
        let agent = self.models[at].agents.get(name).map(|a| (a.epoch, a.local.clone()));
        let Some((epoch, local)) = agent else { return Ok(()) };
        let step = Commit { unit: name.clone(), epoch, local, acts, effects, journal: Vec::new() };
        let writes = commit(&self.models[at], step, Timestamp(1))?;
        writes.iter().for_each(|write| self.models[at].write(write));
        Ok(())
    }

    pub fn write_bag(&mut self, at: usize, name: &UnitName, id: RelationId, key: &str, value: &str) {
        let member = self.models[at].member(id, name).map(|m| (**m).clone());
        let Some(mut member) = member else { return };
        member.settings.insert(key.to_owned(), value.to_owned());
        member.version += 1;
        self.models[at].put(Record::Member(id, name.clone(), member.into()));
    }

    pub fn perform(&mut self, (uuid, change): (String, LinkChange)) {
        let Some(at) = self.models.iter().position(|model| model.info.uuid == uuid) else { return };
        // A change that does not fit any more is refused, which is no failure.
        let _ = self.try_do(at, cross(CrossModel::Link(change)));
    }

    /// Until both halves say the same. Fails when they never do.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            let changes = plan(&self.models);
            if changes.is_empty() {
                return;
            }
            for change in changes {
                self.perform(change);
            }
        }
        panic!("the halves do not come to rest: {:?}", plan(&self.models));
    }

    /// The relation's number in each model.
    pub fn ids(&self) -> (RelationId, RelationId) {
        let linked = |model: &Model| model.relations.values().find(|r| r.link.is_some()).unwrap().id;
        (linked(&self.models[OFFERS]), linked(&self.models[CONSUMES]))
    }

    pub fn consumer(&self) -> AppName {
        consumer_name("uuid-c", &app("web")).unwrap()
    }
}

pub fn make_offer(name: &str) -> Command {
    cross(CrossModel::Offer {
        name: Some(offer(name)),
        app: app("db"),
        endpoints: ["db".parse().unwrap()].into(),
    })
}

pub fn end(name: &str) -> EndpointRef {
    EndpointRef { app: app(name), endpoint: None }
}

pub fn integrate() -> Command {
    Command::Integrate { a: end("remote"), b: end("web") }
}
