//! What one hook context remembers between its hook commands, beside the effects.

use std::collections::BTreeMap;

use periapt_model::effects::Changes;
use periapt_model::entity::SecretConsumer;
use periapt_model::names::SecretId;
use periapt_model::status::WorkloadStatus;

/// What one hook context remembers. Made new for each hook, action and exec.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// `is-leader` was false once, and therefore stays false in this context (reference 4.3).
    pub not_leader: bool,
    /// What this context set with `status-set`: the word and the message.
    pub unit_status: Option<(WorkloadStatus, String)>,
    /// What this context set with `status-set --application`.
    pub application_status: Option<(WorkloadStatus, String)>,
    /// How many secrets it has made: part of what their ids are derived from.
    pub secrets_made: u32,
    /// Which revision of a secret it reads since `secret-get`, and what it calls the secret.
    pub secrets: BTreeMap<SecretId, SecretConsumer>,
    /// What this context wrote with `leader-set`.
    pub leader_settings: Changes,
}
