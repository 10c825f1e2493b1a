//! The parts of a bundle beside its applications' own: machines, placements, offers, and relations.

use std::collections::{BTreeMap, BTreeSet};

use periapt_controller::views::OWNER;
use periapt_model::entity::Exposure;
use periapt_model::names::{AppName, EndpointName, InvalidName, OfferName};
use periapt_model::offer_url::{InvalidOfferUrl, OfferUrl};
use periapt_model::yaml::{Entry, Node};

use super::Reader;
use crate::bundle::placement::Placement;
use crate::bundle::{App, BundleMachine, EVERYBODY, Machine, Offer, Part};
use crate::error::Result;

/// What users may do with an offer (Juju 3.6: `permission.OfferLevels`).
const ACCESS: [&str; 3] = ["read", "consume", "admin"];

impl Reader<'_> {
    /// `machines`: numbers, each with what is wanted of it, or with nothing.
    pub(super) fn machines(&mut self, node: &Node) -> Result<BTreeMap<BundleMachine, Machine>> {
        let mut machines = BTreeMap::new();
        for entry in self.map(node, "`machines`")? {
            let number = entry.key.parse().map(BundleMachine).ok();
            // What Rust reads as a number and people do not write: `+1`, `007`.
            let number = number.filter(|number| number.to_string() == *entry.key).ok_or_else(|| {
                self.wrong(entry.key_span, format!("invalid machine id {:?} found in machines", &*entry.key))
            })?;
            self.note(Part::Machine(number), entry.key_span);
            let mut machine = Machine::default();
            for entry in self.map(&entry.value, &format!("machine {number}"))? {
                match &*entry.key {
                    _ if entry.value.is_null() => {}
                    "constraints" => machine.constraints = self.text(&entry.value, "`constraints`")?,
                    key @ ("base" | "series" | "annotations") => {
                        self.bundle.ignored.insert(key.to_owned());
                    }
                    key => {
                        let known = ["constraints", "base", "series", "annotations"];
                        return Err(self.unknown(entry, key, &[&known]));
                    }
                }
            }
            machines.insert(number, machine);
        }
        Ok(machines)
    }

    /// `to`: a list of places, or one. Of a bundle for Kubernetes it selects nodes, and there is one.
    pub(super) fn to(&mut self, name: &AppName, node: &Node, app: &mut App) -> Result {
        if self.bundle.kubernetes {
            self.bundle.ignored.insert("to".to_owned());
            return Ok(());
        }
        let one = std::slice::from_ref(node);
        let nodes = if node.is_null() { &[] } else { node.as_seq().unwrap_or(one) };
        let mut places = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let text = self.text(node, "a placement")?;
            places.push(text.parse::<Placement>().map_err(|error| self.wrong(node.span, error))?);
            self.note(Part::key(name, format!("to.{number}")), node.span);
        }
        app.to = Some(places);
        Ok(())
    }

    /// `offers`: by name, each with its endpoints and who may use it.
    pub(super) fn offers(
        &mut self,
        app: &AppName,
        entry: &Entry,
    ) -> Result<BTreeMap<OfferName, Option<Offer>>> {
        self.only_over(app, entry)?;
        let mut offers = BTreeMap::new();
        for entry in self.map(&entry.value, "`offers`")? {
            let wrong = |error: InvalidName| self.wrong(entry.key_span, error);
            let name: OfferName = entry.key.parse().map_err(wrong)?;
            self.note(Part::key(app, format!("offers.{name}")), entry.key_span);
            if entry.value.is_null() {
                offers.insert(name, None);
                continue;
            }
            let mut offer = Offer::default();
            for part in self.map(&entry.value, &format!("offer {name}"))? {
                match &*part.key {
                    "endpoints" => offer.endpoints = self.endpoints(&part.value)?,
                    "acl" => self.acl(&part.value)?,
                    key => return Err(self.unknown(part, key, &[&["endpoints", "acl"]])),
                }
            }
            if offer.endpoints.is_empty() {
                return Err(self.wrong(entry.key_span, format!("offer {name} names no endpoints")));
            }
            offers.insert(name, Some(offer));
        }
        Ok(offers)
    }

    /// Refuses in a bundle what belongs to one deployment only: a bundle is for many (Juju 3.6's words).
    fn only_over(&self, app: &AppName, entry: &Entry) -> Result {
        if !self.is_base || entry.value.is_null() {
            return Ok(());
        }
        let what = format!("applications.{app}.{} can only appear in an overlay section", &*entry.key);
        Err(self.wrong(entry.key_span, what).hint(
            "put it into a file for --overlay, or into a second document of this one, behind a line with ---",
        ))
    }

    /// `exposed-endpoints`: by name, or by no name for all, each with whom it is exposed to; nobody said is everybody.
    pub(super) fn exposed(&mut self, app: &AppName, entry: &Entry) -> Result<BTreeMap<String, Exposure>> {
        self.only_over(app, entry)?;
        let mut all = BTreeMap::new();
        for entry in self.map(&entry.value, "`exposed-endpoints`")? {
            if !entry.key.is_empty() {
                let wrong = |error: InvalidName| self.wrong(entry.key_span, error);
                entry.key.parse::<EndpointName>().map_err(wrong)?;
            }
            self.note(Part::key(app, format!("exposed-endpoints.{}", entry.key)), entry.key_span);
            let mut to = Exposure::default();
            for part in self.map(&entry.value, "an exposed endpoint")? {
                match &*part.key {
                    "expose-to-spaces" => to.spaces = self.texts(&part.value, "a space")?,
                    "expose-to-cidrs" => to.cidrs = self.texts(&part.value, "a network")?,
                    key => return Err(self.unknown(part, key, &[&["expose-to-spaces", "expose-to-cidrs"]])),
                }
            }
            if to.spaces.is_empty() && to.cidrs.is_empty() {
                to.cidrs = EVERYBODY.map(str::to_owned).to_vec();
            }
            all.insert(entry.key.to_string(), to);
        }
        Ok(all)
    }

    /// A list of texts, each once, in their order.
    fn texts(&self, node: &Node, what: &str) -> Result<Vec<String>> {
        let wrong = || self.wrong(node.span, format!("expected a list, not {}", node.describe()));
        let nodes = if node.is_null() { &[] } else { node.as_seq().ok_or_else(wrong)? };
        let texts: BTreeSet<String> =
            nodes.iter().map(|node| self.text(node, what)).collect::<Result<_>>()?;
        Ok(texts.into_iter().collect())
    }

    fn endpoints(&self, node: &Node) -> Result<BTreeSet<EndpointName>> {
        let wrong = || self.wrong(node.span, format!("`endpoints` must be a list, not {}", node.describe()));
        let name = |node: &Node| self.parsed(node, "an endpoint");
        node.as_seq().ok_or_else(wrong)?.iter().map(name).collect()
    }

    /// Who may use an offer: there is one user, who may do everything.
    fn acl(&mut self, node: &Node) -> Result {
        for entry in self.map(node, "`acl`")? {
            let access = self.text(&entry.value, "what a user may do")?;
            if !ACCESS.contains(&access.as_str()) {
                let what = format!("{access:?} offer access not valid: write {}", ACCESS.join(", "));
                return Err(self.wrong(entry.value.span, what));
            }
            if &*entry.key != OWNER {
                self.bundle.strangers.insert(entry.key.to_string());
            }
        }
        Ok(())
    }

    /// `saas`: offers of other models, by their names here.
    pub(super) fn saas(&mut self, node: &Node) -> Result<BTreeMap<AppName, Option<OfferUrl>>> {
        let mut all = BTreeMap::new();
        for entry in self.map(node, "`saas`")? {
            let name: AppName = entry.key.parse().map_err(|e: InvalidName| self.wrong(entry.key_span, e))?;
            self.note(Part::Saas(name.clone()), entry.key_span);
            if entry.value.is_null() {
                all.insert(name, None);
                continue;
            }
            let mut url = None;
            for part in self.map(&entry.value, &format!("saas {name}"))? {
                match &*part.key {
                    "url" => url = Some(self.url(&part.value)?),
                    key => return Err(self.unknown(part, key, &[&["url"]])),
                }
            }
            let wrong = || self.wrong(entry.key_span, format!("saas {name} has no url"));
            all.insert(name.clone(), Some(url.ok_or_else(wrong)?));
        }
        Ok(all)
    }

    fn url(&self, node: &Node) -> Result<OfferUrl> {
        let text = self.text(node, "`url`")?;
        let url: OfferUrl = text.parse().map_err(|error: InvalidOfferUrl| self.wrong(node.span, error))?;
        if url.endpoint.is_some() {
            return Err(self.wrong(node.span, format!("saas offer {text:?} shouldn't include endpoint")));
        }
        Ok(url)
    }

    pub(super) fn relations(&mut self, node: &Node) -> Result<Vec<(String, String)>> {
        let list = |node: &'_ Node| node.as_seq().map(<[Node]>::to_vec);
        let mut pairs = Vec::new();
        if node.is_null() {
            return Ok(pairs);
        }
        for relation in list(node).ok_or_else(|| self.no_relation(node))? {
            let ends = list(&relation).ok_or_else(|| self.no_relation(&relation))?;
            let [a, b] = ends.as_slice() else { return Err(self.no_relation(&relation)) };
            let a = self.end(a)?;
            // An older form relates one application to several.
            for b in list(b).unwrap_or_else(|| vec![b.clone()]) {
                let pair = (a.clone(), self.end(&b)?);
                self.note(Part::Relation(pair.0.clone(), pair.1.clone()), relation.span);
                pairs.push(pair);
            }
        }
        Ok(pairs)
    }

    fn no_relation(&self, node: &Node) -> crate::error::CliError {
        self.wrong(node.span, "a relation is written [APP:ENDPOINT, APP:ENDPOINT]")
    }

    fn end(&self, node: &Node) -> Result<String> {
        let text = self.text(node, "an end of a relation")?;
        let (app, endpoint) = text.split_once(':').map_or((text.as_str(), None), |(a, e)| (a, Some(e)));
        let wrong = |error: InvalidName| self.wrong(node.span, error);
        app.parse::<AppName>().map_err(wrong)?;
        endpoint.map(str::parse::<EndpointName>).transpose().map_err(wrong)?;
        Ok(text)
    }
}
