//! What the daemon answers to changes.

use periapt_model::command::Answer;
use periapt_model::entity::{TaskHost, TaskStatus};
use periapt_model::names::{AppName, RelationId, SecretId, TaskId, UnitName};
use periapt_model::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorKind};

/// A new application, or one with another charm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    /// Its name.
    #[schema(value_type = String)]
    pub application: AppName,
    /// Its new units.
    #[schema(value_type = Vec<String>)]
    pub units: Vec<UnitName>,
    /// The charm's url.
    pub charm: String,
}

/// Units that are new, go away, or go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Units {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub units: Vec<UnitName>,
}

/// A relation that is new or goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Related {
    /// Its number.
    #[schema(value_type = u32)]
    pub id: RelationId,
    /// `provider:endpoint requirer:endpoint`.
    pub key: String,
}

/// One task of a new operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedTask {
    /// Its number.
    #[schema(value_type = u64)]
    pub id: TaskId,
    /// Who runs it: a unit, or a machine by its number.
    #[schema(value_type = String)]
    pub host: TaskHost,
}

/// A new operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    /// Its number.
    #[schema(value_type = u64)]
    pub operation: TaskId,
    /// Its tasks.
    pub tasks: Vec<StartedTask>,
}

/// A secret of the operator's that is new or was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedSecret {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SecretId,
    /// The same as a URI: `secret:ID`.
    pub uri: String,
}

/// Whether anything is different now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Something is.
    pub changed: bool,
    /// Why nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of a task that was to be cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// Where it stands now; absent when it had ended before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub status: Option<TaskStatus>,
    /// Why nothing was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether the daemon is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// It stores what it is told.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Its process.
    pub pid: u32,
    /// When it started, in milliseconds since the Unix epoch.
    #[schema(value_type = i64)]
    pub started: Timestamp,
    /// Its version.
    pub version: String,
    /// How many models it has.
    pub models: usize,
    /// How many units they have together.
    pub units: usize,
}

pub(super) fn unexpected(answer: &Answer) -> ApiError {
    ApiError::new(
        ErrorKind::Internal,
        format!("the command was done, but its answer makes no sense: {answer:?}"),
    )
}

impl TryFrom<Answer> for Deployed {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Deployed { app, units, url } => Ok(Self { application: app, units, charm: url }),
            other => Err(unexpected(&other)),
        }
    }
}

impl TryFrom<Answer> for ChangedSecret {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Secret(id) => Ok(Self { uri: format!("secret:{id}"), id }),
            other => Err(unexpected(&other)),
        }
    }
}

impl TryFrom<Answer> for Units {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Units(units) => Ok(Self { units }),
            other => Err(unexpected(&other)),
        }
    }
}

impl TryFrom<Answer> for Related {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Related { id, key } => Ok(Self { id, key }),
            other => Err(unexpected(&other)),
        }
    }
}

impl TryFrom<Answer> for Started {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Operation { id, tasks } => {
                let tasks = tasks.into_iter().map(|(id, host)| StartedTask { id, host }).collect();
                Ok(Self { operation: id, tasks })
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl From<Answer> for Changed {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Unchanged(note) => Self { changed: false, note: Some(note) },
            _ => Self { changed: true, note: None },
        }
    }
}

impl TryFrom<Answer> for Cancelled {
    type Error = ApiError;
    fn try_from(answer: Answer) -> Result<Self, ApiError> {
        match answer {
            Answer::Task(status) => Ok(Self { status: Some(status), note: None }),
            Answer::Unchanged(note) => Ok(Self { status: None, note: Some(note) }),
            other => Err(unexpected(&other)),
        }
    }
}
