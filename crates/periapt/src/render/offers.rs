//! Tables of `offers`, `find-offers` and `show-offer`.

use periapt_controller::views::offer::OfferView;
use periapt_controller::views::status::FullStatus;

use super::style::of_status;
use super::table::{Cell, Table};

/// `offers`: one relation a line; an offer without any has a line of its own.
pub fn connections(offers: &[OfferView]) -> String {
    let header =
        ["Offer", "User", "Relation id", "Status", "Endpoint", "Interface", "Role", "Ingress subnets"];
    let mut table = Table::new(&header);
    for offer in offers {
        if offer.connections.is_empty() {
            table.row([offer.name.as_str().into(), "-".into()]);
        }
        for (number, connection) in offer.connections.iter().enumerate() {
            let end = offer.endpoints.get(&connection.endpoint);
            // The name stands once, as in Juju.
            let name = if number == 0 { offer.name.as_str() } else { "" };
            table.row([
                name.into(),
                connection.username.as_str().into(),
                connection.relation_id.to_string().into(),
                Cell::styled(connection.status.current.as_str(), of_status(&connection.status.current)),
                connection.endpoint.as_str().into(),
                end.map(|end| end.interface.clone()).unwrap_or_default().into(),
                end.map(|end| end.role.clone()).unwrap_or_default().into(),
                connection.ingress_subnets.join(",").into(),
            ]);
        }
    }
    table.render()
}

/// `offers --format summary`: one endpoint a line.
pub fn summary(offers: &[OfferView]) -> String {
    let header =
        ["Offer", "Application", "Charm", "Connected", "Store", "URL", "Endpoint", "Interface", "Role"];
    let mut table = Table::new(&header);
    for offer in offers {
        let joined = offer.connections.iter().filter(|c| c.status.current == "joined").count();
        let connected = format!("{joined}/{}", offer.connections.len());
        for (number, (name, end)) in offer.endpoints.iter().enumerate() {
            let head = [
                offer.name.as_str(),
                offer.application.as_str(),
                &offer.charm,
                &connected,
                &offer.store,
                &offer.offer_url,
            ];
            let head = head.map(|text| if number == 0 { text } else { "" });
            let tail = [name.as_str(), &end.interface, &end.role];
            table.row(head.into_iter().chain(tail).map(Cell::from));
        }
    }
    table.render()
}

/// `find-offers`: one offer a line.
pub fn found(offers: &[OfferView]) -> String {
    let mut table = Table::new(&["Store", "URL", "Access", "Interfaces"]);
    for offer in offers {
        let ends = offer.endpoints.iter().map(|(name, end)| format!("{}:{name}", end.interface));
        table.row([
            offer.store.as_str().into(),
            offer.offer_url.as_str().into(),
            "admin".into(),
            ends.collect::<Vec<_>>().join(", ").into(),
        ]);
    }
    table.render()
}

/// `show-offer`: one endpoint a line.
pub fn shown(offer: &OfferView) -> String {
    let mut table = Table::new(&["Store", "URL", "Access", "Description", "Endpoint", "Interface", "Role"]);
    let description = offer.description.lines().next().unwrap_or_default();
    for (number, (name, end)) in offer.endpoints.iter().enumerate() {
        let head = [offer.store.as_str(), &offer.offer_url, "admin", description];
        let head = head.map(|text| if number == 0 { text } else { "" });
        let tail = [name.as_str(), &end.interface, &end.role];
        table.row(head.into_iter().chain(tail).map(Cell::from));
    }
    table.render()
}

/// The block of `status` of what is consumed; nothing when that is nothing.
pub fn saas_block(status: &FullStatus) -> String {
    let mut table = Table::new(&["SAAS", "Status", "Store", "URL"]);
    for (name, app) in &status.application_endpoints {
        let (store, url) = app.url.split_once(':').unwrap_or(("", &app.url));
        let word = app.application_status.current.as_str();
        table.row([name.as_str().into(), Cell::styled(word, of_status(word)), store.into(), url.into()]);
    }
    if table.is_empty() { String::new() } else { table.render() }
}

