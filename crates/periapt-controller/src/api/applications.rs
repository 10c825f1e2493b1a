//! Applications.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use periapt_model::command::{Command, Deploy, StorageCommand, StorageOptions};
use periapt_model::entity::{Exposure, ResourceFile};
use periapt_model::names::{AppName, ResourceName};

use super::extract::{Input, Params, Segments, app_name};
use super::replies::{Changed, Deployed, Units};
use super::requests::{self, AddUnits, Refresh, RemoveParams, SetConfig, Switch, Upload};
use super::{Api, ApiError, no_app, storage};
use crate::views::actions::{ActionList, ActionView, actions as view_actions};
use crate::views::application::{ShowApplication, ShowConfig, show_application, show_config};
use crate::views::resources::{ResourceList, resources as view_resources};
use crate::views::why::{ApplicationWhy, application_why};

type AppPath = Segments<(String, String)>;

impl Api {
    fn check_uploads(
        &self,
        uploads: BTreeMap<ResourceName, Upload>,
    ) -> Result<BTreeMap<ResourceName, ResourceFile>, ApiError> {
        uploads.into_iter().map(|(name, upload)| Ok((name, self.check_upload(upload)?))).collect()
    }

    /// What a request to deploy asks of the model, where its files are there.
    pub(super) fn deployment(&self, request: requests::Deploy) -> Result<Command, ApiError> {
        self.check_charm(&request.charm)?;
        let directives = storage::directives(request.storage)?;
        let deploy = Deploy {
            name: request.name,
            charm: request.charm,
            units: request.units,
            config: request.config,
            trust: request.trust,
            resources: self.check_uploads(request.resources)?,
            constraints: request.constraints,
            channel: request.channel,
            force: request.force,
        };
        let storage = StorageOptions { directives, attach: request.attach_storage };
        Ok(Command::DeployTo { deploy: Box::new(deploy), placement: request.placement, storage })
    }

    /// As [`Api::deployment`], for a refresh.
    pub(super) fn refreshment(&self, app: AppName, request: Refresh) -> Result<Command, ApiError> {
        request.charm.as_ref().map_or(Ok(()), |charm| self.check_charm(charm))?;
        let command = Command::Refresh {
            app,
            charm: request.charm.map(Box::new),
            force_units: request.force_units,
            config: request.config,
            resources: self.check_uploads(request.resources)?,
            channel: request.channel,
            trust: request.trust,
        };
        let directives = storage::directives(request.storage)?;
        Ok(match directives.is_empty() {
            true => command,
            false => Command::Storage(StorageCommand::Refresh { refresh: Box::new(command), directives }),
        })
    }
}

/// A new application with its units.
#[utoipa::path(
    post, path = "/v1/models/{model}/applications", operation_id = "applications_deploy", tag = "applications", request_body = requests::Deploy,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Deployed), (status = 400, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn deploy(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(request): Input<requests::Deploy>,
) -> Result<Json<Deployed>, ApiError> {
    api.model(&model)?;
    api.apply(&model, api.deployment(request)?).await.map(Json)
}

/// One application.
#[utoipa::path(
    get, path = "/v1/models/{model}/applications/{app}", operation_id = "applications_show", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = ShowApplication), (status = 404, body = ApiError))
)]
pub(super) async fn show(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
) -> Result<Json<ShowApplication>, ApiError> {
    let (model, app) = (api.model(&model)?.snapshot(), app_name(&app)?);
    show_application(&model, &app).map(Json).ok_or_else(|| no_app(&model, &app))
}

/// The application, its relations and its units go away after their hooks.
#[utoipa::path(
    delete, path = "/v1/models/{model}/applications/{app}", operation_id = "applications_remove", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name."), RemoveParams),
    responses((status = 200, body = Units), (status = 404, body = ApiError))
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Params(params): Params<RemoveParams>,
) -> Result<Json<Units>, ApiError> {
    let removal = Command::RemoveApplication { app: app_name(&app)?, force: params.force };
    let removal = storage::with_storage(params.destroy_storage, removal);
    api.apply_or_try(&model, removal, params.dry_run).await.map(Json)
}

/// The options of an application.
#[utoipa::path(
    get, path = "/v1/models/{model}/applications/{app}/config", operation_id = "applications_config", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = ShowConfig), (status = 404, body = ApiError))
)]
pub(super) async fn config(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
) -> Result<Json<ShowConfig>, ApiError> {
    let (model, app) = (api.model(&model)?.snapshot(), app_name(&app)?);
    show_config(&model, &app).map(Json).ok_or_else(|| no_app(&model, &app))
}

/// Sets and resets options of an application: all of them or none.
#[utoipa::path(
    put, path = "/v1/models/{model}/applications/{app}/config", operation_id = "applications_set_config", tag = "applications", request_body = SetConfig,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Changed), (status = 400, body = ApiError), (status = 404, body = ApiError))
)]
pub(super) async fn set_config(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(request): Input<SetConfig>,
) -> Result<Json<Changed>, ApiError> {
    let command = Command::SetConfig { app: app_name(&app)?, set: request.set, reset: request.reset };
    api.apply(&model, command).await.map(Json)
}

