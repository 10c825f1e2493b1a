//! `remove-application`

use std::collections::BTreeSet;

use clap::Args;
use periapt_controller::api::requests::RemoveParams;
use periapt_controller::client::ModelClient;
use periapt_controller::views::status::FullStatus;
use periapt_controller::views::storage::StorageStatus;
use periapt_model::names::AppName;

use super::confirm;
use super::storage::fates;
use crate::args::{ModelArgs, complete};
use crate::error::{CliError, FAILED, Result};
use crate::output::print;
use crate::session::{Session, zone};

/// Remove applications with their relations and units
#[derive(Args, Debug)]
pub struct RemoveApplication {
    /// The applications
    #[arg(required = true, value_name = "APPLICATION", add = complete::apps())]
    applications: Vec<AppName>,
    /// At once, without hooks of its own; others run theirs. Said again: without those, too
    #[arg(long)]
    force: bool,
    /// Do not ask; and remove the others where one cannot be
    #[arg(long)]
    no_prompt: bool,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// With all storages of its units; otherwise those that outlive units are detached
    #[arg(long)]
    destroy_storage: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl RemoveApplication {
    /// Asks for their end. One that cannot be removed is named, and the others go; unless it is to ask first, which finds it:
    /// then nothing is removed (Juju 3.6: `performDryRun`, `logResults`).
    pub async fn run(self, session: &Session) -> Result {
        confirm::check_no_wait(self.no_wait, self.force)?;
        let model = session.model(&self.model)?;
        let asks = !self.dry_run && confirm::is_wanted(&model, self.no_prompt).await;
        if self.dry_run || asks {
            let (all, list) = self.each(&model, true).await;
            all?;
            confirm::show(&list)?;
        }
        if self.dry_run {
            return Ok(());
        }
        if asks {
            confirm::yes("application removal")?;
        }
        let (all, list) = self.each(&model, false).await;
        if !asks {
            print(&list)?;
        }
        all
    }

    /// Removes each, or finds out what that would do: whether all can be, and the list of those that can. Failures are reported
    /// at once.
    async fn each(&self, model: &ModelClient, dry_run: bool) -> (Result, String) {
        let (mut all, mut list) = (Ok(()), String::new());
        let before = match Before::ask(model).await {
            Ok(before) => before,
            Err(error) => return (Err(error), list),
        };
        // One that is named many times goes once.
        let mut named = BTreeSet::new();
        for app in self.applications.iter().filter(|app| named.insert(*app)) {
            match self.remove(model, &before, app, dry_run).await {
                Ok(lines) => list.push_str(&lines),
                Err(error) => {
                    all = Err(CliError::silent(FAILED));
                    let _ = failed(app, error).report();
                }
            }
        }
        (all, list)
    }

    async fn remove(
        &self,
        model: &ModelClient,
        before: &Before,
        app: &AppName,
        dry_run: bool,
    ) -> Result<String> {
        let params = RemoveParams { force: self.force, destroy_storage: self.destroy_storage, dry_run };
        model.remove_application(app, &params).await?;
        let mut list = format!("will remove application {app}\n");
        for (unit, _) in before.status.units_of(app) {
            list.push_str(&format!("- will remove unit {unit}\n"));
            list.push_str(&fates(&before.status, &before.storage, unit, self.destroy_storage));
        }
        Ok(list)
    }
}

/// What there was before anything went.
struct Before {
    status: FullStatus,
    storage: StorageStatus,
}

impl Before {
    async fn ask(model: &ModelClient) -> Result<Self> {
        let storage = model.storage(&zone(true)).await?;
        Ok(Self { status: model.status(&[], &zone(true)).await?.status, storage })
    }
}

fn failed(app: &AppName, error: CliError) -> CliError {
    CliError { message: format!("removing application {app} failed: {}", error.message), ..error }
}
