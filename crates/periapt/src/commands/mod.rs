//! The commands: one file each, with its arguments and what it does.

mod actions;
mod add_model;
mod add_unit;
mod attach_resource;
mod bootstrap;
pub mod build;
mod bundle;
mod clouds;
mod completion;
mod config;
mod confirm;
mod constraints;
mod consume;
mod controllers;
mod credentials;
mod daemon;
mod debug_log;
mod defaults;
mod deploy;
mod destroy_model;
mod download;
mod exec;
mod export_bundle;
mod expose;
mod help_hook_commands;
mod info;
mod integrate;
mod lifecycle;
mod machines;
mod model_config;
mod models;
mod new;
mod offer;
mod operation;
mod operations;
mod pack;
mod payloads;
mod place;
mod publish;
mod refresh;
mod remove_application;
mod remove_relation;
mod remove_unit;
mod replay;
mod resolved;
mod resources;
mod run;
mod scale_application;
mod scp;
mod secret_changes;
mod secrets;
mod show_action;
mod show_application;
mod show_status_log;
mod show_unit;
mod simulate;
mod source;
mod spaces;
mod ssh;
mod ssh_keys;
mod status;
mod storage;
mod storage_changes;
mod tail;
mod trust;
mod users;
mod version;
mod wait;
mod wait_for;
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
    WaitFor(wait_for::WaitFor),
    Replay(replay::Replay),

    Refresh(refresh::Refresh),
    AttachResource(attach_resource::AttachResource),
    Resources(resources::Resources),
    Payloads(payloads::Payloads),
    ExportBundle(export_bundle::ExportBundle),
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
    ShowStatusLog(show_status_log::ShowStatusLog),

    Exec(Box<exec::Exec>),
    Ssh(ssh::Ssh),
    Scp(scp::Scp),
    Actions(actions::Actions),
    Operations(operations::Operations),
    ShowOperation(operations::ShowOperation),
    ShowTask(operations::ShowTask),
    CancelTask(operations::CancelTask),

    AddSecret(secret_changes::AddSecret),
    UpdateSecret(secret_changes::UpdateSecret),
    RemoveSecret(secret_changes::RemoveSecret),
    GrantSecret(secret_changes::GrantSecret),
    RevokeSecret(secret_changes::RevokeSecret),
    Secrets(secrets::Secrets),
    ShowSecret(secrets::ShowSecret),

    Offer(offer::Offer),
    Offers(offer::Offers),
    FindOffers(offer::FindOffers),
    ShowOffer(offer::ShowOffer),
    RemoveOffer(offer::RemoveOffer),
    Consume(consume::Consume),
    RemoveSaas(consume::RemoveSaas),
    SuspendRelation(consume::SuspendRelation),
    ResumeRelation(consume::ResumeRelation),

    Storage(storage::Storage),
    ShowStorage(storage::ShowStorage),
    AddStorage(storage_changes::AddStorage),
    AttachStorage(storage_changes::AttachStorage),
    DetachStorage(storage_changes::DetachStorage),
    RemoveStorage(storage_changes::RemoveStorage),

    AddModel(add_model::AddModel),
    Models(models::Models),
    ShowModel(models::ShowModel),
    Switch(models::Switch),
    ModelConfig(model_config::ModelConfig),
    DestroyModel(destroy_model::DestroyModel),

    ScaleApplication(scale_application::ScaleApplication),
    ShowAction(show_action::ShowAction),
    Machines(machines::Machines),
    ShowMachine(machines::ShowMachine),
    AddMachine(machines::AddMachine),
    RemoveMachine(machines::RemoveMachine),
    Constraints(constraints::Constraints),
    SetConstraints(constraints::SetConstraints),
    ModelConstraints(constraints::ModelConstraints),
    SetModelConstraints(constraints::SetModelConstraints),
    ModelDefaults(defaults::ModelDefaults),
    Spaces(spaces::Spaces),
    ShowSpace(spaces::ShowSpace),
    Subnets(spaces::Subnets),
    ReloadSpaces(spaces::ReloadSpaces),
    Bind(spaces::Bind),
    SshKeys(ssh_keys::SshKeys),
    AddSshKey(ssh_keys::AddSshKey),
    RemoveSshKey(ssh_keys::RemoveSshKey),
    Controllers(controllers::Controllers),
    ShowController(controllers::ShowController),
    ControllerConfig(controllers::ControllerConfig),
    Users(users::Users),
    SecretBackends(defaults::SecretBackends),
    ShowSecretBackend(defaults::ShowSecretBackend),
    StoragePools(defaults::StoragePools),
    Whoami(controllers::Whoami),
    Bootstrap(Box<bootstrap::Bootstrap>),
    DestroyController(bootstrap::DestroyController),
    KillController(bootstrap::KillController),
    ShowUser(users::ShowUser),
    Clouds(clouds::Clouds),
    Regions(clouds::Regions),
    ShowCloud(clouds::ShowCloud),
    AddCloud(clouds::AddCloud),
    UpdateCloud(clouds::UpdateCloud),
    RemoveCloud(clouds::RemoveCloud),
    Credentials(credentials::Credentials),
    ShowCredential(credentials::ShowCredential),
    AddCredential(credentials::AddCredential),
    UpdateCredential(credentials::UpdateCredential),
    RemoveCredential(credentials::RemoveCredential),

    New(new::New),
    Pack(pack::Pack),
    Publish(publish::Publish),
    Find(info::Find),
    Info(info::Info),
    Download(download::Download),
    Lifecycle(lifecycle::Lifecycle),
    Simulate(simulate::Simulate),
    Daemon(daemon::Daemon),
    Version(version::Version),
    Completion(completion::Completion),
    Man(completion::Man),
    HelpHookCommands(help_hook_commands::HelpHookCommands),
    HelpActionCommands(help_hook_commands::HelpActionCommands),
}

