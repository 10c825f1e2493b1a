//! Sealing what an older Periapt stored in the clear, and taking its past off the disk.

use periapt_store::{Revision, Store, Txn};

use crate::codec::{EPOCH_KEY, SCRUBBED_KEY};
use crate::controller::OpenError;
use crate::seal::Sealer;

/// A stored row in the clear that belongs sealed.
pub(crate) struct ClearRow {
    pub row: String,
    pub value: Vec<u8>,
}

/// Rows in one transaction. Their values are small, but for contents of secrets, which have a mebibyte at most.
const ROWS: usize = 16;

/// Seals these rows, and has the store forget what it held before. Each step may be the last before a crash: the note
/// that nothing is left goes first and comes back last. `fresh`: no controller has ever written to the store.
pub(crate) async fn settle(
    store: &dyn Store,
    epoch: Revision,
    sealer: &Sealer,
    clear: Vec<ClearRow>,
    fresh: bool,
) -> Result<(), OpenError> {
    let ours = || Txn::new().require(EPOCH_KEY, epoch);
    let failed = |reason: String| OpenError::Takeover(reason);
    for rows in clear.chunks(ROWS) {
        let mut txn = ours().delete(SCRUBBED_KEY);
        for ClearRow { row, value } in rows {
            let sealed = sealer.seal(row, value).map_err(|e| failed(format!("{row}: {e}")))?;
            txn = txn.put(row.as_str(), sealed);
        }
        store.submit(txn).await.map_err(|e| failed(e.to_string()))?;
    }
    if store.get(&SCRUBBED_KEY.into()).await?.is_some() {
        return Ok(());
    }
    if !fresh {
        tracing::info!("{} rows were sealed; their past is taken off the disk", clear.len());
        if let Err(error) = store.scrub().await {
            // The rows themselves are sealed. The next start tries again.
            tracing::warn!(%error, "what was stored in the clear before may still be found in the store's files");
            return Ok(());
        }
    }
    store.submit(ours().put(SCRUBBED_KEY, b"1".to_vec())).await.map_err(|e| failed(e.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use periapt_model::command::{Answer, Command};
    use periapt_model::entity::SecretContent;
    use periapt_model::names::SecretId;
    use periapt_store::{KeyRange, Sqlite};

    use super::*;
    use crate::seal::SealError;
    use crate::{Controller, Options};

    const PLAIN: &str = "hunter2-hunter2";
    /// The same as a secret's content holds it.
    const BASE64: &str = "aHVudGVyMi1odW50ZXIy";

    async fn open(folder: &Path, key: Option<&str>) -> Result<Controller, OpenError> {
        let store = Arc::new(Sqlite::open(folder.join("store.db")).unwrap());
        let options = Options::new(folder.join("logs"));
        let options = match key {
            Some(name) => options.sealed_by(folder.join(name)),
            None => options,
        };
        Controller::open(store, options).await
    }

    async fn add_secret(controller: &Controller) -> SecretId {
        let mut content = SecretContent::default();
        content.insert("password", PLAIN.as_bytes()).unwrap();
        let model = controller.add_model("m".parse().unwrap(), &Default::default()).await.unwrap();
        let command = Command::AddSecret { name: "mine".into(), info: None, content };
        match model.apply(command).await.unwrap() {
            Answer::Secret(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn revealed(controller: &Controller, id: &SecretId) -> Option<String> {
        controller.model("m")?.snapshot().secret_content(id, 1)?.text("password")
    }

    /// Whether the value is anywhere in the folder's files.
    fn lies_about(folder: &Path) -> bool {
        std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            [PLAIN, BASE64].iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
        })
    }

    /// Everything that has the store must be gone before it can be opened again.
    async fn close(controller: Controller) {
        let weak = Arc::downgrade(&controller.shared);
        drop(controller);
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_stored_is_sealed_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let controller = open(folder.path(), Some("key")).await.unwrap();
        let id = add_secret(&controller).await;
        assert!(!lies_about(folder.path()));
        close(controller).await;
        let controller = open(folder.path(), Some("key")).await.unwrap();
        assert_eq!(revealed(&controller, &id).as_deref(), Some(PLAIN));
    }

    #[tokio::test]
    async fn without_its_key_a_store_is_refused_and_no_new_key_made() {
        let folder = tempfile::tempdir().unwrap();
        let controller = open(folder.path(), Some("key")).await.unwrap();
        let id = add_secret(&controller).await;
        close(controller).await;
        let (key, away) = (folder.path().join("key"), folder.path().join("away"));
        std::fs::rename(&key, &away).unwrap();
        let error = open(folder.path(), Some("key")).await.unwrap_err();
        assert!(matches!(error, OpenError::Seal(SealError::Missing { .. })), "{error}");
        assert!(error.to_string().contains(&key.display().to_string()), "{error}");
        assert!(!key.exists());
        let error = open(folder.path(), None).await.unwrap_err();
        assert!(matches!(error, OpenError::Seal(SealError::NoKey)), "{error}");
        std::fs::write(&key, [7; 32]).unwrap();
        let error = open(folder.path(), Some("key")).await.unwrap_err();
        assert!(matches!(error, OpenError::Seal(SealError::OtherKey { .. })), "{error}");
        std::fs::rename(&away, &key).unwrap();
        let controller = open(folder.path(), Some("key")).await.unwrap();
        assert_eq!(revealed(&controller, &id).as_deref(), Some(PLAIN));
    }

    #[tokio::test]
    async fn a_row_in_anothers_place_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let controller = open(folder.path(), Some("key")).await.unwrap();
        let id = add_secret(&controller).await;
        close(controller).await;
        let store = Sqlite::open(folder.path().join("store.db")).unwrap();
        let all = store.range(KeyRange::all().into()).await.unwrap();
        let sealed = all.entries.iter().find(|e| e.key.to_string().contains("secret-content/")).unwrap();
        let elsewhere = sealed.key.to_string().replace(&format!("{id}/1"), &format!("{id}/2"));
        store.submit(Txn::new().put(elsewhere, sealed.value.to_vec())).await.unwrap();
        drop(store);
        let error = open(folder.path(), Some("key")).await.unwrap_err();
        assert!(error.to_string().contains("belongs to another row"), "{error}");
    }

    #[tokio::test]
    async fn what_was_stored_in_the_clear_is_sealed_and_its_past_gone() {
        let folder = tempfile::tempdir().unwrap();
        let controller = open(folder.path(), None).await.unwrap();
        let id = add_secret(&controller).await;
        close(controller).await;
        assert!(lies_about(folder.path()), "the test would show nothing otherwise");
        let controller = open(folder.path(), Some("key")).await.unwrap();
        assert!(!lies_about(folder.path()));
        assert_eq!(revealed(&controller, &id).as_deref(), Some(PLAIN));
        close(controller).await;
        let controller = open(folder.path(), Some("key")).await.unwrap();
        assert!(!lies_about(folder.path()));
        assert_eq!(revealed(&controller, &id).as_deref(), Some(PLAIN));
    }
}
