//! `version --all`.

use periapt_model::apply::JUJU_VERSION;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Versions, in the shape of `juju version --all --format json`, and our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct VersionView {
    /// The version of Juju whose behaviour this is: `3.6.11-genericlinux-amd64`.
    pub version: String,
    /// The commit this was built from, where the build knows.
    pub git_commit: String,
    /// `clean`, `dirty` or empty.
    pub git_tree_state: String,
    /// `rustc`.
    pub compiler: String,
    /// Periapt's own version.
    pub periapt: String,
}

/// The versions of this program.
pub fn version() -> VersionView {
    let arch = super::host::debian_architecture(std::env::consts::ARCH);
    VersionView {
        version: format!("{JUJU_VERSION}-genericlinux-{arch}"),
        git_commit: option_env!("PERIAPT_GIT_COMMIT").unwrap_or_default().to_owned(),
        git_tree_state: option_env!("PERIAPT_GIT_TREE_STATE").unwrap_or_default().to_owned(),
        compiler: "rustc".to_owned(),
        periapt: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
