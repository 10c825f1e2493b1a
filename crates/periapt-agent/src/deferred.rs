//! Which events an `ops` charm has deferred, read from where `ops` keeps them: the charm's own SQLite file, or the charm
//! state that the controller keeps (`ops` 2.x: `ops/storage.py`).

use std::path::Path;
use std::time::Duration;

use periapt_model::local::Notice;
use periapt_model::yaml;
use rusqlite::{Connection, OpenFlags};

/// The SQLite file in the charm's folder.
const STATE_FILE: &str = ".unit-state.db";

/// The key of the charm's state under which `ops` keeps its notices when the controller keeps its state.
pub(crate) const STATE_KEY: &str = "#notices#";

/// Why nobody knows what is deferred.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("cannot read the deferred events in {STATE_FILE}: {0}")]
    File(#[from] rusqlite::Error),
    #[error("cannot read the deferred events in the charm's state {STATE_KEY:?}: {0}")]
    State(String),
}

/// Whether the charm keeps anything in a file. An empty one is what a charm leaves that failed before its first commit.
pub(crate) fn has_file(charm_dir: &Path) -> bool {
    charm_dir.join(STATE_FILE).metadata().is_ok_and(|meta| meta.is_file() && meta.len() > 0)
}

/// The notices in the SQLite file of the charm in `charm_dir`, oldest first. A charm without such a file, and one whose
/// file has no such table, has none. Blocks for as long as it takes to read a few pages; never waits for a lock.
pub(crate) fn in_file(charm_dir: &Path) -> Result<Vec<Notice>, Unreadable> {
    let path = charm_dir.join(STATE_FILE);
    if !has_file(charm_dir) {
        return Ok(Vec::new());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::ZERO)?;
    // charms.reactive keeps a file of the same name with other tables.
    let tables = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'notice'";
    if db.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut rows =
        db.prepare("SELECT sequence, event_path, observer_path, method_name FROM notice ORDER BY sequence")?;
    let notices = rows.query_map([], |row| {
        Ok(Notice { sequence: row.get(0)?, event: row.get(1)?, observer: row.get(2)?, method: row.get(3)? })
    })?;
    Ok(notices.collect::<Result<_, _>>()?)
}

/// The notices in the value of [`STATE_KEY`]: a YAML list of `[event, observer, method]`. They have no numbers of their
/// own there, so they get that of their event, which counts up as the events are emitted.
pub(crate) fn in_state(value: &str) -> Result<Vec<Notice>, Unreadable> {
    let bad = |what: &str| Unreadable::State(what.to_owned());
    let list = yaml::parse(value).map_err(|error| Unreadable::State(error.to_string()))?;
    if list.is_null() {
        return Ok(Vec::new());
    }
    let entries = list.as_seq().ok_or_else(|| bad("it is not a list"))?;
    let text = |node: &yaml::Node| node.as_scalar().map(|scalar| scalar.text.to_string());
    entries
        .iter()
        .map(|entry| {
            let fields: Option<Vec<String>> =
                entry.as_seq().and_then(|fields| fields.iter().map(text).collect());
            let Some([event, observer, method]) = fields.and_then(|f| <[String; 3]>::try_from(f).ok()) else {
                return Err(bad("an entry is not three texts"));
            };
            Ok(Notice { sequence: number_of(&event), event, observer, method })
        })
        .collect()
}

/// The number in `MyCharm/on/start[6]`; 0 if there is none.
fn number_of(event: &str) -> i64 {
    let number = event.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
    number.and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: &str = "
        CREATE TABLE snapshot (handle TEXT PRIMARY KEY, data BLOB);
        CREATE TABLE notice (sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_path TEXT, observer_path TEXT, method_name TEXT);
        INSERT INTO notice VALUES (4, 'MyCharm/on/start[6]', 'MyCharm/Lib[lib]', '_on_start');
        INSERT INTO notice VALUES (1, 'MyCharm/on/install[1]', 'MyCharm', '_on_install');";

    fn notice(sequence: i64, event: &str, observer: &str, method: &str) -> Notice {
        Notice { sequence, event: event.into(), observer: observer.into(), method: method.into() }
    }

    #[test]
    fn a_charms_file_gives_its_notices_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(in_file(dir.path()).unwrap(), []);
        std::fs::write(dir.path().join(STATE_FILE), "").unwrap();
        assert_eq!(in_file(dir.path()).unwrap(), []);

        let db = Connection::open(dir.path().join(STATE_FILE)).unwrap();
        db.execute_batch("CREATE TABLE kv (key TEXT, data TEXT)").unwrap();
        assert_eq!(in_file(dir.path()).unwrap(), [], "a reactive charm's file");
        db.execute_batch(OPS).unwrap();
        let expected = [
            notice(1, "MyCharm/on/install[1]", "MyCharm", "_on_install"),
            notice(4, "MyCharm/on/start[6]", "MyCharm/Lib[lib]", "_on_start"),
        ];
        assert_eq!(in_file(dir.path()).unwrap(), expected);
    }

    #[test]
    fn a_locked_or_broken_file_is_unknown_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(STATE_FILE);
        let db = Connection::open(&path).unwrap();
        db.execute_batch(OPS).unwrap();
        db.execute_batch("BEGIN EXCLUSIVE").unwrap();
        assert!(in_file(dir.path()).is_err());
        drop(db);
        assert!(in_file(dir.path()).is_ok());
        std::fs::write(&path, [b'x'; 5000]).unwrap();
        assert!(in_file(dir.path()).is_err());
    }

    #[test]
    fn the_controllers_state_gives_them_in_either_style_of_yaml() {
        let expected = vec![notice(6, "MyCharm/on/start[6]", "MyCharm", "_on_start")];
        let block = "- !!python/tuple\n  - MyCharm/on/start[6]\n  - MyCharm\n  - _on_start\n";
        let flow = "- !!python/tuple [\"MyCharm/on/start[6]\", MyCharm, _on_start]\n";
        let plain = "- [\"MyCharm/on/start[6]\", MyCharm, _on_start]\n";
        for text in [block, flow, plain] {
            assert_eq!(in_state(text).unwrap(), expected, "{text}");
        }
        for text in ["", "[]\n", "null\n"] {
            assert_eq!(in_state(text).unwrap(), [], "{text}");
        }
        for text in ["{a: b}", "- [a, b]", "- a", "- [[a], b, c]", "["] {
            assert!(in_state(text).is_err(), "{text}");
        }
    }
}
