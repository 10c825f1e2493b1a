//! The API: JSON over HTTP on a Unix socket, described by `GET /v1/openapi.json`.
//!
//! Requests are ours ([`requests`]), turned into [`Command`](periapt_model::command::Command)s; answers are the
//! [views](crate::views) and the [`replies`] to changes. What was refused answers an [`ApiError`]. Long answers
//! (the journal, logs, waiting) are streams of newline-delimited JSON.

mod answer;
mod applications;
mod batch;
mod daemon;
mod error;
mod extract;
mod journal;
mod lines;
mod logs;
mod machines;
mod models;
mod offers;
mod operations;
mod payloads;
mod relations;
pub mod replies;
pub mod requests;
mod secrets;
mod storage;
#[cfg(test)]
mod tests;
mod units;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Uri};
use axum::routing::get;
use periapt_model::command::{Answer, Command};
use periapt_model::entity::{Charm, ResourceFile};
use periapt_model::model::Model;
use periapt_model::names::{AppName, CharmId, UnitName};
use periapt_model::time::{Moment, Timestamp};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use answer::ANSWER_LIMIT;
pub use error::{ApiError, ErrorKind};
pub use lines::NDJSON;
pub use wait::{Verdict, WaitLine};

use crate::controller::Controller;
use crate::handle::ModelHandle;
use crate::views::{Host, Viewpoint, Zone};

/// The largest body of a request. A charm's metadata has some kilobytes; files are not sent this way.
pub(crate) const BODY_LIMIT: usize = 16 << 20;

const JSON: &str = "application/json";

/// How long connections have to end by themselves once the daemon is asked to stop.
const GRACE: Duration = Duration::from_secs(2);

/// What the API must know of the daemon's home: which charms and files were put there.
pub trait CharmStore: Send + Sync + 'static {
    /// Whether the charm's tree is there, whole.
    fn has_charm(&self, id: &CharmId) -> bool;
    /// Whether the file with this hash is there, whole.
    fn has_resource(&self, hash: &str) -> bool;
}

