//! The machine lock: units on one machine take turns (Juju 3.6: `core/machinelock`).
//!
//! Held for hooks, and for command lines and actions that are not parallel; not for putting charm files in place,
//! leadership, and what is parallel. An execution group has a lock of its own on each machine, which hooks do not take.
//! Waiters are served in the order they came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use periapt_model::names::MachineId;
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard};

/// A machine, and the execution group of an action; hooks have the empty one.
type Place = (MachineId, String);

/// The locks of all machines that somebody holds or waits for.
#[derive(Debug, Default)]
pub(crate) struct MachineLocks {
    locks: Mutex<HashMap<Place, Weak<FairMutex<()>>>>,
}

impl MachineLocks {
    /// Waits for `machine`'s lock of an execution group; the group without a name is that of hooks. It is given back when
    /// the guard is dropped.
    pub(crate) async fn hold(&self, machine: MachineId, group: String) -> OwnedMutexGuard<()> {
        let key = (machine, group);
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
                lock
            } else {
                locks.retain(|_, lock| lock.strong_count() > 0);
                let lock = Arc::new(FairMutex::new(()));
                locks.insert(key, Arc::downgrade(&lock));
                lock
            }
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::task::{Context, Waker};

    fn hold(locks: &MachineLocks, machine: MachineId) -> impl Future<Output = OwnedMutexGuard<()>> {
        locks.hold(machine, String::new())
    }

    #[test]
    fn a_group_has_a_lock_of_its_own() {
        let locks = MachineLocks::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut hook = Box::pin(hold(&locks, MachineId(1)));
        let std::task::Poll::Ready(_hook) = hook.as_mut().poll(&mut context) else {
            panic!("nobody holds it")
        };
        let mut first = Box::pin(locks.hold(MachineId(1), "backup".to_owned()));
        let std::task::Poll::Ready(_held) = first.as_mut().poll(&mut context) else {
            panic!("hooks do not take it")
        };
        assert!(
            Box::pin(locks.hold(MachineId(1), "backup".to_owned())).as_mut().poll(&mut context).is_pending()
        );
        assert!(
            Box::pin(locks.hold(MachineId(2), "backup".to_owned())).as_mut().poll(&mut context).is_ready()
        );
    }

    #[test]
    fn one_machine_takes_turns_and_another_does_not_wait() {
        let locks = MachineLocks::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = Box::pin(hold(&locks, MachineId(1)));
        let std::task::Poll::Ready(held) = first.as_mut().poll(&mut context) else {
            panic!("nobody holds it")
        };
        let mut second = Box::pin(hold(&locks, MachineId(1)));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(Box::pin(hold(&locks, MachineId(2))).as_mut().poll(&mut context).is_ready());
        drop(held);
        assert!(second.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn locks_that_nobody_holds_are_forgotten() {
        let locks = MachineLocks::default();
        let mut context = Context::from_waker(Waker::noop());
        for machine in 0..100 {
            assert!(Box::pin(hold(&locks, MachineId(machine))).as_mut().poll(&mut context).is_ready());
        }
        assert!(locks.locks.lock().unwrap().len() <= 1);
    }
}
