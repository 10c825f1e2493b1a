//! `offer`, `offers`, `find-offers`, `show-offer` and `remove-offer`.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use periapt_controller::api::requests::MakeOffer;
use periapt_controller::views::offer::OfferView;
use periapt_controller::views::{OWNER, Zone};
use periapt_model::names::{AppName, EndpointName, OfferName};
use periapt_model::offer_url::OfferUrl;
use serde_json::{Value, json};

use super::confirm;
use crate::args::controller::{self, ControllerArgs};
use crate::args::{ModelArgs, ModelRef};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Tabular, json as to_json, say, to_value, yaml};
use crate::render::offers as render;
use crate::session::{Session, zone};

/// Offer endpoints of an application to other models
#[derive(Args, Debug)]
pub struct Offer {
    /// Whose endpoints, and which
    #[arg(value_name = "[MODEL.]APP:ENDPOINT[,ENDPOINT]")]
    endpoints: Option<String>,
    /// What the offer is called; the application's name if it is not given
    #[arg(value_name = "OFFER")]
    name: Option<OfferName>,
    #[command(flatten)]
    controller: ControllerArgs,
    #[command(flatten)]
    model: ModelArgs,
}

/// List what the model offers, and who is related over it
#[derive(Args, Debug)]
#[command(visible_alias = "list-offers")]
pub struct Offers {
    /// Only this offer
    #[arg(value_name = "OFFER")]
    offer: Option<OfferName>,
    /// Only offers of this application
    #[arg(long, value_name = "APPLICATION")]
    application: Option<AppName>,
    /// Only offers with an endpoint of this interface
    #[arg(long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// Only offers that somebody is related over
    #[arg(long)]
    active_only: bool,
    /// Only offers that this user is related over; there is one user
    #[arg(long, value_name = "USER")]
    connected_user: Option<String>,
    /// Only offers that this user may consume; there is one user
    #[arg(long, value_name = "USER")]
    allowed_consumer: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: ListFormat,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// A table of the relations
    Tabular,
    /// A table of the offers
    Summary,
    /// YAML
    Yaml,
    /// JSON on one line
    Json,
}

/// Find offers of all models
#[derive(Args, Debug)]
pub struct FindOffers {
    /// Only those of this model, or this one
    #[arg(value_name = "[CONTROLLER:][USER/]MODEL[.OFFER]")]
    wanted: Option<String>,
    /// The same as an option
    #[arg(long, value_name = "URL", conflicts_with = "wanted")]
    url: Option<String>,
    /// Only offers with an endpoint of this interface
    #[arg(long, value_name = "INTERFACE")]
    interface: Option<String>,
    /// Only offers with this text in their name
    #[arg(long, value_name = "TEXT")]
    offer: Option<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
}

/// Show an offer
#[derive(Args, Debug)]
pub struct ShowOffer {
    /// Which: its url, or its name in the model
    #[arg(value_name = "[CONTROLLER:][USER/]MODEL.OFFER")]
    url: String,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Remove offers
#[derive(Args, Debug)]
pub struct RemoveOffer {
    /// Which: their urls, or their names in the model
    #[arg(required = true, value_name = "[CONTROLLER:][USER/]MODEL.OFFER")]
    offers: Vec<String>,
    /// With the relations over them
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(short = 'y', long = "yes", visible_alias = "no-prompt")]
    yes: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// A url that may leave out the model, which is then the current one.
fn located(session: &Session, model: &ModelArgs, text: &str) -> Result<OfferUrl> {
    if OfferUrl::looks_like(text) {
        let url: OfferUrl = text.parse()?;
        return match url.endpoint {
            Some(_) => Err(CliError::usage(format!("offer url {text:?} shouldn't include endpoint"))),
            None => Ok(url),
        };
    }
    let offer = text.parse::<OfferName>()?;
    let model = session.model_name(model)?;
    Ok(OfferUrl { controller: None, user: None, model, offer, endpoint: None })
}

/// Refuses any controller or user but ours.
pub(super) fn check_owner(url: &OfferUrl) -> Result {
    if let Some(controller) = &url.controller {
        controller::check(controller)?;
    }
    match url.user.as_deref() {
        None | Some(OWNER) => Ok(()),
        Some(other) => Err(CliError::new(format!("model \"{other}/{}\" not found", url.model))
            .hint(format!("the only user here is {OWNER}"))),
    }
}

impl Offer {
    /// `[MODEL.]APP:ENDPOINT[,ENDPOINT]`
    fn parts(&self) -> Result<(Option<ModelRef>, AppName, Vec<EndpointName>)> {
        let text = self.endpoints.as_deref().filter(|text| !text.is_empty());
        let text =
            text.ok_or_else(|| CliError::usage("an offer must at least specify application endpoint"))?;
        let malformed = || {
            CliError::usage("endpoints must conform to format \"<application-name>:<endpoint-name>[,...]\"")
                .hint(format!("{text:?} does not"))
        };
        let (place, endpoints) = text.rsplit_once(':').ok_or_else(malformed)?;
        let (model, app) = match place.rsplit_once('.') {
            Some((model, app)) => (Some(model.parse::<ModelRef>().map_err(|e| malformed().hint(e))?), app),
            None => (None, place),
        };
        let app = app.parse::<AppName>().map_err(|e| malformed().hint(e.to_string()))?;
        let endpoint = |name: &str| name.parse::<EndpointName>().map_err(|e| malformed().hint(e.to_string()));
        let endpoints = endpoints.split(',').map(endpoint).collect::<Result<Vec<_>>>()?;
        Ok((model, app, endpoints))
    }