/// Runs a future to its end. A command has one thread: it starts in no time, and waits for the daemon anyway.
///
/// # Errors
/// The system refuses what a runtime needs.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
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
            Self::ModelDefaults(args) => return args.run(),
            Self::HelpHookCommands(args) => return args.run(),
            Self::HelpActionCommands(args) => return args.run(),
            _ => {}
        }
        let session = Session::open(program)?;
        match self {
            Self::Daemon(args) => args.run(&session),
            Self::Pack(args) => args.run(&session),
            Self::Whoami(args) => args.run(&session),
            Self::ShowUser(args) => args.run(&session),
            Self::Clouds(args) => args.run(&session),
            Self::Regions(args) => args.run(&session),
            Self::ShowCloud(args) => args.run(&session),
            Self::AddCloud(args) => args.run(&session),
            Self::UpdateCloud(args) => args.run(&session),
            Self::RemoveCloud(args) => args.run(&session),
            Self::Credentials(args) => args.run(&session),
            Self::ShowCredential(args) => args.run(&session),
            Self::AddCredential(args) => args.run(&session),
            Self::UpdateCredential(args) => args.run(&session),
            Self::RemoveCredential(args) => args.run(&session),
            Self::Publish(args) => args.run(&session),
            Self::Find(args) => args.run(&session),
            Self::Info(args) => args.run(&session),
            Self::Download(args) => args.run(&session),
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
            Self::WaitFor(args) => args.run(session).await,
            Self::Replay(args) => args.run(session).await,
            Self::Refresh(args) => args.run(session).await,
            Self::AttachResource(args) => args.run(session).await,
            Self::Resources(args) => args.run(session).await,
            Self::Payloads(args) => args.run(session).await,
            Self::ExportBundle(args) => args.run(session).await,
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
            Self::ShowStatusLog(args) => args.run(session).await,
            Self::Exec(args) => args.run(session).await,
            Self::Ssh(args) => args.run(session).await,
            Self::Scp(args) => args.run(session).await,
            Self::Actions(args) => args.run(session).await,
            Self::Operations(args) => args.run(session).await,
            Self::ShowOperation(args) => args.run(session).await,
            Self::ShowTask(args) => args.run(session).await,
            Self::CancelTask(args) => args.run(session).await,
            Self::AddSecret(args) => args.run(session).await,
            Self::UpdateSecret(args) => args.run(session).await,
            Self::RemoveSecret(args) => args.run(session).await,
            Self::GrantSecret(args) => args.run(session).await,
            Self::RevokeSecret(args) => args.run(session).await,
            Self::Secrets(args) => args.run(session).await,
            Self::ShowSecret(args) => args.run(session).await,
            Self::Offer(args) => args.run(session).await,
            Self::Offers(args) => args.run(session).await,
            Self::FindOffers(args) => args.run(session).await,
            Self::ShowOffer(args) => args.run(session).await,
            Self::RemoveOffer(args) => args.run(session).await,
            Self::Consume(args) => args.run(session).await,
            Self::RemoveSaas(args) => args.run(session).await,
            Self::SuspendRelation(args) => args.run(session).await,
            Self::ResumeRelation(args) => args.run(session).await,
            Self::Storage(args) => args.run(session).await,
            Self::ShowStorage(args) => args.run(session).await,
            Self::AddStorage(args) => args.run(session).await,
            Self::AttachStorage(args) => args.run(session).await,
            Self::DetachStorage(args) => args.run(session).await,
            Self::RemoveStorage(args) => args.run(session).await,
            Self::AddModel(args) => args.run(session).await,
            Self::Models(args) => args.run(session).await,
            Self::ShowModel(args) => args.run(session).await,
            Self::Switch(args) => args.run(session).await,
            Self::ModelConfig(args) => args.run(session).await,
            Self::DestroyModel(args) => args.run(session).await,
            Self::Bootstrap(args) => args.run(session).await,
            Self::DestroyController(args) => args.run(session).await,
            Self::KillController(args) => args.run(session).await,
            Self::ScaleApplication(args) => args.run(session).await,
            Self::ShowAction(args) => args.run(session).await,
            Self::Machines(args) => args.run(session).await,
            Self::ShowMachine(args) => args.run(session).await,
            Self::AddMachine(args) => args.run(session).await,
            Self::RemoveMachine(args) => args.run(session).await,
            Self::Constraints(args) => args.run(session).await,
            Self::SetConstraints(args) => args.run(session).await,
            Self::ModelConstraints(args) => args.run(session).await,
            Self::SetModelConstraints(args) => args.run(session).await,
            Self::Spaces(args) => args.run(session).await,
            Self::ShowSpace(args) => args.run(session).await,
            Self::Subnets(args) => args.run(session).await,
            Self::ReloadSpaces(args) => args.run(session).await,
            Self::Bind(args) => args.run(session).await,
            Self::SshKeys(args) => args.run(session).await,
            Self::AddSshKey(args) => args.run(session).await,
            Self::RemoveSshKey(args) => args.run(session).await,
            Self::Controllers(args) => args.run(session).await,
            Self::ShowController(args) => args.run(session).await,
            Self::ControllerConfig(args) => args.run(session).await,
            Self::Users(args) => args.run(session).await,
            Self::SecretBackends(args) => args.run(session).await,
            Self::ShowSecretBackend(args) => args.run(session).await,
            Self::StoragePools(args) => args.run(session).await,
            Self::Pack(_) | Self::Lifecycle(_) | Self::Daemon(_) | Self::Version(_) => Ok(()),
            Self::Publish(_) | Self::Find(_) | Self::Info(_) | Self::Download(_) => Ok(()),
            Self::New(_) | Self::Simulate(_) => Ok(()),
            Self::HelpHookCommands(_) | Self::HelpActionCommands(_) => Ok(()),
            Self::Completion(_) | Self::Man(_) => Ok(()),
            Self::Whoami(_)
            | Self::ShowUser(_)
            | Self::Clouds(_)
            | Self::Regions(_)
            | Self::ShowCloud(_)
            | Self::AddCloud(_)
            | Self::UpdateCloud(_)
            | Self::RemoveCloud(_)
            | Self::Credentials(_)
            | Self::ShowCredential(_)
            | Self::AddCredential(_)
            | Self::UpdateCredential(_)
            | Self::RemoveCredential(_)
            | Self::ModelDefaults(_) => Ok(()),
        }
    }
}
