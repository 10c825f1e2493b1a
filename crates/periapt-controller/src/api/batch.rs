//! Many changes of one model as one: what bundles are deployed with.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use periapt_model::command::{self, Answer, BatchChange, Command, CrossModel, Place, Step};
use periapt_model::entity::Exposure;
use periapt_model::names::{AppName, MachineId, UnitName};
use periapt_model::shape::Shape;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Input, Segments, endpoint_ref};
use super::replies::unexpected;
use super::requests::{self, Consume, Integrate, MakeOffer, SetConstraints};
use super::{Api, ApiError, offers};

/// Changes that are made in this order, together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The changes.
    pub steps: Vec<BatchStep>,
    /// Only say what they would do, or why they would be refused.
    #[serde(default)]
    pub dry_run: bool,
    /// What of the model they were planned from, as `models_shape` tells it: parts of it, under their names. Where one of
    /// them has changed since, all of the changes are refused, with the kind `changed`.
    #[serde(default)]
    #[schema(value_type = serde_json::Value)]
    pub expect: Shape,
}

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchStep {
    /// What it is to whoever asks, such as a place in a file: a refusal begins with it.
    #[serde(default)]
    pub of: String,
    /// The change.
    pub change: Change,
}

/// What one step of a batch changes. The steps before it have been done by then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// A new application.
    Deploy(Box<requests::Deploy>),
    /// Another charm for an application, or other files.
    Refresh {
        /// Which.
        #[schema(value_type = String)]
        application: AppName,
        /// What it gets.
        refresh: Box<requests::Refresh>,
    },
    /// Other constraints.
    Constrain(SetConstraints),
    /// Other options.
    Configure {
        /// Whose.
        #[schema(value_type = String)]
        application: AppName,
        /// As typed.
        options: BTreeMap<String, String>,
    },
    /// `trust` on or off.
    Trust {
        /// Of which application.
        #[schema(value_type = String)]
        application: AppName,
        /// On.
        on: bool,
    },
    /// `expose` on or off, for everybody.
    Expose {
        /// Which application.
        #[schema(value_type = String)]
        application: AppName,
        /// On.
        on: bool,
    },
    /// An application is exposed as far as is said, beside what it is already.
    ExposeTo {
        /// Which.
        #[schema(value_type = String)]
        application: AppName,
        /// To whom.
        expose: requests::Expose,
    },
    /// A relation between applications of the model, and of others that it consumes.
    Relate(Integrate),
    /// Endpoints that are offered to other models.
    Offer(MakeOffer),
    /// An offer of another model that shall be known here.
    Consume(Consume),
    /// A machine for units of later steps.
    Machine {
        /// As typed: `mem=2G cores=4`.
        #[serde(default)]
        constraints: String,
    },
    /// A new unit.
    Unit {
        /// Of which application.
        #[schema(value_type = String)]
        application: AppName,
        /// `"new"`; `{"machine": 3}`; or `{"step": 4}`, where that earlier step made a machine or put a unit.
        #[serde(default)]
        #[schema(value_type = serde_json::Value)]
        place: Place,
    },
}

/// What was done, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Batched {
    /// One for each step.
    pub steps: Vec<Done>,
}

/// What a step did that its asker could not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The new unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub unit: Option<UnitName>,
    /// The new machine, or the one where the unit is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub machine: Option<MachineId>,
    /// The machine was made for the unit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

impl From<Answer> for Done {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Placed { unit, machine, new } => Self { unit: Some(unit), machine: Some(machine), new },
            Answer::Machines(made) => Self { machine: made.first().copied(), ..Self::default() },
            _ => Self::default(),
        }
    }
}

impl TryFrom<Answer> for Batched {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Batch(answers) => Ok(Self { steps: answers.into_iter().map(Done::from).collect() }),
            other => Err(unexpected(&other)),
        }
    }
}

/// Does all of the steps, or none: what refuses one refuses all of them.
#[utoipa::path(
    post, path = "/v1/models/{model}/batch", operation_id = "models_batch", tag = "models", request_body = Batch,
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = Batched), (status = 400, body = ApiError), (status = 404, body = ApiError), (status = 409, body = ApiError))
)]
pub(super) async fn run(
    State(api): State<Api>,
    Segments(model): Segments<String>,
    Input(Batch { steps, dry_run, expect }): Input<Batch>,
) -> Result<Json<Batched>, ApiError> {
    api.model(&model)?;
    let steps = steps.into_iter().map(|BatchStep { of, change }| match read(&api, change) {
        Ok(change) => Ok(Step { of, change }),
        Err(error) if of.is_empty() => Err(error),
        Err(error) => Err(ApiError { error: format!("{of}: {}", error.error), ..error }),
    });
    let command = Command::Batch(command::Batch { steps: steps.collect::<Result<_, _>>()?, expect });
    if dry_run {
        let answer = periapt_model::apply::apply(&api.model(&model)?.snapshot(), command, api.moment().now);
        let (_, answer) = answer.map_err(crate::handle::ApplyError::Refused)?;
        return answer.try_into().map(Json);
    }
    api.apply(&model, command).await.map(Json)
}

/// All of a model that a batch may be planned from, as it is at one moment.
#[utoipa::path(
    get, path = "/v1/models/{model}/shape", operation_id = "models_shape", tag = "models",
    params(("model" = String, Path, description = "The model's name or uuid.")),
    responses((status = 200, body = serde_json::Value), (status = 404, body = ApiError))
)]
pub(super) async fn shape(
    State(api): State<Api>,
    Segments(model): Segments<String>,
) -> Result<Json<Shape>, ApiError> {
    Ok(Json(Shape::of(&api.model(&model)?.snapshot())))
}

fn read(api: &Api, change: Change) -> Result<BatchChange, ApiError> {
    let command = match change {
        Change::Machine { constraints } => return Ok(BatchChange::Machine { constraints }),
        Change::Unit { application: app, place } => return Ok(BatchChange::Unit { app, place }),
        Change::Deploy(request) => api.deployment(*request)?,
        Change::Refresh { application, refresh } => api.refreshment(application, *refresh)?,
        Change::Constrain(SetConstraints { application: app, constraints }) => {
            Command::SetConstraints { app, constraints }
        }
        Change::Configure { application: app, options: set } => {
            Command::SetConfig { app, set, reset: Vec::new() }
        }
        Change::Trust { application: app, on: trust } => Command::SetTrust { app, trust },
        Change::Expose { application: app, on: exposed } => Command::SetExposed { app, exposed },
        Change::ExposeTo { application: app, expose } => {
            let requests::Expose { endpoints, spaces, cidrs } = expose;
            Command::Expose { app, endpoints, to: Exposure { spaces, cidrs } }
        }
        Change::Relate(Integrate { a, b, via }) => {
            let (a, b) = (endpoint_ref(&a)?, endpoint_ref(&b)?);
            match via.is_empty() {
                true => Command::Integrate { a, b },
                false => Command::IntegrateVia { a, b, via },
            }
        }
        Change::Offer(MakeOffer { application: app, endpoints, name }) => {
            Command::CrossModel(Box::new(CrossModel::Offer { name, app, endpoints }))
        }
        Change::Consume(request) => Command::CrossModel(Box::new(offers::consumption(api, request)?.1)),
    };
    Ok(BatchChange::Command(Box::new(command)))
}