/// More units.
#[utoipa::path(
    post, path = "/v1/models/{model}/applications/{app}/units", operation_id = "applications_add_units", tag = "applications", request_body = AddUnits,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Units), (status = 404, body = ApiError))
)]
pub(super) async fn add_units(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(request): Input<AddUnits>,
) -> Result<Json<Units>, ApiError> {
    let AddUnits { count, placement, attach_storage: attach } = request;
    api.apply(&model, Command::AddUnitsTo { app: app_name(&app)?, count, placement, attach }).await.map(Json)
}

/// Another charm.
#[utoipa::path(
    post, path = "/v1/models/{model}/applications/{app}/refresh", operation_id = "applications_refresh", tag = "applications", request_body = Refresh,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Deployed), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(request): Input<Refresh>,
) -> Result<Json<Deployed>, ApiError> {
    api.model(&model)?;
    api.apply(&model, api.refreshment(app_name(&app)?, request)?).await.map(Json)
}

/// A new file for a resource; its units run `upgrade-charm`.
#[utoipa::path(
    put, path = "/v1/models/{model}/applications/{app}/resources/{resource}", operation_id = "applications_attach", tag = "applications", request_body = Upload,
    params(
        ("model" = String, Path, description = "The model's name or uuid."),
        ("app" = String, Path, description = "The application's name."),
        ("resource" = String, Path, description = "Its name."),
    ),
    responses((status = 200, body = Changed), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn attach(
    State(api): State<Api>,
    Segments((model, app, resource)): Segments<(String, String, String)>,
    Input(upload): Input<Upload>,
) -> Result<Json<Changed>, ApiError> {
    api.model(&model)?;
    let command = Command::AttachResource {
        app: app_name(&app)?,
        resource: resource.parse().map_err(ApiError::invalid)?,
        file: api.check_upload(upload)?,
    };
    api.apply(&model, command).await.map(Json)
}

/// The resources that an application's charm declares, and their files.
#[utoipa::path(
    get, path = "/v1/models/{model}/applications/{app}/resources", operation_id = "applications_resources", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = ResourceList), (status = 404, body = ApiError))
)]
pub(super) async fn resources(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
) -> Result<Json<ResourceList>, ApiError> {
    let (model, app) = (api.model(&model)?.snapshot(), app_name(&app)?);
    view_resources(&model, &app).map(Json).ok_or_else(|| no_app(&model, &app))
}

/// `trust` on or off.
#[utoipa::path(
    put, path = "/v1/models/{model}/applications/{app}/trust", operation_id = "applications_trust", tag = "applications", request_body = Switch,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn trust(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(Switch { on }): Input<Switch>,
) -> Result<Json<Changed>, ApiError> {
    api.apply(&model, Command::SetTrust { app: app_name(&app)?, trust: on }).await.map(Json)
}

/// `expose` on or off.
#[utoipa::path(
    put, path = "/v1/models/{model}/applications/{app}/exposed", operation_id = "applications_expose", tag = "applications", request_body = Switch,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn expose(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(Switch { on }): Input<Switch>,
) -> Result<Json<Changed>, ApiError> {
    api.apply(&model, Command::SetExposed { app: app_name(&app)?, exposed: on }).await.map(Json)
}

/// An application is exposed, as far as is said; what is exposed already stays so.
#[utoipa::path(
    post, path = "/v1/models/{model}/applications/{app}/expose", operation_id = "applications_expose_to", tag = "applications", request_body = requests::Expose,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn expose_to(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(request): Input<requests::Expose>,
) -> Result<Json<Changed>, ApiError> {
    let requests::Expose { endpoints, spaces, cidrs } = request;
    let command = Command::Expose { app: app_name(&app)?, endpoints, to: Exposure { spaces, cidrs } };
    api.apply(&model, command).await.map(Json)
}

/// Exposure is taken back, of some endpoints or of all.
#[utoipa::path(
    post, path = "/v1/models/{model}/applications/{app}/unexpose", operation_id = "applications_unexpose", tag = "applications", request_body = requests::Unexpose,
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = Changed), (status = 404, body = ApiError))
)]
pub(super) async fn unexpose(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
    Input(requests::Unexpose { endpoints }): Input<requests::Unexpose>,
) -> Result<Json<Changed>, ApiError> {
    api.apply(&model, Command::Unexpose { app: app_name(&app)?, endpoints }).await.map(Json)
}

/// The actions of an application's charm.
#[utoipa::path(
    get, path = "/v1/models/{model}/applications/{app}/actions", operation_id = "applications_actions", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = BTreeMap<String, ActionView>), (status = 404, body = ApiError))
)]
pub(super) async fn actions(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
) -> Result<Json<ActionList>, ApiError> {
    let (model, app) = (api.model(&model)?.snapshot(), app_name(&app)?);
    view_actions(&model, &app).map(Json).ok_or_else(|| no_app(&model, &app))
}

/// What an application and its units wait for.
#[utoipa::path(
    get, path = "/v1/models/{model}/applications/{app}/why", operation_id = "applications_why", tag = "applications",
    params(("model" = String, Path, description = "The model's name or uuid."), ("app" = String, Path, description = "Its name.")),
    responses((status = 200, body = ApplicationWhy), (status = 404, body = ApiError))
)]
pub(super) async fn why(
    State(api): State<Api>,
    Segments((model, app)): AppPath,
) -> Result<Json<ApplicationWhy>, ApiError> {
    let (model, app) = (api.model(&model)?.snapshot(), app_name(&app)?);
    application_why(&model, &app, &api.moment()).map(Json).ok_or_else(|| no_app(&model, &app))
}
