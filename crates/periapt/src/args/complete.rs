//! Names of the running models for the shell's completion. A daemon that does not run is not started for it.

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use periapt_controller::client::Client;
use periapt_controller::views::Zone;

use crate::home::Home;

/// Asks the daemon, if one runs. Whatever goes wrong, there is nothing to offer.
fn ask<F, R>(question: F) -> Vec<CompletionCandidate>
where
    F: FnOnce(Client, Home) -> R,
    R: Future<Output = Option<Vec<String>>>,
{
    let answer = || {
        let home = Home::find().ok()?;
        if !crate::daemon::running(&home) {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(question(Client::new(home.socket()), home))
    };
    answer().unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}

async fn names(client: Client, home: Home, apps: bool, units: bool) -> Option<Vec<String>> {
    let model = crate::session::current_model(&home).ok()?;
    let status = client.model(model).status(&[], &Zone::Utc).await.ok()?.status;
    let mut names = Vec::new();
    names.extend(status.applications.keys().filter(|_| apps).map(ToString::to_string));
    names.extend(status.all_units().filter(|_| units).map(|(name, _)| name.to_string()));
    Some(names)
}

/// Applications.
pub fn apps() -> ArgValueCandidates {
    ArgValueCandidates::new(|| ask(|client, home| names(client, home, true, false)))
}

/// Units.
pub fn units() -> ArgValueCandidates {
    ArgValueCandidates::new(|| ask(|client, home| names(client, home, false, true)))
}

/// Applications and units.
pub fn apps_and_units() -> ArgValueCandidates {
    ArgValueCandidates::new(|| ask(|client, home| names(client, home, true, true)))
}

/// Models.
pub fn models() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        ask(|client, _| async move {
            let list = client.models(&Zone::Utc).await.ok()?;
            Some(list.models.into_iter().map(|model| model.short_name).collect())
        })
    })
}

/// What `wait --for` takes without naming anything.
pub fn goals() -> ArgValueCandidates {
    ArgValueCandidates::new(|| ["settled", "idle", "gone"].map(CompletionCandidate::new).into())
}
