//! The linker: makes the two halves of each relation between models say the same.
//!
//! What is to be done is decided by [`periapt_model::mirror::plan`], from the durable states of all models; here it is
//! only done, one model at a time. The task keeps nothing: after a restart, or whatever was lost in between, it compares
//! afresh. Its changes are not atomic over models, and need not be.

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

/// Whether a change may make the halves differ: every change of an offer, of a relation with another model and of what is
/// in one. The end of a model counts too, which [`Shared::remove_space`] tells by itself.
pub(crate) fn concerns(before: &Model, after: &Model, writes: &[Write]) -> bool {
    if after.remote_apps.is_empty() && before.remote_apps.is_empty() && before.offers == after.offers {
        return false;
    }
    writes.iter().any(|write| match write {
        Write::Put(Record::Offer(_) | Record::RemoteApp(_) | Record::Application(_) | Record::Info(_)) => {
            true
        }
        Write::Delete(Key::Offer(_) | Key::RemoteApp(_) | Key::Application(_)) => true,
        Write::Put(Record::Relation(relation)) => after.remote_app_of(relation).is_some(),
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
    loop {
        changed.borrow_and_update();
        {
            let Some(shared) = shared.upgrade() else { return };
            settle(&shared).await;
            if shared.failure().is_some() {
                return;
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Compares, and does what that asks for, until the halves agree or what is left cannot be done now.
async fn settle(shared: &Arc<Shared>) {
    let mut before = Vec::new();
    loop {
        let spaces = shared.all_spaces();
        let models: Vec<Model> = spaces.iter().map(|space| space.durable()).collect();
        let changes = plan(&models);
        // What was just done, or refused, and is asked for once more is not done by trying harder.
        if changes.is_empty() || changes == before {
            return;
        }
        let mut doing = JoinSet::new();
        for (uuid, change) in changes.iter().cloned() {
            if let Some(space) = spaces.iter().find(|space| space.uuid == uuid) {
                doing.spawn(perform(ModelHandle { shared: shared.clone(), space: space.clone() }, change));
            }
        }
        doing.join_all().await;
        before = changes;
    }
}

async fn perform(model: ModelHandle, change: LinkChange) {
    let command = Command::CrossModel(Box::new(CrossModel::Link(change)));
    // Refused: it does not fit any more, or not yet. Whatever makes it fit is a change that wakes the linker.
    if let Err(ApplyError::Refused(refusal)) = model.apply(command).await {
        tracing::warn!(model = model.uuid(), "a relation with another model waits: {refusal}");
    }
}
