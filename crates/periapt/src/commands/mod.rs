//! The commands: one file each, with its arguments and what it does.

mod actions;
mod add_model;
mod add_unit;
mod attach_resource;
mod build;
mod completion;
mod config;
mod daemon;
mod debug_log;
mod deploy;
mod destroy_model;
mod exec;
mod expose;
mod integrate;
mod lifecycle;
mod model_config;
mod models;
mod new;
mod operation;
mod operations;
mod pack;
mod refresh;
mod remove_application;
mod remove_relation;
mod remove_unit;
mod replay;
mod resolved;
mod run;
mod show_application;
mod show_unit;
mod simulate;
mod status;
mod tail;
mod trust;
mod version;
mod wait;
mod why;

use clap::Subcommand;

use crate::error::{CliError, Result};
use crate::session::Session;

pub use completion::VARIABLE as COMPLETION_VARIABLE;

/// What there is to do, in the order of the help text.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Deploy(deploy::Deploy),
    Status(Box<status::Status>),
    Integrate(integrate::Integrate),
    Config(config::Config),
    Run(run::Run),

    Tail(tail::Tail),
    Why(why::Why),
    Wait(wait::Wait),
    Replay(replay::Replay),

    Refresh(refresh::Refresh),
    AttachResource(attach_resource::AttachResource),
    AddUnit(add_unit::AddUnit),
    RemoveUnit(remove_unit::RemoveUnit),
    RemoveApplication(remove_application::RemoveApplication),
    RemoveRelation(remove_relation::RemoveRelation),
    Resolved(resolved::Resolved),
    Trust(trust::Trust),
    Expose(expose::Expose),
    Unexpose(expose::Unexpose),
    ShowUnit(show_unit::ShowUnit),
    ShowApplication(show_application::ShowApplication),
    DebugLog(Box<debug_log::DebugLog>),

    Exec(Box<exec::Exec>),
    Actions(actions::Actions),
    Operations(operations::Operations),
    ShowOperation(operations::ShowOperation),
    ShowTask(operations::ShowTask),
    CancelTask(operations::CancelTask),

    AddModel(add_model::AddModel),
    Models(models::Models),
    ShowModel(models::ShowModel),
    Switch(models::Switch),
    ModelConfig(model_config::ModelConfig),
    DestroyModel(destroy_model::DestroyModel),

    New(new::New),
    Pack(pack::Pack),
    Lifecycle(lifecycle::Lifecycle),
    Simulate(simulate::Simulate),
    Daemon(daemon::Daemon),
    Version(version::Version),
    Completion(completion::Completion),
    Man(completion::Man),
}

/// Runs a future to its end. A command has one thread: it starts in no time, and waits for the daemon anyway.
///
/// # Errors
/// The system refuses what a runtime needs.
fn block_on<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("cannot start: {error}")))?;
    Ok(runtime.block_on(future))
}

impl Command {
    /// Does it. `program` is the name it was called by.
    ///
    /// # Errors
    /// What the process reports and exits with.
    pub fn execute(self, program: &'static str) -> Result {
        // What needs no home comes first.
        match self {
            Self::Lifecycle(args) => return args.run(),
            Self::Simulate(args) => return args.run(),
            Self::New(args) => return args.run(),
            Self::Version(args) => return args.run(),
            Self::Completion(args) => return args.run(program),
            Self::Man(args) => return args.run(crate::cli::command(program)),
            _ => {}
        }
        let session = Session::open(program)?;
        match self {
            Self::Daemon(args) => args.run(&session),
            Self::Pack(args) => args.run(&session),
            other => block_on(other.ask(&session))?,
        }
    }

    /// The commands that talk to the daemon.
    async fn ask(self, session: &Session) -> Result {
        match self {
            Self::Deploy(args) => args.run(session).await,
            Self::Status(args) => args.run(session).await,
            Self::Integrate(args) => args.run(session).await,
            Self::Config(args) => args.run(session).await,
            Self::Run(args) => args.run(session).await,
            Self::Tail(args) => args.run(session).await,
            Self::Why(args) => args.run(session).await,
            Self::Wait(args) => args.run(session).await,
            Self::Replay(args) => args.run(session).await,
            Self::Refresh(args) => args.run(session).await,
            Self::AttachResource(args) => args.run(session).await,
            Self::AddUnit(args) => args.run(session).await,
            Self::RemoveUnit(args) => args.run(session).await,
            Self::RemoveApplication(args) => args.run(session).await,
            Self::RemoveRelation(args) => args.run(session).await,
            Self::Resolved(args) => args.run(session).await,
            Self::Trust(args) => args.run(session).await,
            Self::Expose(args) => args.run(session).await,
            Self::Unexpose(args) => args.run(session).await,
            Self::ShowUnit(args) => args.run(session).await,
            Self::ShowApplication(args) => args.run(session).await,
            Self::DebugLog(args) => args.run(session).await,
            Self::Exec(args) => args.run(session).await,
            Self::Actions(args) => args.run(session).await,
            Self::Operations(args) => args.run(session).await,
            Self::ShowOperation(args) => args.run(session).await,
            Self::ShowTask(args) => args.run(session).await,
            Self::CancelTask(args) => args.run(session).await,
            Self::AddModel(args) => args.run(session).await,
            Self::Models(args) => args.run(session).await,
            Self::ShowModel(args) => args.run(session).await,
            Self::Switch(args) => args.run(session).await,
            Self::ModelConfig(args) => args.run(session).await,
            Self::DestroyModel(args) => args.run(session).await,
            Self::Pack(_) | Self::Lifecycle(_) | Self::Daemon(_) | Self::Version(_) => Ok(()),
            Self::New(_) | Self::Simulate(_) => Ok(()),
            Self::Completion(_) | Self::Man(_) => Ok(()),
        }
    }
}
