//! The agents of every model, started and stopped as models come and go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periapt_agent::{AgentOptions, Agents, Isolation};
use periapt_controller::{Controller, ModelHandle};
use tokio_util::sync::CancellationToken;

use crate::home::{self, Home};

use super::link::Link;

/// Runs until the daemon stops, and then until every agent has.
pub async fn run(controller: Controller, home: Home, stopping: CancellationToken) {
    remove_strays(&controller, &home).await;
    let said = Namespaces::said();
    if let Some(mistake) = mistake() {
        tracing::warn!("{mistake}");
    }
    if rustix::process::geteuid().is_root() && said.offers_programs() {
        periapt_agent::offer_programs();
    }
    let isolation = said.isolation();
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
                start(&model, &home, isolation, &mut running);
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

fn start(model: &ModelHandle, home: &Home, isolation: Isolation, running: &mut BTreeMap<String, Agents>) {
    let info = model.snapshot().info;
    let folder = home.models().join(model.uuid());
    if let Err(error) = crate::juju_exec::mark(&folder) {
        tracing::warn!("juju-exec may not know what model it is in: {}: {error}", folder.display());
    }
    let mut options = AgentOptions::new(folder, home.charms(), home.resources(), home::hook_program());
    options.released_dir = home.released_storage().join(format!("{}-{}", info.name, model.uuid()));
    options.exec_program = std::env::current_exe().ok();
    options.isolation = isolation;
    match Agents::start(Arc::new(Link(model.clone())), options) {
        Ok(agents) => drop(running.insert(model.uuid().to_owned(), agents)),
        Err(error) => tracing::error!("model {} has no agents: {error}", info.name),
    }
}

/// What is wrong with the value of `PERIAPT_NAMESPACES`, in words for whoever starts a daemon with it.
pub(super) fn mistake() -> Option<String> {
    match Namespaces::said() {
        Namespaces::Unknown(said) => Some(format!(
            "PERIAPT_NAMESPACES is {said:?}, which is taken for off: it may be off, programs or full"
        )),
        Namespaces::Unset | Namespaces::Known(_) => None,
    }
}

/// What `PERIAPT_NAMESPACES` says of what machines have of their own.
#[derive(Debug, PartialEq, Eq)]
enum Namespaces {
    /// Nothing is said.
    Unset,
    Known(Isolation),
    /// What is none of the words.
    Unknown(String),
}

impl Namespaces {
    fn said() -> Self {
        Self::read(&std::env::var_os("PERIAPT_NAMESPACES").unwrap_or_default().to_string_lossy())
    }

    fn read(text: &str) -> Self {
        match Isolation::named(text) {
            Some(isolation) => Self::Known(isolation),
            None if text.is_empty() => Self::Unset,
            None => Self::Unknown(text.to_owned()),
        }
    }

    /// Nothing, unless it is asked for: what charms mount and install is to be the host's.
    fn isolation(&self) -> Isolation {
        match self {
            Self::Known(isolation) => *isolation,
            Self::Unset | Self::Unknown(_) => Isolation::Off,
        }
    }

    /// Whether the host gets `/usr/bin/juju-exec`: `off` means that nothing outside of the home is touched.
    fn offers_programs(&self) -> bool {
        match self {
            Self::Unset => true,
            Self::Known(isolation) => *isolation != Isolation::Off,
            Self::Unknown(_) => false,
        }
    }
}

/// Removes the folders and logs of models that went away while no daemon ran, or just before one was killed.
async fn remove_strays(controller: &Controller, home: &Home) {
    let (controller, home) = (controller.clone(), home.clone());
    let removed = tokio::task::spawn_blocking(move || {
        for model in strays(&home.models(), |uuid| controller.model(uuid).is_none()) {
            if let Err(error) = periapt_agent::remove_model(&model) {
                tracing::warn!("{} cannot be removed: {error}", model.display());
            }
        }
        for log in strays(&home.logs(), |uuid| controller.model(uuid).is_none()) {
            if let Err(error) = std::fs::remove_file(&log) {
                tracing::warn!("{} cannot be removed: {error}", log.display());
            }
        }
    });
    if let Err(error) = removed.await {
        tracing::error!("the remains of models that are gone are left: {error}");
    }
}

/// What in `folder` is named after the uuid of a model that is gone, an extension aside. Asked one by one, since models
/// may be coming at this moment.
fn strays(folder: &Path, gone: impl Fn(&str) -> bool) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(move |path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let uuid = name.split('.').next().unwrap_or_default();
        // Nothing that somebody else may have put here.
        let is_uuid = uuid.len() == 36 && uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        is_uuid && gone(uuid)
    })
}

/// The folder of a model that is gone. What is left there is of no use; that it stays does no harm.
fn remove_folder(home: &Home, uuid: &str) {
    let folder = home.models().join(uuid);
    if let Err(error) = std::fs::remove_dir_all(&folder) {
        tracing::warn!("{} cannot be removed: {error}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_what_is_asked_for_and_else_nothing() {
        for (text, isolation, offers) in [
            ("", Isolation::Off, true),
            ("off", Isolation::Off, false),
            ("programs", Isolation::Programs, true),
            ("full", Isolation::Full, true),
            ("none", Isolation::Off, false),
            ("Off", Isolation::Off, false),
        ] {
            let said = Namespaces::read(text);
            assert_eq!((said.isolation(), said.offers_programs()), (isolation, offers), "{text:?}");
        }
        assert_eq!(Namespaces::read("none"), Namespaces::Unknown("none".to_owned()));
    }

    #[test]
    fn only_what_is_named_after_a_model_that_is_gone_is_a_stray() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, there) = ("0b7c2a34-1111-4222-8333-444455556666", "0b7c2a34-1111-4222-8333-444455557777");
        for name in [gone, there, "notes", "notes.log"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for uuid in [gone, there] {
            std::fs::write(folder.path().join(format!("{uuid}.log.1")), "").unwrap();
        }
        let mut found: Vec<PathBuf> = strays(folder.path(), |uuid| uuid == gone).collect();
        found.sort();
        assert_eq!(found, [folder.path().join(gone), folder.path().join(format!("{gone}.log.1"))]);
    }
}
