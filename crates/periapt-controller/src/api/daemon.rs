//! The daemon itself.

use axum::Json;
use axum::extract::State;

use super::replies::{Changed, Health};
use super::{Api, ApiError};
use crate::views::version::{VersionView, version as versions};

/// The versions of the daemon and of the Juju whose behaviour it has.
#[utoipa::path(get, path = "/v1/version", operation_id = "daemon_version", tag = "daemon", responses((status = 200, body = VersionView)))]
pub(super) async fn version() -> Json<VersionView> {
    Json(versions())
}

/// Whether the daemon is well.
#[utoipa::path(get, path = "/v1/health", operation_id = "daemon_health", tag = "daemon", responses((status = 200, body = Health)))]
pub(super) async fn health(State(api): State<Api>) -> Json<Health> {
    let failure = api.controller.watch_failure().borrow().clone();
    let models = api.controller.models();
    Json(Health {
        ok: failure.is_none(),
        failure,
        pid: std::process::id(),
        started: api.started,
        version: versions().periapt,
        models: models.len(),
        units: models.iter().map(|m| m.snapshot().units.len()).sum(),
    })
}

/// Ends the daemon, after the hooks that run.
#[utoipa::path(post, path = "/v1/stop", operation_id = "daemon_stop", tag = "daemon", responses((status = 200, body = Changed)))]
pub(super) async fn stop(State(api): State<Api>) -> Result<Json<Changed>, ApiError> {
    let stopping = api.shutdown.is_cancelled();
    api.shutdown.cancel();
    let note = stopping.then(|| "the daemon is ending already".to_owned());
    Ok(Json(Changed { changed: !stopping, note }))
}