    /// Offers them.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        let (model, app, endpoints) = self.parts()?;
        let model = ModelArgs { model: model.or(self.model.model) };
        let shown: Vec<&str> = endpoints.iter().map(EndpointName::as_str).collect();
        let shown = shown.join(", ");
        let endpoints: BTreeSet<EndpointName> = endpoints.iter().cloned().collect();
        let request = MakeOffer { application: app.clone(), endpoints, name: self.name };
        let offered = session.model(&model)?.offer(&request).await?;
        say(format!("Application {:?} endpoints [{shown}] available at {:?}", app.as_str(), offered.url));
        Ok(())
    }
}

impl Offers {
    fn wants(&self, offer: &OfferView) -> bool {
        let speaks = |wanted: &String| offer.endpoints.values().any(|end| &end.interface == wanted);
        self.offer.as_ref().is_none_or(|name| name == &offer.name)
            && self.application.as_ref().is_none_or(|app| app == &offer.application)
            && self.interface.as_ref().is_none_or(speaks)
            && (!self.active_only || !offer.connections.is_empty())
            && self
                .connected_user
                .as_ref()
                .is_none_or(|user| offer.connections.iter().any(|c| &c.username == user))
            && self.allowed_consumer.as_ref().is_none_or(|user| offer.users.contains_key(user))
    }

    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        let mut offers = session.model(&self.model)?.offers(&zone(self.utc)).await?;
        offers.retain(|offer| self.wants(offer));
        let text = match self.format {
            ListFormat::Tabular => render::connections(&offers),
            ListFormat::Summary => render::summary(&offers),
            ListFormat::Yaml => yaml(&listed(&offers)?)?,
            ListFormat::Json => to_json(&listed(&offers)?)?,
        };
        self.output.write(&text)
    }
}

/// Juju's document of `offers`: by name.
fn listed(offers: &[OfferView]) -> Result<Value> {
    let mut all = serde_json::Map::new();
    for offer in offers {
        let mut value = to_value(offer)?;
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|key, _| key != "name" && key != "description");
            fields.insert("store".to_owned(), controller::name().into());
        }
        all.insert(offer.name.to_string(), value);
    }
    Ok(Value::Object(all))
}

impl FindOffers {
    /// Finds them.
    pub async fn run(self, session: &Session) -> Result {
        let wanted = self.wanted.as_deref().or(self.url.as_deref()).unwrap_or_default();
        let (model, offer) = filter(wanted)?;
        let mut offers = session.client()?.find_offers(&Zone::Utc).await?;
        let prefix = model.map(|ModelRef(model)| format!("{OWNER}/{model}."));
        offers.retain(|found| {
            prefix.as_ref().is_none_or(|prefix| found.offer_url.starts_with(prefix.as_str()))
                && offer.as_ref().is_none_or(|wanted| wanted == &found.name)
                && self.offer.as_ref().is_none_or(|text| found.name.as_str().contains(text.as_str()))
                && self
                    .interface
                    .as_ref()
                    .is_none_or(|wanted| found.endpoints.values().any(|end| &end.interface == wanted))
        });
        if offers.is_empty() {
            return Err(CliError::new("no matching application offers found"));
        }
        let document: BTreeMap<String, Value> = offers
            .iter()
            .map(|offer| {
                let value = json!({
                    "access": "admin", "endpoints": offer.endpoints, "users": offer.users
                });
                (format!("{}:{}", controller::name(), offer.offer_url), value)
            })
            .collect();
        self.output.write(&self.format.render(&document, || render::found(&offers))?)
    }
}

/// Which model and offer are looked for: any part may be left out.
fn filter(text: &str) -> Result<(Option<ModelRef>, Option<OfferName>)> {
    let rest = match text.split_once(':') {
        Some((controller, rest)) => {
            controller::check(controller)?;
            rest
        }
        None => text,
    };
    let rest = if rest == OWNER || rest == format!("{OWNER}/") { "" } else { rest };
    let (model, offer) = match rest.split_once('.') {
        Some((model, offer)) => (model, Some(offer.parse::<OfferName>()?)),
        None => (rest, None),
    };
    let model =
        (!model.is_empty()).then(|| model.parse::<ModelRef>()).transpose().map_err(CliError::usage)?;
    Ok((model, offer))
}

impl ShowOffer {
    /// Shows it.
    pub async fn run(self, session: &Session) -> Result {
        let url = located(session, &self.model, &self.url)?;
        check_owner(&url)?;
        let offers = session.client()?.model(url.model.as_str()).offers(&Zone::Utc).await?;
        let found = offers.into_iter().find(|offer| offer.name == url.offer).ok_or_else(|| {
            CliError::new(format!("application offer \"{OWNER}/{}.{}\" not found", url.model, url.offer))
                .hint("periapt find-offers lists them")
        })?;
        let key = format!("{}:{}", controller::name(), found.offer_url);
        let value = json!({
            "description": found.description, "access": "admin",
            "endpoints": found.endpoints, "users": found.users
        });
        let document = BTreeMap::from([(key, value)]);
        self.output.write(&self.format.render(&document, || render::shown(&found))?)
    }
}

impl RemoveOffer {
    /// Removes them, if all of them are well named.
    pub async fn run(self, session: &Session) -> Result {
        let mut urls = Vec::new();
        for text in &self.offers {
            let url = located(session, &self.model, text)?;
            check_owner(&url)?;
            urls.push(url);
        }
        if self.force && !self.yes {
            say(format!(
                "WARNING! This command will remove offers: {}\nThis includes all relations to those offers.",
                self.offers.join(", ")
            ));
            confirm::yes("offer removal")?;
        }
        let client = session.client()?;
        for url in urls {
            client.model(url.model.as_str()).remove_offer(&url.offer, self.force).await?;
        }
        Ok(())
    }
}
