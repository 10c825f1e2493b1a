//! Secrets: the operator's own, and what he sees of the charms'.

use axum::Json;
use axum::extract::State;
use periapt_model::command::Command;
use periapt_model::entity::{SecretContent, SecretOwner};
use periapt_model::names::{AppName, UnitName};
use periapt_model::secrets::SecretRef;

use super::extract::{Params, Segments, Sensitive};
use super::replies::ChangedSecret;
use super::requests::{
    AddSecret, GrantSecret, RemoveSecretParams, SecretParams, SecretsParams, UpdateSecret,
};
use super::{Api, ApiError};
use crate::views::secret::{SecretList, secrets, show_secret};

type SecretPath = Segments<(String, String)>;

impl Api {
    fn secret_ref(&self, model: &str, text: &str) -> Result<SecretRef, ApiError> {
        Ok(SecretRef::parse(text, self.model(model)?.uuid()))
    }
}

fn checked(content: SecretContent) -> Result<SecretContent, ApiError> {
    content.checked().map_err(|error| ApiError::invalid(error.to_string()))
}

fn owner(tag: &str) -> Result<SecretOwner, ApiError> {
    let app = tag.strip_prefix("application-").and_then(|name| AppName::new(name).ok());
    let unit = UnitName::from_tag(tag).map(SecretOwner::Unit);
    app.map(SecretOwner::Application).or(unit).ok_or_else(|| {
        ApiError::invalid(format!("invalid owner {tag:?}"))
            .hint("an owner is written application-NAME or unit-NAME-NUMBER")
    })
}

/// The secrets of the model, without what is in them.
#[utoipa::path(
    get, path = "/v1/models/{model}/secrets", operation_id = "secrets_list", tag = "secrets",
    params(("model" = String, Path, description = "The model's name or uuid."), SecretsParams),
    responses((status = 200, body = SecretList), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Params(params): Params<SecretsParams>,
) -> Result<Json<SecretList>, ApiError> {
    let owner = params.owner.as_deref().map(owner).transpose()?;
    let model = api.model(&model)?.snapshot();
    Ok(Json(secrets(&model, owner.as_ref(), params.revisions)))
}

/// One secret by its id.
#[utoipa::path(
    get, path = "/v1/models/{model}/secrets/{secret}", operation_id = "secrets_show", tag = "secrets",
    params(("model" = String, Path, description = "The model's name or uuid."), ("secret" = String, Path, description = "Its URI, id or name."), SecretParams),
    responses((status = 200, body = SecretList), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn show(
    State(api): State<Api>,
    Segments((model, secret)): SecretPath,
    Params(params): Params<SecretParams>,
) -> Result<Json<SecretList>, ApiError> {
    let other = [(params.reveal, "--reveal"), (params.revision.is_some(), "--revision")];
    if let (true, Some((_, other))) = (params.revisions, other.into_iter().find(|(given, _)| *given)) {
        return Err(ApiError::invalid(format!("specify either --revisions or {other} but not both")));
    }
    let wanted = api.secret_ref(&model, &secret)?;
    let model = api.model(&model)?.snapshot();
    let found = model.find_secret(&wanted).ok_or_else(|| {
        ApiError::not_found(format!("secret {:?} not found", wanted.to_string()))
            .hint("`periapt secrets` lists them")
    })?;
    let revision = params.revision.unwrap_or_else(|| found.latest());
    let content =
        model.secret_content(&found.id, revision).filter(|_| found.revisions.contains_key(&revision));
    if content.is_none() && (params.reveal || params.revision.is_some()) {
        return Err(ApiError::not_found(format!(
            "secret {:?} revision {revision} not found",
            wanted.to_string()
        )));
    }
    let content = content.filter(|_| params.reveal).map(AsRef::as_ref);
    let view = show_secret(&model, found, params.revisions, content);
    Ok(Json(SecretList::from([(found.id.to_string(), view)])))
}

/// A new secret of the operator's.
#[utoipa::path(
    post, path = "/v1/models/{model}/secrets", operation_id = "secrets_add", tag = "secrets", request_body = AddSecret,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = ChangedSecret), (status = 400, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn add(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Sensitive(request): Sensitive<AddSecret>,
) -> Result<Json<ChangedSecret>, ApiError> {
    let AddSecret { name, info, content } = request;
    let content = checked(content)?;
    api.apply(&model, Command::AddSecret { name, info, content }).await.map(Json)
}

/// Changes a secret of the operator's.
#[utoipa::path(
    put, path = "/v1/models/{model}/secrets/{secret}", operation_id = "secrets_update", tag = "secrets", request_body = UpdateSecret,
    params(("model" = String, Path, description = "The model's name or uuid."), ("secret" = String, Path, description = "Its URI, id or name.")),
    responses((status = 200, body = ChangedSecret), (status = 400, body = ApiError), (status = 403, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn update(
    State(api): State<Api>,
    Segments((model, secret)): SecretPath,
    Sensitive(request): Sensitive<UpdateSecret>,
) -> Result<Json<ChangedSecret>, ApiError> {
    let UpdateSecret { name, info, auto_prune, content } = request;
    let (secret, content) = (api.secret_ref(&model, &secret)?, content.map(checked).transpose()?);
    api.apply(&model, Command::UpdateSecret { secret, name, info, auto_prune, content }).await.map(Json)
}

/// A secret of the operator's goes away, or one revision of it.
#[utoipa::path(
    delete, path = "/v1/models/{model}/secrets/{secret}", operation_id = "secrets_remove", tag = "secrets",
    params(("model" = String, Path, description = "The model's name or uuid."), ("secret" = String, Path, description = "Its URI, id or name."), RemoveSecretParams),
    responses((status = 200, body = ChangedSecret), (status = 403, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments((model, secret)): SecretPath,
    Params(params): Params<RemoveSecretParams>,
) -> Result<Json<ChangedSecret>, ApiError> {
    let secret = api.secret_ref(&model, &secret)?;
    api.apply(&model, Command::RemoveSecret { secret, revision: params.revision }).await.map(Json)
}

/// Lets applications read a secret of the operator's, or takes that back.
#[utoipa::path(
    post, path = "/v1/models/{model}/secrets/{secret}/grants", operation_id = "secrets_grant", tag = "secrets", request_body = GrantSecret,
    params(("model" = String, Path, description = "The model's name or uuid."), ("secret" = String, Path, description = "Its URI, id or name.")),
    responses((status = 200, body = ChangedSecret), (status = 403, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn grant(
    State(api): State<Api>,
    Segments((model, secret)): SecretPath,
    Sensitive(request): Sensitive<GrantSecret>,
) -> Result<Json<ChangedSecret>, ApiError> {
    let secret = api.secret_ref(&model, &secret)?;
    let GrantSecret { applications: apps, grant } = request;
    api.apply(&model, Command::GrantSecret { secret, apps, grant }).await.map(Json)
}
