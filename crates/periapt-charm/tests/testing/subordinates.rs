//! A subordinate in a whole model: it comes with its principals, sees only its own, and goes with them.

use periapt_charm::prelude::*;
use periapt_charm::testing::Model;

use crate::api::Api;

static META: Metadata = Metadata {
    name: "watch",
    json: r#"{"name": "watch", "summary": "", "description": "", "format": "v2", "subordinate": true,
        "endpoints": {"host": {"role": "requirer", "interface": "juju-info", "scope": "container"}}}"#,
    files: &[],
};

interface!(pub Host {});
const HOST: Endpoint<Host> = Endpoint::new("host", Role::Requirer, "juju-info");

#[derive(Default)]
struct Watch;

impl Charm for Watch {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.any((HOST.joined(), HOST.changed())).reconcile(Self::look);
    }
}

impl Watch {
    /// Says whom it sees, and whom it is told that it belongs to.
    fn look(&mut self, cx: &mut Context) -> Flow {
        let mut seen = Vec::new();
        for host in cx.relations(HOST)? {
            seen.extend(host.units()?.iter().map(ToString::to_string));
        }
        let own = cx.environment().principal_unit.clone().unwrap_or_default();
        cx.set_status(Status::Active(format!("{own} sees {}", seen.join(","))))?;
        done()
    }
}

#[test]
fn a_subordinate_lives_with_its_principal() {
    let mut model = Model::new();
    model.deploy::<Api>("api", 2).unwrap().deploy::<Watch>("watch", 0).unwrap();
    model.integrate("watch", "api").unwrap().settle().unwrap();
    assert_eq!(model.units(), ["api/0", "api/1", "watch/0", "watch/1"]);
    // Whose comes first is up to who enters the relation first.
    let mut seen = ["watch/0", "watch/1"].map(|unit| model.unit_status(unit));
    seen.sort_by_key(|status| status.as_ref().map(|status| status.message().to_owned()));
    let expected = ["api/0", "api/1"].map(|host| Some(Status::Active(format!("{host} sees {host}"))));
    assert_eq!(seen, expected);
    model.add_units("api", 1).unwrap().settle().unwrap();
    assert_eq!(model.unit_status("watch/2"), Some(Status::Active("api/2 sees api/2".into())));
    let refused = model.remove_unit("watch/0").map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("is a subordinate, to remove use remove-relation"), "{refused}");
    model.remove_relation("watch", "api").unwrap().settle().unwrap();
    assert_eq!(model.units(), ["api/0", "api/1", "api/2"]);
    let last = model.events("watch/1");
    assert!(
        last.ends_with(
            &["host-relation-departed", "host-relation-broken", "stop", "remove"].map(str::to_owned)
        ),
        "{last:?}"
    );
}
