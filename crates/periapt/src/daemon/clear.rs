//! What no record names goes: charm trees and files of resources that refused deployments, older revisions and applications that
//! are gone have left in the home.
//!
//! A tree lies in the home before the daemon is asked for what names it. So a command holds the folder's lock, shared, from before
//! it puts something there until it has its answer (`commands/build.rs`), and nothing is cleared without that lock alone. One that
//! is killed in between may have sent its question: what was put there or wanted again a moment ago stays as well.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use periapt_controller::Controller;
use rustix::fs::{FlockOperation, flock};
use tokio_util::sync::CancellationToken;

use crate::charm_store::CharmStore;
use crate::home::Home;

/// How often it is looked for; the first time when the daemon has begun to serve.
const PACE: Duration = Duration::from_secs(600);
/// What is not older stays. A daemon that was asked for something has answered by then.
const FRESH: Duration = Duration::from_secs(60);
/// How the build names what is not whole, and what it sweeps away itself should we be killed (`periapt-build`: `prepare.rs`).
const GOING: &str = ".making-";

/// Clears the home now and then, until `stopping`.
pub async fn run(controller: Controller, home: Home, stopping: CancellationToken) {
    loop {
        let (controller, home) = (controller.clone(), home.clone());
        if let Err(error) = tokio::task::spawn_blocking(move || clear(&controller, &home)).await {
            tracing::error!("clearing the home ended badly: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = stopping.cancelled() => return,
        }
    }
}

fn clear(controller: &Controller, home: &Home) {
    let trees = || {
        let models = controller.models();
        let ids = models
            .iter()
            .flat_map(|model| model.snapshot().charms.keys().map(|id| id.0.clone()).collect::<Vec<_>>());
        Some(ids.collect())
    };
    let resources = || {
        let mut hashes = BTreeSet::new();
        for model in controller.models() {
            let model = model.snapshot();
            let files = model.applications.values().flat_map(|app| app.resources.values());
            hashes.extend(files.map(|file| file.hash.clone()));
        }
        // What the store says cannot be read is not to be lost for that.
        let published = CharmStore::of(home).all().ok()?;
        let files = published.iter().flat_map(|charm| charm.resources.values()).flatten();
        hashes.extend(files.map(|resource| resource.file.hash.clone()));
        Some(hashes)
    };
    let gone = clear_folder(&home.charms(), trees) + clear_folder(&home.resources(), resources);
    if gone > 0 {
        tracing::info!("removed {gone} charm trees and resources that nothing names any more");
    }
}

/// Removes what is in `folder` and not `named`, unless a command is at work there. How many that were.
fn clear_folder(folder: &Path, named: impl FnOnce() -> Option<BTreeSet<String>>) -> usize {
    let Ok(lock) = File::open(folder) else { return 0 };
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return 0;
    }
    // Asked for under the lock: whoever held it before has been answered, and what he asked for is named.
    let Some(named) = named() else { return 0 };
    let mut gone = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let modified = entry.metadata().and_then(|meta| meta.modified()).ok();
        // A moment that lies ahead says nothing of the age.
        let fresh = modified.and_then(|at| at.elapsed().ok()).is_none_or(|age| age < FRESH);
        if fresh || name.starts_with(GOING) || named.contains(&name) {
            continue;
        }
        let going = folder.join(format!("{GOING}{name}"));
        // Under another name first: half a tree must not pass for one if this is cut short.
        let removed = match entry.path().is_dir() {
            true => fs::rename(entry.path(), &going).and_then(|()| fs::remove_dir_all(&going)),
            false => fs::remove_file(entry.path()),
        };
        match removed {
            Ok(()) => gone += 1,
            Err(error) => tracing::warn!("cannot remove {}: {error}", entry.path().display()),
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn old(path: &Path) {
        let earlier = SystemTime::now() - FRESH * 2;
        File::open(path).unwrap().set_modified(earlier).unwrap();
    }

    #[test]
    fn what_is_named_new_or_being_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["named", "left", "fresh", ".making-x"] {
            fs::create_dir(path(name)).unwrap();
            fs::write(path(name).join("file"), "x").unwrap();
        }
        fs::write(path("file"), "x").unwrap();
        ["named", "left", ".making-x", "file"].iter().for_each(|name| old(&path(name)));
        let named = || Some(BTreeSet::from(["named".to_owned()]));
        let there = || {
            let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        // A command that puts something there holds this.
        let held = File::open(folder.path()).unwrap();
        flock(&held, FlockOperation::LockShared).unwrap();
        assert_eq!(clear_folder(folder.path(), named), 0);
        drop(held);
        assert_eq!(clear_folder(folder.path(), || None), 0);
        assert_eq!(there().len(), 5);
        assert_eq!(clear_folder(folder.path(), named), 2);
        assert_eq!(there(), [".making-x", "fresh", "named"]);
    }
}
