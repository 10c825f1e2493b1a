//! The charms that simulated applications run, read from metadata once.

use periapt_model::charm::{CharmFiles, CharmMeta, SourceText, parse};
use periapt_model::entity::Charm;
use periapt_model::names::{CharmId, StorageName};

/// The charms that simulated applications run.
#[derive(Clone, Debug)]
pub struct Charms(Vec<CharmMeta>);

const METADATA: [&str; 6] = [
    "provides: {db: {interface: sql}}\npeers: {mates: {interface: mates}}\nstorage: {data: {type: filesystem}}",
    "requires: {db: {interface: sql}, log: {interface: logs}}\nprovides: {web: {interface: http}}",
    "provides: {log: {interface: logs}}\nrequires: {web: {interface: http}}\npeers: {ring: {interface: ring}}\nstorage: {data: {type: filesystem, multiple: {range: 2}}, extra: {type: filesystem, multiple: {range: 0-}}}",
    "provides: {db: {interface: sql, limit: 1}}\npeers: {mates: {interface: mates}, more: {interface: more}}",
    // Two subordinates: they come by `juju-info` and by an interface of the second charm, and see each other by `side`.
    "subordinate: true\nprovides: {side: {interface: side, scope: container}}\nrequires: {host: {interface: juju-info, scope: container}}\npeers: {mates: {interface: mates}}\nstorage: {data: {type: filesystem}}",
    "subordinate: true\nrequires: {host: {interface: juju-info, scope: container}, page: {interface: http, scope: container}, side: {interface: side, scope: container}, log: {interface: logs}}",
];

impl Charms {
    /// Reads them. `None` if this crate's own texts were wrong, which a test excludes.
    pub fn new() -> Option<Self> {
        let read = |endpoints: &&str| {
            let files = CharmFiles {
                metadata: Some(SourceText::new(
                    "metadata.yaml",
                    format!("name: sim\nsummary: s\ndescription: d\n{endpoints}\n"),
                )),
                config: Some(SourceText::new(
                    "config.yaml",
                    "options: {size: {type: int, default: 0, description: d}}",
                )),
                actions: Some(SourceText::new("actions.yaml", "act: {description: d}")),
                ..CharmFiles::default()
            };
            parse(&files).ok().map(|parsed| parsed.meta)
        };
        METADATA.iter().map(read).collect::<Option<Vec<_>>>().map(Self)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many storages of that name a unit may have, whichever of them it runs.
    pub(super) fn most_storages(&self, name: &StorageName) -> u32 {
        let bounds = self.0.iter().filter_map(|meta| Some(meta.storages.get(name)?.count_max));
        bounds.map(|most| most.unwrap_or(u32::MAX)).max().unwrap_or(0)
    }

    pub(super) fn charm(&self, which: usize) -> Option<Charm> {
        let meta = self.0.get(which)?.clone();
        Some(Charm {
            id: CharmId(format!("sim-{which}")),
            url: String::new(),
            revision: 0,
            version: None,
            meta,
        })
    }
}
