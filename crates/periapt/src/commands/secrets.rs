//! `secrets` and `show-secret`

use clap::Args;
use periapt_controller::api::requests::{SecretParams, SecretsParams};
use serde_json::Value;

use crate::args::ModelArgs;
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular, to_value};
use crate::render;
use crate::render::time::Clock;
use crate::session::Session;

/// List the secrets of the model, without what is in them
#[derive(Args, Debug)]
#[command(visible_alias = "list-secrets")]
pub struct Secrets {
    /// Only those of this owner: application-NAME or unit-NAME-NUMBER
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// With all revisions
    #[arg(long)]
    revisions: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Show a secret; what is in it only with --reveal
#[derive(Args, Debug)]
pub struct ShowSecret {
    /// The secret: its URI, id or name
    #[arg(value_name = "ID|NAME")]
    secret: Option<String>,
    /// With what is in it
    #[arg(long)]
    reveal: bool,
    /// With all revisions
    #[arg(long)]
    revisions: bool,
    /// The content of this revision instead of the newest
    #[arg(short, long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    revision: u32,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl Secrets {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        let params = SecretsParams { owner: self.owner.filter(|o| !o.is_empty()), revisions: self.revisions };
        let list = session.model(&self.model)?.secrets(&params).await?;
        let table = || render::secrets::table(&list, Clock::system(true).now);
        self.output.write(&self.format.render(&list, table)?)
    }
}

impl ShowSecret {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        let secret = self.secret.filter(|text| !text.is_empty());
        let secret = secret.ok_or_else(|| CliError::usage("secret ID is required"))?;
        let revision = Some(self.revision).filter(|revision| *revision > 0);
        for (given, other) in [(self.reveal, "--reveal"), (revision.is_some(), "--revision")] {
            if self.revisions && given {
                return Err(CliError::usage(format!("specify either --revisions or {other} but not both")));
            }
        }
        let params = SecretParams { reveal: self.reveal, revisions: self.revisions, revision };
        let list = session.model(&self.model)?.secret(&secret, &params).await?;
        let mut value = to_value(&list)?;
        if self.format == Structured::Yaml {
            flatten_content(&mut value);
        }
        self.output.write(&self.format.render(&value)?)
    }
}

/// Juju's YAML has the values right below `content`, its JSON in a map `Data` of their own.
fn flatten_content(secrets: &mut Value) {
    let all = secrets.as_object_mut().into_iter().flat_map(|map| map.values_mut());
    for content in all.filter_map(|secret| secret.get_mut("content")) {
        if let Some(data) = content.get_mut("Data").map(Value::take) {
            *content = data;
        }
    }
}
