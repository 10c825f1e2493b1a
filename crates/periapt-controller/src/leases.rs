//! The leases behind leadership (reference 6): a leader's key hangs on a lease of 60 s; when the lease runs out, the
//! store deletes the key and the model hears that the leadership is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use periapt_model::command::{Answer, Command};
use periapt_model::model::{Key, Write};
use periapt_model::names::UnitName;
use periapt_store::{Event, KeyRange, LeaseId, Query, Revision, StoreError, WatchError};

use crate::codec;
use crate::controller::Shared;
use crate::handle::{ApplyError, ModelHandle};
use crate::publish::{Space, lock};

/// Twice the 30 s that `is-leader` promises; holders renew every 30 s.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// A unit asks to lead. Its lease is there before the claim is decided: there is no leader without a lease.
pub(crate) async fn claim(
    handle: &ModelHandle,
    unit: &UnitName,
    command: Command,
) -> Result<Answer, ApplyError> {
    if handle.snapshot().is_leader(unit) && renew(handle, unit).await {
        return Ok(Answer::Leader(true));
    }
    let unavailable = |e: StoreError| ApplyError::Unavailable(e.to_string());
    let lease = handle.shared.store.grant(LEASE).await.map_err(unavailable)?;
    let key = codec::lead_key(&handle.space.uuid, unit);
    let answer = handle
        .apply_with(command, |txn, answer| match answer {
            Answer::Leader(true) => txn.put_leased(key, Vec::new(), lease),
            _ => txn,
        })
        .await;
    match answer {
        Ok(Answer::Leader(true)) => {
            let old = lock(&handle.space.leases).insert(unit.clone(), lease);
            revoke(&handle.shared, old);
        }
        _ => revoke(&handle.shared, Some(lease)),
    }
    answer
}

/// See [`ModelHandle::renew_leadership`].
pub(crate) async fn renew(handle: &ModelHandle, unit: &UnitName) -> bool {
    if !handle.snapshot().is_leader(unit) {
        return false;
    }
    let lease = lock(&handle.space.leases).get(unit).copied();
    match lease {
        Some(lease) => {
            handle.shared.store.keep_alive(lease).await.is_ok() && handle.snapshot().is_leader(unit)
        }
        None => false,
    }
}

fn revoke(shared: &Shared, lease: Option<LeaseId>) {
    if let Some(lease) = lease {
        // Dropped: a lease that cannot be revoked ends by itself.
        drop(shared.store.revoke(lease));
    }
}

/// Gives back the leases of leaderships that a durable change ended.
pub(crate) fn release_lost(shared: &Shared, space: &Space, writes: &[Write]) {
    for write in writes {
        let Write::Delete(Key::Leadership(app)) = write else { continue };
        let leader = space.durable().leaders.get(app).map(|l| l.unit.clone());
        let lost: Vec<(UnitName, LeaseId)> = {
            let mut leases = lock(&space.leases);
            let units: Vec<UnitName> =
                leases.keys().filter(|u| u.app() == app && Some(*u) != leader.as_ref()).cloned().collect();
            units.into_iter().filter_map(|u| leases.remove(&u).map(|l| (u, l))).collect()
        };
        for (_, lease) in lost {
            revoke(shared, Some(lease));
        }
    }
}

/// Every lead key that is there, and the revision after which another may come or go.
async fn lead_keys(
    shared: &Shared,
) -> Result<(BTreeMap<(String, UnitName), Option<LeaseId>>, Revision), StoreError> {
    let held = shared.store.range(Query::new(KeyRange::prefix(codec::LEAD_PREFIX))).await?;
    let keys = held
        .entries
        .iter()
        .filter_map(|e| Some((codec::read_lead_key(e.key.as_bytes())?, e.lease)))
        .collect();
    Ok((keys, held.revision))
}

/// Finds the leases of a reopened store (they have their full time again), ends leaderships that have none, and
/// listens for leases that run out.
pub(crate) async fn start(shared: &Arc<Shared>) -> Result<(), StoreError> {
    for ((uuid, unit), lease) in lead_keys(shared).await?.0 {
        if let (Some(space), Some(lease)) = (shared.space(&uuid), lease) {
            lock(&space.leases).insert(unit, lease);
        }
    }
    let from = end_without_lease(shared).await?;
    tokio::spawn(listen(Arc::downgrade(shared), from));
    Ok(())
}

/// Ends every leadership whose lease has run out unheard. Returns from which revision on to listen.
async fn end_without_lease(shared: &Arc<Shared>) -> Result<Revision, StoreError> {
    // First who leads and then the keys: one and the other come in one transaction.
    let models = crate::Controller { shared: shared.clone() }.models().into_iter();
    let models: Vec<_> = models.map(|handle| (handle.snapshot().leaders, handle)).collect();
    let (keys, revision) = lead_keys(shared).await?;
    for (leaders, handle) in models {
        let without = |unit: &UnitName| !keys.contains_key(&(handle.uuid().to_owned(), unit.clone()));
        for unit in leaders.values().map(|l| l.unit.clone()).filter(without) {
            end(&handle, unit).await;
        }
    }
    Ok(revision.next())
}

async fn end(handle: &ModelHandle, unit: UnitName) {
    let app = unit.app().clone();
    if let Err(error) = handle.apply(Command::LeaseEnded { app, unit: unit.clone() }).await {
        tracing::warn!("the end of {unit}'s leadership could not be stored: {error}");
    }
}

async fn listen(shared: Weak<Shared>, mut from: Revision) {
    let range = KeyRange::prefix(codec::LEAD_PREFIX);
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let mut watch = match strong.store.watch(range.clone(), from).await {
            Ok(watch) => watch,
            // What happened before is not told any more: it is looked up.
            Err(WatchError::Compacted { .. }) => match end_without_lease(&strong).await {
                Ok(next) => {
                    from = next;
                    continue;
                }
                Err(_) => return,
            },
            Err(_) => return,
        };
        drop(strong);
        while let Ok(changes) = watch.next().await {
            from = changes.revision.next();
            let Some(strong) = shared.upgrade() else { return };
            for event in &changes.events {
                let Event::Delete { key, .. } = event else { continue };
                let Some((uuid, unit)) = codec::read_lead_key(key.as_bytes()) else { continue };
                let Some(space) = strong.space(&uuid) else { continue };
                let handle = ModelHandle { shared: strong.clone(), space };
                // A newer lease of the same unit is another key version: only an absent lease ends the leadership.
                let gone = match strong.store.get(key).await {
                    Ok(entry) => entry.is_none(),
                    Err(_) => return,
                };
                if gone && handle.snapshot().is_leader(&unit) {
                    end(&handle, unit).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
