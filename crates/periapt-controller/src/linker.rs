//! The linker: makes the two halves of each relation between models say the same.
//!
//! What is to be done is decided by [`periapt_model::mirror::plan`], from the durable states of all models; here it is
//! only done, one model at a time. The task keeps nothing: after a restart, or whatever was lost in between, it compares
//! afresh. Its changes are not atomic over models, and need not be.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use periapt_model::command::{Command, CrossModel};
use periapt_model::mirror::{LinkChange, plan};
use periapt_model::model::{Key, Model, Record, Write};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::controller::Shared;
use crate::handle::{ApplyError, ModelHandle};

/// Starts the linker, which ends with the controller.
pub(crate) fn start(shared: &Arc<Shared>) {
    let changed = shared.links_changed.subscribe();
    tokio::spawn(run(Arc::downgrade(shared), changed));
}

/// Whether a change may make the halves differ, or make room for what was refused: every change of an offer, of a relation
/// with another model and of what is in one; in a model that offers also the end of any relation, whose place another may
/// take, and another charm, which may allow more. The end of a model counts too, which [`Shared::remove_space`] tells by
/// itself.
pub(crate) fn concerns(before: &Model, after: &Model, writes: &[Write]) -> bool {
    let offers = !before.offers.is_empty() || !after.offers.is_empty();
    if !offers && after.remote_apps.is_empty() && before.remote_apps.is_empty() {
        return false;
    }
    writes.iter().any(|write| match write {
        Write::Put(Record::Offer(_) | Record::RemoteApp(_) | Record::Application(_) | Record::Info(_)) => {
            true
        }
        Write::Delete(Key::Offer(_) | Key::RemoteApp(_) | Key::Application(_)) => true,
        Write::Put(Record::Charm(_)) | Write::Delete(Key::Relation(_)) if offers => true,
        Write::Put(Record::Relation(relation)) => after.remote_app_of(relation).is_some(),
        // Also what was granted, to whom, and who reads it.
        Write::Put(Record::Secret(_) | Record::SecretContent(..) | Record::SecretConsumer(..))
        | Write::Delete(Key::Secret(_) | Key::SecretContent(..) | Key::SecretConsumer(..)) => true,
        Write::Put(Record::Member(id, ..) | Record::AppBag(id, ..))
        | Write::Delete(Key::Relation(id) | Key::Member(id, _) | Key::AppBag(id, _)) => {
            let relation = after.relations.get(id).or_else(|| before.relations.get(id));
            relation.is_some_and(|relation| {
                after.remote_app_of(relation).or_else(|| before.remote_app_of(relation)).is_some()
            })
        }
        _ => false,
    })
}

async fn run(shared: Weak<Shared>, mut changed: watch::Receiver<u64>) {
    let mut refused = Refused::new();
    loop {
        changed.borrow_and_update();
        {
            let Some(shared) = shared.upgrade() else { return };
            refused = settle(&shared, &refused).await;
            if shared.failure().is_some() {
                return;
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// What was refused, by model and reason.
type Refused = BTreeSet<(String, String)>;

/// Compares, and does what that asks for, until the halves agree or what is left cannot be done now. Answers what was
/// refused; of that, what is in `known` was said before.
async fn settle(shared: &Arc<Shared>, known: &Refused) -> Refused {
    let mut refused = Refused::new();
    let mut before = Vec::new();
    loop {
        let spaces = shared.all_spaces();
        let models: Vec<Model> = spaces.iter().map(|space| space.durable()).collect();
        let changes = plan(&models);
        // What was just done, or refused, and is asked for once more is not done by trying harder.
        if changes.is_empty() || changes == before {
            return refused;
        }
        // A secret is there before the databag that names it is: a hook may ask for it at once.
        for secrets in [true, false] {
            let now = |(_, change): &&_| matches!(change, LinkChange::Secrets { .. }) == secrets;
            let mut doing = JoinSet::new();
            for (uuid, change) in changes.iter().filter(now).cloned() {
                if let Some(space) = spaces.iter().find(|space| space.uuid == uuid) {
                    let handle = ModelHandle { shared: shared.clone(), space: space.clone() };
                    doing.spawn(perform(handle, change));
                }
            }
            for cause in refusals(doing).await {
                let (model, why) = &cause;
                if !refused.contains(&cause) && !known.contains(&cause) {
                    tracing::warn!(model, "a relation with another model waits: {why}");
                }
                refused.insert(cause);
            }
        }
        before = changes;
    }
}

/// What was refused of changes that are being done.
async fn refusals(mut doing: JoinSet<Option<(String, String)>>) -> Refused {
    let mut refused = Refused::new();
    while let Some(done) = doing.join_next().await {
        match done {
            Ok(cause) => refused.extend(cause),
            // The next change has it tried again.
            Err(error) => tracing::error!("a relation with another model is not kept in step: {error}"),
        }
    }
    refused
}

/// Does a change. Answers the model and the reason if it is refused: it does not fit any more, or not yet. Whatever makes
/// it fit is a change that wakes the linker.
async fn perform(model: ModelHandle, change: LinkChange) -> Option<(String, String)> {
    let command = Command::CrossModel(Box::new(CrossModel::Link(change)));
    match model.apply(command).await {
        Err(ApplyError::Refused(refusal)) => Some((model.uuid().to_owned(), refusal.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periapt_model::entity::{ModelInfo, Offer};
    use periapt_model::names::RelationId;
    use periapt_model::time::Timestamp;

    #[test]
    fn in_a_model_that_offers_the_end_of_any_relation_makes_room() {
        let info = ModelInfo::new("uuid".to_owned(), "m".parse().unwrap(), Timestamp(0));
        let alone = Model::new(info);
        let mut offers = alone.clone();
        offers.put(Record::Offer(Arc::new(Offer {
            name: "sql".parse().unwrap(),
            app: "db".parse().unwrap(),
            endpoints: BTreeSet::new(),
            created: Timestamp(0),
        })));
        let ended = [Write::Delete(Key::Relation(RelationId(3)))];
        assert!(concerns(&offers, &offers, &ended));
        assert!(!concerns(&alone, &alone, &ended));
        assert!(!concerns(&offers, &offers, &[]));
    }
}
