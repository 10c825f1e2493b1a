//! `resources`

use clap::Args;
use periapt_controller::api::requests::UnitParams;
use periapt_controller::views::resources::ResourceList;
use periapt_model::names::{AppName, InvalidName, UnitName};

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::output::{OutputFile, Tabular, say};
use crate::render::table::Table;
use crate::session::Session;

/// Show the resources of an application: which file each has, and who gave it
#[derive(Args, Debug)]
#[command(visible_alias = "list-resources", aliases = ["charm-resources", "list-charm-resources"])]
pub struct Resources {
    /// The application, or a unit of it
    #[arg(value_name = "APPLICATION|UNIT", value_parser = target, add = complete::apps())]
    target: Target,
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

/// Whose resources are shown.
#[derive(Clone, Debug)]
enum Target {
    Application(AppName),
    Unit(UnitName),
}

fn target(text: &str) -> std::result::Result<Target, InvalidName> {
    match text.contains('/') {
        true => text.parse().map(Target::Unit),
        false => text.parse().map(Target::Application),
    }
}

impl Resources {
    /// Shows them. A unit has the files of its application: each is fetched anew when it is asked for.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let of_unit = matches!(self.target, Target::Unit(_));
        let app = match &self.target {
            Target::Application(app) => app.clone(),
            Target::Unit(unit) => {
                model.unit(unit, &UnitParams::default()).await?;
                unit.app().clone()
            }
        };
        let list = model.resources(&app).await?;
        if list.resources.is_empty() {
            say("No resources to display.");
        }
        let table = || match (list.resources.is_empty(), of_unit) {
            (true, _) => String::new(),
            (false, true) => revisions(&list),
            (false, false) => table(&list),
        };
        // Of a unit Juju prints the list alone.
        let text = match of_unit {
            true => self.format.render(&list.resources, table)?,
            false => self.format.render(&list, table)?,
        };
        self.output.write(&text)
    }
}

/// Juju's columns for a unit.
fn revisions(list: &ResourceList) -> String {
    let mut table = Table::new(&["Resource", "Revision"]);
    for resource in &list.resources {
        let revision = resource.revision.map_or("-".to_owned(), |number| number.to_string());
        table.row([resource.name.as_str().into(), revision.into()]);
    }
    table.render()
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
