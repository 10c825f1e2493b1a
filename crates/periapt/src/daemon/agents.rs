//! The agents of every model, started and stopped as models come and go.

use std::collections::BTreeMap;
use std::sync::Arc;

use periapt_agent::{AgentOptions, Agents};
use periapt_controller::{Controller, ModelHandle};
use tokio_util::sync::CancellationToken;

use crate::home::{self, Home};

use super::link::Link;

/// Runs until the daemon stops, and then until every agent has.
pub async fn run(controller: Controller, home: Home, stopping: CancellationToken) {
    let mut changes = controller.watch_models();
    let mut running: BTreeMap<String, Agents> = BTreeMap::new();
    loop {
        changes.borrow_and_update();
        let models = controller.models();
        let gone: Vec<String> =
            running.keys().filter(|uuid| !models.iter().any(|m| m.uuid() == *uuid)).cloned().collect();
        for uuid in gone {
            if let Some(agents) = running.remove(&uuid) {
                agents.shutdown().await;
                remove_folder(&home, &uuid);
            }
        }
        for model in models {
            if !running.contains_key(model.uuid()) {
                start(&model, &home, &mut running);
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { break },
            () = stopping.cancelled() => break,
        }
    }
    let mut ending = tokio::task::JoinSet::new();
    for (_, agents) in running {
        ending.spawn(agents.shutdown());
    }
    while let Some(ended) = ending.join_next().await {
        if let Err(error) = ended {
            tracing::error!("the agents of a model ended badly: {error}");
        }
    }
}

fn start(model: &ModelHandle, home: &Home, running: &mut BTreeMap<String, Agents>) {
    let info = model.snapshot().info;
    let options = AgentOptions::new(
        home.models().join(model.uuid()),
        home.charms(),
        home.resources(),
        home::hook_program(),
    );
    match Agents::start(Arc::new(Link(model.clone())), options) {
        Ok(agents) => drop(running.insert(model.uuid().to_owned(), agents)),
        Err(error) => tracing::error!("model {} has no agents: {error}", info.name),
    }
}

/// The folder of a model that is gone. What is left there is of no use; that it stays does no harm.
fn remove_folder(home: &Home, uuid: &str) {
    let folder = home.models().join(uuid);
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!("{} cannot be removed: {error}", folder.display());
    }
}
