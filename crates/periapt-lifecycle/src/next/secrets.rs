//! Secrets: who is due which hook (Juju 3.6: `uniter/secrets/resolver.go`; reference 1.8). A comparison of what is with what
//! the unit was told, never a queue.

use periapt_model::hook::{Hook, SecretEvent, SecretHook};
use periapt_model::local::Local;
use periapt_model::names::SecretId;
use periapt_model::remote::{Remote, RemoteOwned};
use periapt_model::time::Moment;

use super::run;
use crate::step::Step;
use crate::timers;

/// The next secret hook, in Juju's order: expired, rotate, changed, remove.
pub(super) fn next_hook(local: &Local, remote: &Remote, moment: &Moment) -> Option<Step> {
    let due = expired(local, remote, moment)
        .or_else(|| rotate(local, remote, moment))
        .or_else(|| changed(local, remote))
        .or_else(|| remove(local, remote))?;
    Some(run(Hook::Secret(due), remote))
}

fn of_owner(event: SecretEvent, id: &SecretId, owned: &RemoteOwned, revision: u32) -> SecretHook {
    SecretHook { event, secret: id.clone(), label: owned.label.clone(), revision }
}

fn expired(local: &Local, remote: &Remote, moment: &Moment) -> Option<SecretHook> {
    remote.secrets_owned.iter().find_map(|(id, owned)| {
        let mut revisions = owned.expires.iter();
        let (revision, _) = revisions.find(|(revision, at)| {
            let told = local.secrets.expired.get(id).and_then(|told| told.get(revision));
            timers::is_due_again(**at, told.copied(), moment.now)
        })?;
        Some(of_owner(SecretEvent::Expired, id, owned, *revision))
    })
}

fn rotate(local: &Local, remote: &Remote, moment: &Moment) -> Option<SecretHook> {
    remote.secrets_owned.iter().find_map(|(id, owned)| {
        let told = local.secrets.rotated.get(id).copied();
        let due = timers::is_due_again(owned.rotates?, told, moment.now);
        due.then(|| of_owner(SecretEvent::Rotate, id, owned, owned.latest))
    })
}

fn changed(local: &Local, remote: &Remote) -> Option<SecretHook> {
    remote.secrets_read.iter().find_map(|(id, read)| {
        let told = local.secrets.changed.get(id).copied().unwrap_or(0);
        (read.readable && read.tracked < read.latest && told < read.latest).then(|| SecretHook {
            event: SecretEvent::Changed,
            secret: id.clone(),
            label: read.label.clone(),
            revision: read.latest,
        })
    })
}

fn remove(local: &Local, remote: &Remote) -> Option<SecretHook> {
    remote.secrets_owned.iter().find_map(|(id, owned)| {
        let told = local.secrets.removed.get(id);
        let revision = owned.obsolete.iter().find(|n| told.is_none_or(|told| !told.contains(n)))?;
        Some(of_owner(SecretEvent::Remove, id, owned, *revision))
    })
}