/// What the API is made of. Cheap to copy.
#[derive(Clone)]
pub struct Api {
    controller: Controller,
    charms: Arc<dyn CharmStore>,
    host: Arc<Host>,
    shutdown: CancellationToken,
    started: Timestamp,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Api {
    /// An API over `controller`. `shutdown` is cancelled by `POST /v1/stop`; whoever else cancels it ends the streams
    /// and [`serve`] too.
    pub fn new(
        controller: Controller,
        charms: Arc<dyn CharmStore>,
        host: Host,
        shutdown: CancellationToken,
    ) -> Self {
        let started = controller.now();
        Self { controller, charms, host: Arc::new(host), shutdown, started }
    }

    fn model(&self, name: &str) -> Result<ModelHandle, ApiError> {
        self.controller.model(name).ok_or_else(|| {
            ApiError::not_found(format!("model {name:?} not found")).hint("`periapt models` lists them")
        })
    }

    /// Applies a command to a model.
    async fn apply<R>(&self, model: &str, command: Command) -> Result<R, ApiError>
    where
        Answer: TryInto<R, Error: Into<ApiError>>,
    {
        self.model(model)?.apply(command).await?.try_into().map_err(Into::into)
    }

    /// The same, or only what it would answer: refused as the command itself would be, and nothing is changed.
    async fn apply_or_try<R>(&self, model: &str, command: Command, dry_run: bool) -> Result<R, ApiError>
    where
        Answer: TryInto<R, Error: Into<ApiError>>,
    {
        if !dry_run {
            return self.apply(model, command).await;
        }
        let tried = periapt_model::apply::apply(&self.model(model)?.snapshot(), command, self.moment().now);
        let (_, answer) = tried.map_err(crate::handle::ApplyError::Refused)?;
        answer.try_into().map_err(Into::into)
    }

    fn zone(&self, zone: Option<&str>) -> Result<Zone, ApiError> {
        match zone {
            Some(text) => text.parse().map_err(ApiError::invalid),
            None => Ok(Zone::local(self.controller.now())),
        }
    }

    fn view<'a>(&'a self, zone: &'a Zone) -> Viewpoint<'a> {
        Viewpoint { now: self.controller.now(), zone, host: &self.host }
    }

    /// The present as the agents know it: they run in this daemon, so none is older than it.
    fn moment(&self) -> Moment {
        let stopping = self.shutdown.is_cancelled();
        Moment { now: self.controller.now(), agent_started: self.started, boot: None, stopping }
    }

    /// Refuses a charm whose tree is not there. Its id becomes a folder's name, so it must be a plain word.
    fn check_charm(&self, charm: &Charm) -> Result<(), ApiError> {
        if !is_plain(&charm.id.0) {
            return Err(ApiError::invalid(format!("{:?} is no charm id", charm.id.0)));
        }
        if !self.charms.has_charm(&charm.id) {
            return Err(ApiError::new(
                ErrorKind::Conflict,
                format!("charm {} is not in the daemon's home", charm.id),
            )
            .hint("put its tree there before asking for it, as `periapt deploy` does"));
        }
        Ok(())
    }

    /// As [`Api::check_charm`], for a file.
    fn check_upload(&self, upload: requests::Upload) -> Result<ResourceFile, ApiError> {
        if !is_plain(&upload.hash) {
            return Err(ApiError::invalid(format!("{:?} is no file's hash", upload.hash)));
        }
        if !self.charms.has_resource(&upload.hash) {
            return Err(ApiError::new(
                ErrorKind::Conflict,
                format!("file {} is not in the daemon's home", upload.hash),
            ));
        }
        // The revision is counted by `apply` where it matters; a first upload is the first.
        Ok(ResourceFile { hash: upload.hash, size: upload.size, revision: 1, store: upload.store })
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn no_app(model: &Model, app: &AppName) -> ApiError {
    let names: Vec<&str> = model.applications.keys().map(AppName::as_str).collect();
    let error = ApiError::not_found(format!("application {:?} not found", app.as_str()));
    if let Some(source) = model.remote_apps.get(app).and_then(|remote| remote.saas()) {
        let (model, offer) = (&source.model_name, &source.offer);
        return error.hint(format!(
            "it is consumed from offer {offer:?} of model \"{model}\": `periapt status {app}` shows it, `periapt \
             show-offer {model}.{offer}` the offer",
            offer = offer.as_str()
        ));
    }
    match names.is_empty() {
        true => error.hint("the model has no applications"),
        false => error.hint(format!("its applications are: {}", names.join(", "))),
    }
}

fn no_unit(model: &Model, unit: &UnitName) -> ApiError {
    if !model.applications.contains_key(unit.app()) {
        return no_app(model, unit.app());
    }
    let names: Vec<String> = model.units_of(unit.app()).map(|u| u.name.to_string()).collect();
    let error = ApiError::not_found(format!("unit \"{unit}\" not found"));
    match names.is_empty() {
        true => error.hint(format!("application {} has no units", unit.app())),
        false => error.hint(format!("the units of {} are: {}", unit.app(), names.join(", "))),
    }
}

/// The document's own part.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Periapt",
        description = "Runs Juju charms without Juju. JSON over HTTP on the daemon's Unix socket."
    ),
    components(schemas(ApiError, ErrorKind, WaitLine))
)]
struct Description;

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(daemon::version))
        .routes(routes!(daemon::health))
        .routes(routes!(daemon::stop))
        .routes(routes!(models::list, models::add))
        .routes(routes!(models::show, models::destroy))
        .routes(routes!(models::config, models::set_config))
        .routes(routes!(models::status))
        .routes(routes!(batch::run))
        .routes(routes!(batch::shape))
        .routes(routes!(machines::add))
        .routes(routes!(machines::remove))
        .routes(routes!(machines::constraints, machines::set_constraints))
        .routes(routes!(applications::deploy))
        .routes(routes!(applications::show, applications::remove))
        .routes(routes!(applications::config, applications::set_config))
        .routes(routes!(applications::add_units))
        .routes(routes!(applications::refresh))
        .routes(routes!(applications::attach))
        .routes(routes!(applications::resources))
        .routes(routes!(applications::trust))
        .routes(routes!(applications::expose))
        .routes(routes!(applications::expose_to))
        .routes(routes!(applications::unexpose))
        .routes(routes!(applications::actions))
        .routes(routes!(applications::why))
        .routes(routes!(units::show))
        .routes(routes!(units::why))
        .routes(routes!(units::remove))
        .routes(routes!(units::resolve))
        .routes(routes!(relations::list, relations::integrate))
        .routes(routes!(relations::remove))
        .routes(routes!(operations::run))
        .routes(routes!(operations::exec))
        .routes(routes!(operations::replay))
        .routes(routes!(operations::list))
        .routes(routes!(operations::show))
        .routes(routes!(operations::results))
        .routes(routes!(operations::task, operations::cancel))
        .routes(routes!(secrets::list, secrets::add))
        .routes(routes!(secrets::show, secrets::update, secrets::remove))
        .routes(routes!(secrets::grant))
        .routes(routes!(storage::list, storage::add))
        .routes(routes!(storage::attach))
        .routes(routes!(storage::detach))
        .routes(routes!(storage::remove))
        .routes(routes!(offers::list, offers::make))
        .routes(routes!(offers::list_all))
        .routes(routes!(offers::remove))
        .routes(routes!(offers::consume))
        .routes(routes!(offers::remove_saas))
        .routes(routes!(offers::suspend))
        .routes(routes!(journal::journal))
        .routes(routes!(logs::logs))
        .routes(routes!(logs::statuses))
        .routes(routes!(wait::wait))
        .routes(routes!(payloads::list))
}

/// The API's description (OpenAPI 3.1).
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// All of the API.
pub fn router(api: Api) -> Router {
    let (router, description) = routes().split_for_parts();
    // Written once: whoever is served gets a reference to it.
    let description = match serde_json::to_vec(&description) {
        Ok(text) => Ok(Bytes::from(text)),
        Err(error) => {
            let text = format!("cannot write the API's description: {error}");
            Err(ApiError::new(ErrorKind::Internal, text))
        }
    };
    let describe = move || std::future::ready(description.clone().map(|text| ([(CONTENT_TYPE, JSON)], text)));
    router
        .route("/v1/openapi.json", get(describe))
        .fallback(no_endpoint)
        .method_not_allowed_fallback(no_endpoint)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(api)
}

async fn no_endpoint(method: Method, uri: Uri) -> ApiError {
    ApiError::not_found(format!("there is no {method} {}", uri.path()))
        .hint("GET /v1/openapi.json describes what there is; a client and a daemon of different versions may differ")
}

/// Serves until `shutdown` is cancelled; then connections have a moment to end.
///
/// # Errors
///
/// The listener's.
pub async fn serve(
    listener: UnixListener,
    router: Router,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let ending = shutdown.clone();
    // The routes are made ready once. A bare `Router` makes them anew for each connection, which is megabytes.
    let serving = axum::serve(listener, router.into_make_service())
        .with_graceful_shutdown(async move { ending.cancelled().await });
    tokio::select! {
        result = serving => result,
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}
