//! Units in the status document, which has subordinates with their principals (Juju 3.6: `cmd/juju/status`).

use periapt_model::model::Model;
use periapt_model::names::{AppName, UnitName};

use super::{FullStatus, UnitStatus};

impl FullStatus {
    /// Every unit, the subordinates after their principal.
    pub fn all_units(&self) -> impl Iterator<Item = (&UnitName, &UnitStatus)> {
        let principals = self.applications.values().flat_map(|app| &app.units);
        principals.flat_map(|(name, unit)| std::iter::once((name, unit)).chain(&unit.subordinates))
    }

    /// The units of one application, a subordinate or not, by number.
    pub fn units_of(&self, app: &AppName) -> Vec<(&UnitName, &UnitStatus)> {
        let is_subordinate = self.applications.get(app).is_none_or(|app| app.units.is_empty());
        let mut units: Vec<_> = match self.applications.get(app) {
            Some(found) if !is_subordinate => found.units.iter().collect(),
            _ => self.all_units().filter(|(name, _)| name.app() == app).collect(),
        };
        units.sort_by_key(|(name, _)| name.number());
        units
    }

    /// One unit, a subordinate or not.
    pub fn unit(&self, name: &UnitName) -> Option<&UnitStatus> {
        self.units_of(name.app()).into_iter().find(|(known, _)| *known == name).map(|(_, unit)| unit)
    }
}

/// The principals of a subordinate application, by its relations (Juju 3.6: `processApplicationRelations`).
pub(super) fn subordinate_to(model: &Model, app: &AppName) -> Vec<AppName> {
    if !model.is_subordinate(app) {
        return Vec::new();
    }
    let relations = model.relations_of(app).filter(|relation| relation.is_container());
    let mut apps: Vec<AppName> =
        relations.filter_map(|relation| Some(relation.other_end(app)?.app.clone())).collect();
    apps.sort();
    apps.dedup();
    apps
}

#[cfg(test)]
mod tests {
    use periapt_model::charm::{CharmFiles, SourceText};
    use periapt_model::command::{Command, EndpointRef};
    use periapt_model::journal::Outcome;
    use serde_json::{Value, json};

    use super::super::{Selector, full_status, relation_rows};
    use crate::views::testing::{Tested, charm, deploy, host, related, view};
    use crate::views::unit::{UnitFilter, show_unit, unit_status};
    use crate::views::why::{ApplicationWait, application_why};

    const WATCH: &str = "name: watch\nsummary: s\ndescription: d\nsubordinate: true\nrequires: {host: {interface: juju-info, \
                         scope: container}}\n";

    /// `db` and `web` as elsewhere, and `watch`, which looks after `db`.
    fn watched(integrated: bool) -> Tested {
        let mut tested = related();
        let metadata = Some(SourceText::new("metadata.yaml", WATCH));
        tested.apply(deploy(charm("watch-1", CharmFiles { metadata, ..CharmFiles::default() }), 1));
        if integrated {
            let end = |app: &str| EndpointRef { app: app.parse().unwrap(), endpoint: None };
            tested.apply(Command::Integrate { a: end("watch"), b: end("db") });
        }
        tested.run_agents(&|_, _| Outcome::Done);
        tested
    }

    fn shown(tested: &Tested, selectors: &[&str]) -> Value {
        let selectors: Vec<Selector> = selectors.iter().map(|s| s.parse().unwrap()).collect();
        serde_json::to_value(full_status(&tested.0, &selectors, view(&host()))).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    #[test]
    fn subordinates_are_listed_with_their_principals() {
        let tested = watched(true);
        let status = shown(&tested, &[]);
        let app = &status["applications"]["watch"];
        assert_eq!(
            (&app["subordinate-to"], app.get("units"), &app["scale"]),
            (&json!(["db"]), None, &json!(2))
        );
        let units = &status["applications"]["db"]["units"];
        assert_eq!(keys(&units["db/0"]["subordinates"]), ["watch/0"]);
        let unit = &units["db/1"]["subordinates"]["watch/1"];
        assert_eq!(unit["juju-status"]["current"], "idle");
        assert_eq!((unit.get("machine"), &unit["public-address"]), (None, &units["db/1"]["public-address"]));
        assert_eq!(status["applications"]["web"]["units"]["web/0"].get("subordinates"), None);
        let read: super::FullStatus = serde_json::from_value(status).unwrap();
        assert_eq!(read.all_units().count(), 5);
        let names = |app: &str| {
            let units = read.units_of(&app.parse().unwrap()).into_iter();
            units.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            (names("watch"), names("db")),
            (vec!["watch/0".into(), "watch/1".into()], vec!["db/0".into(), "db/1".into()])
        );
        assert!(
            read.unit(&"watch/1".parse().unwrap())
                .is_some_and(|unit| unit.leader != read.unit(&"watch/0".parse().unwrap()).unwrap().leader)
        );
        let rows = relation_rows(&tested.0, &[]);
        let row = rows.iter().find(|row| row.kind == "subordinate").unwrap();
        assert_eq!(
            (row.provider.as_str(), row.requirer.as_str(), row.status.as_str()),
            ("db:juju-info", "watch:host", "joined")
        );
    }

    #[test]
    fn one_of_a_container_shows_all_of_it() {
        let tested = watched(true);
        for selector in ["watch/1", "db/1", "1"] {
            let status = shown(&tested, &[selector]);
            assert_eq!(keys(&status["applications"]), ["db", "watch"], "{selector}");
            assert_eq!(keys(&status["applications"]["db"]["units"]), ["db/1"], "{selector}");
            assert_eq!(keys(&status["machines"]), ["1"], "{selector}");
        }
        assert_eq!(keys(&shown(&tested, &["watch"])["applications"]["db"]["units"]), ["db/0", "db/1"]);
        let one = unit_status(&tested.0, &"watch/1".parse().unwrap(), view(&host())).unwrap();
        assert_eq!(one.juju_status.current, "idle");
    }

    #[test]
    fn a_unit_shows_the_relations_and_units_of_its_container() {
        let mut tested = watched(true);
        let end = |app: &str| EndpointRef { app: app.parse().unwrap(), endpoint: None };
        tested.apply(Command::Integrate { a: end("watch"), b: end("web") });
        tested.run_agents(&|_, _| Outcome::Done);
        let shown = show_unit(&tested.0, &"watch/1".parse().unwrap(), &UnitFilter::default()).unwrap();
        let [relation] = shown.relation_info.as_slice() else { panic!("{:?}", shown.relation_info) };
        let related: Vec<String> = relation.related_units.keys().map(ToString::to_string).collect();
        assert_eq!(related, ["db/1"]);
    }

    #[test]
    fn a_subordinate_without_principals_says_so() {
        let tested = watched(false);
        assert_eq!(shown(&tested, &[])["applications"]["watch"].get("subordinate-to"), None);
        let moment = periapt_model::time::Moment::at(crate::views::testing::NOW);
        let why = application_why(&tested.0, &"watch".parse().unwrap(), &moment).unwrap();
        assert_eq!(why.waits, [ApplicationWait::NoPrincipals]);
        assert!(why.settled);
        let offered: Vec<String> = why.lacking[0].offered_by.iter().map(ToString::to_string).collect();
        assert_eq!(offered, ["db", "web"]);
    }
}