/// The block of `status` of what is offered; nothing when that is nothing.
pub fn offers_block(status: &FullStatus) -> String {
    let header = ["Offer", "Application", "Charm", "Rev", "Connected", "Endpoint", "Interface", "Role"];
    let mut table = Table::new(&header);
    for (name, offer) in &status.offers {
        let app = status.applications.get(&offer.application);
        let charm = app.map_or(offer.charm.as_str(), |app| app.charm_name.as_str());
        let rev = app.map(|app| app.charm_rev.to_string()).unwrap_or_default();
        let connected = format!("{}/{}", offer.active_connected_count, offer.total_connected_count);
        for (number, (endpoint, end)) in offer.endpoints.iter().enumerate() {
            let head = [name.as_str(), offer.application.as_str(), charm, &rev, &connected];
            let head = head.map(|text| if number == 0 { text } else { "" });
            let tail = [endpoint.as_str(), &end.interface, &end.role];
            table.row(head.into_iter().chain(tail).map(Cell::from));
        }
    }
    if table.is_empty() { String::new() } else { table.render() }
}

#[cfg(test)]
mod tests {
    use periapt_controller::views::status::StatusReport;
    use serde_json::json;

    use super::*;

    fn offer() -> OfferView {
        serde_json::from_value(json!({
            "name": "sql", "application": "db", "store": "periapt", "charm": "local:db-0",
            "description": "A database.\nReally.", "offer-url": "admin/m.sql",
            "endpoints": {"admin": {"interface": "sql", "role": "provider"},
                          "db": {"interface": "sql", "role": "provider"}},
            "connections": [
                {"source-model-uuid": "u", "source": "admin/n.web", "username": "admin", "relation-id": 3,
                 "endpoint": "db", "status": {"current": "joined"}},
                {"source-model-uuid": "u", "source": "admin/n.api", "username": "admin", "relation-id": 4,
                 "endpoint": "db", "status": {"current": "suspended"}}
            ],
            "users": {"admin": {"display-name": "admin", "access": "admin"}}
        }))
        .unwrap()
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn offers_are_listed_by_relation_and_by_endpoint() {
        let free = OfferView { name: "free".parse().unwrap(), connections: Vec::new(), ..offer() };
        insta::assert_snapshot!(plain(&connections(&[offer(), free])), @r"
        Offer  User   Relation id  Status     Endpoint  Interface  Role      Ingress subnets
        sql    admin  3            joined     db        sql        provider
               admin  4            suspended  db        sql        provider
        free   -
        ");
        insta::assert_snapshot!(plain(&summary(&[offer()])), @r"
        Offer  Application  Charm       Connected  Store    URL          Endpoint  Interface  Role
        sql    db           local:db-0  1/2        periapt  admin/m.sql  admin     sql        provider
                                                                         db        sql        provider
        ");
        insta::assert_snapshot!(plain(&found(&[offer()])), @r"
        Store    URL          Access  Interfaces
        periapt  admin/m.sql  admin   sql:admin, sql:db
        ");
        insta::assert_snapshot!(plain(&shown(&offer())), @r"
        Store    URL          Access  Description  Endpoint  Interface  Role
        periapt  admin/m.sql  admin   A database.  admin     sql        provider
                                                   db        sql        provider
        ");
    }

    #[test]
    fn status_has_blocks_for_both_sides() {
        let StatusReport { mut status, .. } = super::super::status::example();
        assert_eq!((saas_block(&status), offers_block(&status)), (String::new(), String::new()));
        status.application_endpoints = serde_json::from_value(json!({
            "remote": {"url": "periapt:admin/other.sql", "application-status": {"current": "active"},
                       "endpoints": {"db": {"interface": "sql", "role": "provider"}}}
        }))
        .unwrap();
        status.offers = serde_json::from_value(json!({
            "mine": {"application": "db", "charm": "local:db-2", "active-connected-count": 1,
                     "total-connected-count": 2, "endpoints": {"db": {"interface": "sql", "role": "provider"}}}
        }))
        .unwrap();
        insta::assert_snapshot!(plain(&saas_block(&status)), @r"
        SAAS    Status  Store    URL
        remote  active  periapt  admin/other.sql
        ");
        insta::assert_snapshot!(plain(&offers_block(&status)), @r"
        Offer  Application  Charm  Rev  Connected  Endpoint  Interface  Role
        mine   db           db     2    1/2        db        sql        provider
        ");
    }
}
