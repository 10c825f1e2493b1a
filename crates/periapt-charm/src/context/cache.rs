//! What was read of the model in this dispatch, beside relations and config.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use periapt_model::names::RelationId;

use super::network::Network;
use super::port::Ports;
use super::secret::SecretBook;
use super::storage::StorageLocation;
use crate::event::StorageId;
use crate::flow::Wake;

/// Each field is filled when it is asked for first.
#[derive(Debug, Default)]
pub(super) struct ModelCache {
    pub(super) networks: BTreeMap<(String, Option<RelationId>), Rc<Network>>,
    pub(super) storages: BTreeMap<String, Rc<Vec<StorageId>>>,
    pub(super) locations: HashMap<StorageId, Rc<StorageLocation>>,
    pub(super) resources: BTreeMap<String, PathBuf>,
    pub(super) ports: Ports,
    pub(super) version: Option<String>,
    pub(super) secrets: SecretBook,
    /// Wishes to be woken, with their names, where the agent has no wakes.
    pub(super) wakes: Vec<(Option<String>, Wake)>,
}
