//! The namespaces that a daemon keeps: each costs a descriptor, of which a process may have a thousand.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use periapt_model::names::MachineId;

/// So many are kept in the whole process; a model that has none keeps one more.
const MOST: usize = 256;

/// How many there are in this process.
static IN_PROCESS: AtomicUsize = AtomicUsize::new(0);

/// A machine's namespace. It lives as long as this or a process in it does.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) file: File,
    /// Its `/usr/bin/python3` is in place.
    pub(super) python: AtomicBool,
    /// How many there are.
    count: &'static AtomicUsize,
}

impl Namespace {
    fn new(file: File, count: &'static AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self { file, python: AtomicBool::new(false), count }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The namespaces of a model's machines that were used last. One that is forgotten is made again from the same folders.
#[derive(Debug)]
pub(super) struct Kept {
    /// Each with the number of its last use.
    machines: HashMap<MachineId, (Arc<Namespace>, u64)>,
    uses: u64,
    most: usize,
    /// How many there are, of this model and of others.
    count: &'static AtomicUsize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { machines: HashMap::new(), uses: 0, most: MOST, count: &IN_PROCESS }
    }
}

impl Kept {
    pub(super) fn get(&mut self, machine: MachineId) -> Option<Arc<Namespace>> {
        self.uses += 1;
        let (namespace, used) = self.machines.get_mut(&machine)?;
        *used = self.uses;
        Some(Arc::clone(namespace))
    }

    /// Keeps another one. Also those that it took the place of: nobody may go by their descriptors any more.
    pub(super) fn keep(&mut self, machine: MachineId, file: File) -> (Arc<Namespace>, Vec<MachineId>) {
        let mut gone = Vec::new();
        while self.count.load(Ordering::Relaxed) >= self.most
            && let Some(oldest) = self.machines.iter().min_by_key(|(_, (_, used))| *used)
        {
            let oldest = *oldest.0;
            self.machines.remove(&oldest);
            gone.push(oldest);
        }
        self.uses += 1;
        let namespace = Arc::new(Namespace::new(file, self.count));
        self.machines.insert(machine, (Arc::clone(&namespace), self.uses));
        (namespace, gone)
    }

    pub(super) fn forget(&mut self, machine: MachineId) {
        self.machines.remove(&machine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_were_not_used_go_first() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let empty = || Kept { most: 3, count: &COUNT, ..Kept::default() };
        let keep = |kept: &mut Kept, number| {
            kept.keep(MachineId(number), File::open("/proc/self/ns/mnt").unwrap()).1
        };
        let mut kept = empty();
        (0..3).for_each(|number| assert!(keep(&mut kept, number).is_empty()));
        assert!(kept.get(MachineId(0)).is_some());
        assert_eq!(keep(&mut kept, 3), [MachineId(1)]);
        assert!(kept.get(MachineId(1)).is_none(), "the one that was used longest ago");
        assert!([0, 2, 3].iter().all(|number| kept.get(MachineId(*number)).is_some()));
        // Another model has one of its own, whatever the first has, and never two.
        let mut other = empty();
        (0..2).for_each(|number| drop(keep(&mut other, number)));
        assert!(other.get(MachineId(0)).is_none() && other.get(MachineId(1)).is_some());
        kept.forget(MachineId(3));
        assert!(kept.get(MachineId(3)).is_none());
        drop((kept, other));
        assert_eq!(COUNT.load(Ordering::Relaxed), 0);
    }
}
