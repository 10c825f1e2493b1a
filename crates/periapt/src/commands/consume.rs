//! `consume`, `remove-saas`, `suspend-relation` and `resume-relation`.

use clap::Args;
use periapt_controller::api::requests::{self, SuspendRelations};
use periapt_model::names::{AppName, RelationId};
use periapt_model::offer_url::OfferUrl;

use super::offer::check_owner;
use crate::args::ModelArgs;
use crate::args::controller::without_ours;
use crate::error::{CliError, Result};
use crate::output::say;
use crate::session::Session;

/// Make an offer of another model known in this one
#[derive(Args, Debug)]
pub struct Consume {
    /// The offer
    #[arg(value_name = "[CONTROLLER:][USER/]MODEL.OFFER")]
    url: String,
    /// Its name here; the offer's if it is not given
    #[arg(value_name = "NAME")]
    alias: Option<AppName>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Forget consumed offers, with their relations
#[derive(Args, Debug)]
pub struct RemoveSaas {
    /// Their names here
    #[arg(required = true, value_name = "NAME")]
    names: Vec<AppName>,
    /// With their relations at once, without hooks
    #[arg(long)]
    force: bool,
    /// With --force: do not wait, which it never does
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// Suspend relations over an offer of this model
#[derive(Args, Debug)]
pub struct SuspendRelation {
    /// Their numbers: offers shows them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why
    #[arg(long, default_value = "", hide_default_value = true)]
    message: String,
    #[command(flatten)]
    model: ModelArgs,
}

/// Let suspended relations go on
#[derive(Args, Debug)]
pub struct ResumeRelation {
    /// Their numbers
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Consume {
    /// Makes it known.
    pub async fn run(self, session: &Session) -> Result {
        let url: OfferUrl = self.url.parse()?;
        if url.endpoint.is_some() {
            return Err(CliError::new(format!("saas offer {:?} shouldn't include endpoint", self.url)));
        }
        check_owner(&url)?;
        let request = requests::Consume { url: without_ours(&self.url).to_owned(), alias: self.alias };
        let consumed = session.model(&self.model)?.consume(&request).await?;
        say(format!("Added {} as {}", consumed.url, consumed.name));
        Ok(())
    }
}

impl RemoveSaas {
    /// Forgets them, if all of them are there.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let there = model.status(&[], &crate::session::zone(true)).await?.status.application_endpoints;
        if let Some(missing) = self.names.iter().find(|name| !there.contains_key(*name)) {
            return Err(CliError::new(format!("saas application \"{missing}\" not found"))
                .hint("periapt status lists what the model consumes"));
        }
        for name in &self.names {
            say(format!("removing SAAS application {name}"));
            model.remove_saas(name, self.force).await?;
        }
        Ok(())
    }
}

/// Numbers, also several in one word: `1,2 3`.
fn numbers(words: &[String]) -> Result<Vec<RelationId>> {
    let words = words.iter().flat_map(|word| word.split(','));
    let number = |word: &str| {
        let invalid = || {
            CliError::usage(format!("relation ID {word:?} not valid"))
                .hint("it is a number: periapt offers shows those of relations with other models")
        };
        word.parse().map_err(|_| invalid())
    };
    words.map(number).collect()
}

impl SuspendRelation {
    /// Suspends them: all or none.
    pub async fn run(self, session: &Session) -> Result {
        let relations = numbers(&self.ids)?;
        let request = SuspendRelations { relations, suspended: true, message: self.message };
        session.model(&self.model)?.suspend_relations(&request).await?;
        Ok(())
    }
}

impl ResumeRelation {
    /// Resumes them: all or none.
    pub async fn run(self, session: &Session) -> Result {
        let relations = numbers(&self.ids)?;
        let request = SuspendRelations { relations, suspended: false, message: String::new() };
        session.model(&self.model)?.suspend_relations(&request).await?;
        Ok(())
    }
}
