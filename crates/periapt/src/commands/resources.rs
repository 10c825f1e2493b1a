//! `resources`

use clap::Args;
use periapt_controller::views::resources::ResourceList;
use periapt_model::names::AppName;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{OutputFile, Tabular, say};
use crate::render::table::Table;
use crate::session::Session;

/// Show the resources of an application: which file each has, and who gave it
#[derive(Args, Debug)]
#[command(visible_alias = "list-resources", alias = "charm-resources")]
pub struct Resources {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Without effect: all that is known is shown
    #[arg(long)]
    details: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

impl Resources {
    /// Shows them.
    pub async fn run(self, session: &Session) -> Result {
        let list = session.model(&self.model)?.resources(&self.application).await?;
        if list.resources.is_empty() {
            say("No resources to display.");
        }
        let text = self.format.render(&list, || match list.resources.is_empty() {
            true => String::new(),
            false => table(&list),
        })?;
        self.output.write(&text)
    }
}

fn table(list: &ResourceList) -> String {
    let mut table = Table::new(&["Resource", "Supplied by", "Revision"]);
    for resource in &list.resources {
        let by = match (resource.origin.as_str(), resource.revision) {
            (_, None) => "-",
            ("store", _) => "charmstore",
            (_, Some(_)) => resource.username.as_str(),
        };
        let revision = resource.revision.map_or("-".to_owned(), |number| number.to_string());
        table.row([resource.name.as_str().into(), by.into(), revision.into()]);
    }
    table.render()
}
