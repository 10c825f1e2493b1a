//! Storages.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use periapt_model::command::{Answer, Command, StorageCommand};
use periapt_model::entity::{StorageDirective, StorageFate};
use periapt_model::names::{StorageId, StorageName, UnitName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Input, Params, Segments};
use super::requests::ZoneParams;
use super::{Api, ApiError};
use crate::views::storage::{StorageStatus, storage_status};

/// More storages for a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddStorage {
    /// Which unit.
    #[schema(value_type = String)]
    pub unit: UnitName,
    /// Directives by the charm's names, as typed: `[POOL,][COUNT,][SIZE]`; empty: one of it.
    #[schema(value_type = BTreeMap<String, String>)]
    pub storages: BTreeMap<StorageName, String>,
}

/// Detached storages that shall go to a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachStorage {
    /// Which unit.
    #[schema(value_type = String)]
    pub unit: UnitName,
    /// Which storages.
    #[schema(value_type = Vec<String>)]
    pub storages: Vec<StorageId>,
}

/// Storages that their units shall let go of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetachStorage {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub storages: Vec<StorageId>,
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
}

/// Storages that shall go away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveStorage {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub storages: Vec<StorageId>,
    /// Also those that are attached: they are detached first.
    #[serde(default)]
    pub force: bool,
    /// Their data is put aside instead of being deleted.
    #[serde(default)]
    pub no_destroy: bool,
}

/// Storages that are new or were changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Storages {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub storages: Vec<StorageId>,
}

/// How an application goes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RemoveParams {
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
    /// With all of its units' storages.
    #[serde(default)]
    pub destroy_storage: bool,
    /// Only say whether it would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// How a model goes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DestroyParams {
    /// At once, without hooks.
    #[serde(default)]
    pub force: bool,
    /// What becomes of storage that outlives its unit: `destroy` or `release`; absent: refused while there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub storage: Option<StorageFate>,
}

impl TryFrom<Answer> for Storages {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Storages(storages) => Ok(Self { storages }),
            other => Err(super::replies::unexpected(&other)),
        }
    }
}

/// Reads directives as typed; nothing at all is one storage of the application's own kind.
pub(super) fn directives(
    typed: BTreeMap<StorageName, String>,
) -> Result<BTreeMap<StorageName, StorageDirective>, ApiError> {
    let read = |(name, text): (StorageName, String)| match text.is_empty() {
        true => Ok((name, StorageDirective::default())),
        false => match text.parse() {
            Ok(directive) => Ok((name, directive)),
            Err(error) => {
                Err(ApiError::invalid(format!("cannot parse storage directive for {name}: {error}")))
            }
        },
    };
    typed.into_iter().map(read).collect()
}

/// Wraps a removal that takes storages along.
pub(super) fn with_storage(destroy: bool, removal: Command) -> Command {
    match destroy {
        true => Command::Storage(StorageCommand::DestroyWith(Box::new(removal))),
        false => removal,
    }
}

fn not_empty(storages: &[StorageId]) -> Result<(), ApiError> {
    match storages {
        [] => Err(ApiError::invalid("no storage was named")),
        _ => Ok(()),
    }
}

/// The storages of a model.
#[utoipa::path(
    get, path = "/v1/models/{model}/storage", operation_id = "storage_list", tag = "storage",
    params(("model" = String, Path, description = "The model's name or uuid."), ZoneParams),
    responses((status = 200, body = StorageStatus), (status = 404, body = ApiError))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<ZoneParams>,
) -> Result<Json<StorageStatus>, ApiError> {
    let zone = api.zone(params.zone.as_deref())?;
    let model = api.model(&model)?.snapshot();
    Ok(Json(storage_status(&model, |_| true, api.view(&zone))))
}

/// More storages for a unit, of those that its charm declares.
#[utoipa::path(
    post, path = "/v1/models/{model}/storage", operation_id = "storage_add", tag = "storage", request_body = AddStorage,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Storages), (status = 400, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<AddStorage>,
) -> Result<Json<Storages>, ApiError> {
    let storages = directives(request.storages)?;
    let command = StorageCommand::Add { unit: request.unit, storages };
    api.apply(&model, Command::Storage(command)).await.map(Json)
}

/// Detached storages go to a unit: all of them, or none.
#[utoipa::path(
    post, path = "/v1/models/{model}/attach-storage", operation_id = "storage_attach", tag = "storage", request_body = AttachStorage,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Storages), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn attach(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<AttachStorage>,
) -> Result<Json<Storages>, ApiError> {
    not_empty(&request.storages)?;
    let command = StorageCommand::Attach { unit: request.unit, ids: request.storages };
    api.apply(&model, Command::Storage(command)).await.map(Json)
}

/// Units let go of storages after a hook: all of them, or none.
#[utoipa::path(
    post, path = "/v1/models/{model}/detach-storage", operation_id = "storage_detach", tag = "storage", request_body = DetachStorage,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Storages), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn detach(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<DetachStorage>,
) -> Result<Json<Storages>, ApiError> {
    not_empty(&request.storages)?;
    let command = StorageCommand::Detach { ids: request.storages, force: request.force };
    api.apply(&model, Command::Storage(command)).await.map(Json)
}

/// Storages go away: all of them, or none.
#[utoipa::path(
    post, path = "/v1/models/{model}/remove-storage", operation_id = "storage_remove", tag = "storage", request_body = RemoveStorage,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Storages), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<RemoveStorage>,
) -> Result<Json<Storages>, ApiError> {
    not_empty(&request.storages)?;
    let fate = if request.no_destroy { StorageFate::Release } else { StorageFate::Destroy };
    let command = StorageCommand::Remove { ids: request.storages, force: request.force, fate };
    api.apply(&model, Command::Storage(command)).await.map(Json)
}
