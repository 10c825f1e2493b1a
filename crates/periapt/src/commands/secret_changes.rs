//! `add-secret`, `update-secret`, `remove-secret`, `grant-secret` and `revoke-secret`

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::AppName;

use crate::args::ModelArgs;
use crate::args::secret::ContentArgs;
use crate::error::{CliError, Result};
use crate::output::print;
use crate::session::Session;

/// Add a secret, and print its URI
#[derive(Args, Debug)]
pub struct AddSecret {
    /// Its name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    content: ContentArgs,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    info: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Change a secret; new values make a new revision
#[derive(Args, Debug)]
pub struct UpdateSecret {
    /// The secret: its URI, id or name
    #[arg(value_name = "ID|NAME")]
    secret: Option<String>,
    #[command(flatten)]
    content: ContentArgs,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    info: Option<String>,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// Remove revisions by themselves that nobody reads any more
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    auto_prune: Option<bool>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Remove a secret, or one revision of it
#[derive(Args, Debug)]
pub struct RemoveSecret {
    /// The secret: its URI, id or name
    #[arg(value_name = "ID|NAME")]
    secret: Option<String>,
    /// This revision only
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    revision: u32,
    #[command(flatten)]
    model: ModelArgs,
}

/// Let applications read a secret
#[derive(Args, Debug)]
pub struct GrantSecret {
    #[command(flatten)]
    grant: Grant,
}

/// Do not let applications read a secret any more
#[derive(Args, Debug)]
pub struct RevokeSecret {
    #[command(flatten)]
    grant: Grant,
}

#[derive(Args, Debug)]
struct Grant {
    /// The secret: its URI, id or name
    #[arg(value_name = "ID|NAME")]
    secret: Option<String>,
    /// The applications
    #[arg(value_name = "APPLICATION[,APPLICATION…]", add = crate::args::complete::apps())]
    applications: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

fn given(secret: Option<String>) -> Result<String> {
    let secret =
        secret.filter(|text| !text.is_empty()).ok_or_else(|| CliError::usage("missing secret URI"))?;
    no_value(&secret)?;
    Ok(secret)
}

/// A value where the secret is to be named. It is not repeated.
fn no_value(word: &str) -> Result {
    match word.contains('=') {
        true => Err(CliError::usage("the secret comes first: its URI, id or name, and then its values")),
        false => Ok(()),
    }
}

impl AddSecret {
    /// Adds it.
    pub async fn run(self, session: &Session) -> Result {
        let name = self.name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| CliError::usage("missing secret name"))?;
        no_value(&name)?;
        let content = self.content.read()?;
        let content = content.ok_or_else(|| CliError::usage("missing secret value or filename"))?;
        let info = self.info.filter(|text| !text.is_empty());
        let request = requests::AddSecret { name, info, content };
        let added = session.model(&self.model)?.add_secret(&request).await?;
        print(&format!("{}\n", added.uri))
    }
}

impl UpdateSecret {
    /// Changes it.
    pub async fn run(self, session: &Session) -> Result {
        let secret = given(self.secret)?;
        let request = requests::UpdateSecret {
            name: self.name.filter(|name| !name.is_empty()),
            info: self.info,
            auto_prune: self.auto_prune,
            content: self.content.read()?,
        };
        session.model(&self.model)?.update_secret(&secret, &request).await?;
        Ok(())
    }
}

impl RemoveSecret {
    /// Removes it.
    pub async fn run(self, session: &Session) -> Result {
        let secret = given(self.secret)?;
        let revision = Some(self.revision).filter(|revision| *revision > 0);
        session.model(&self.model)?.remove_secret(&secret, revision).await?;
        Ok(())
    }
}

impl Grant {
    async fn run(self, session: &Session, grant: bool) -> Result {
        let (Some(secret), Some(applications)) = (self.secret, self.applications) else {
            return Err(CliError::usage("missing secret URI or application name"));
        };
        let secret = given(Some(secret))?;
        let applications = applications.split(',').map(AppName::new);
        let applications = applications.collect::<std::result::Result<Vec<_>, _>>()?;
        let request = requests::GrantSecret { applications, grant };
        session.model(&self.model)?.grant_secret(&secret, &request).await?;
        Ok(())
    }
}

impl GrantSecret {
    /// Grants it.
    pub async fn run(self, session: &Session) -> Result {
        self.grant.run(session, true).await
    }
}

impl RevokeSecret {
    /// Takes it back.
    pub async fn run(self, session: &Session) -> Result {
        self.grant.run(session, false).await
    }
}
