//! Containers in scenarios and models.

use std::collections::BTreeMap;

use periapt_charm::prelude::*;
use periapt_charm::testing::{Details, ExecMock, FakePebble, FakeState, Model, Scenario, State};
use periapt_pebble::{IfPresent, Layer, Pebble};

static META: Metadata = Metadata {
    name: "shop",
    json: r#"{"name": "shop", "summary": "", "description": "", "format": "v2",
        "containers": {"web": {}}}"#,
    files: &[],
};

const WEB: periapt_charm::Container = periapt_charm::Container::new("web");

const LAYER: &str = "
services: {web: {override: replace, command: /bin/web, startup: enabled}}
checks: {up: {override: replace, http: {url: http://localhost}}}
";

#[derive(Default)]
struct Shop;

impl Charm for Shop {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.any((start(), WEB.pebble_ready(), woken())).reconcile(Self::reconcile);
        on.when(WEB.check_failed(), Self::down);
        on.when(WEB.custom_notice(), Self::noticed);
    }
}

impl Shop {
    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        let web = cx.container(WEB);
        if !web.can_connect() {
            return defer("the container is not there").wake_on(WEB.pebble_ready());
        }
        let layer = Layer::from_yaml(LAYER)?;
        web.add_layer("web", &layer)?;
        web.replan()?;
        web.push("/etc/web.conf", "port 80")?;
        cx.set_status(Status::Active(String::new()))?;
        done()
    }

    fn down(&mut self, event: PebbleCheckFailed, cx: &mut Context) -> Flow {
        cx.set_status(Status::Blocked(format!("{} fails", event.check)))?;
        done()
    }

    fn noticed(&mut self, event: PebbleCustomNotice, cx: &mut Context) -> Flow {
        cx.set_status(Status::Active(event.key))?;
        done()
    }
}

#[test]
fn a_container_that_is_not_there_defers_and_one_that_is_changes() {
    let scenario = Scenario::<Shop>::new();
    let waiting = scenario.run(start(), &State::new()).unwrap();
    assert_eq!(waiting.deferred()[0].reason, "the container is not there");
    let state = waiting.state.with_container("web", FakeState::default());
    let out = scenario.run(WEB.pebble_ready(), &state).unwrap();
    assert!(out.deferred().is_empty());
    let web = &out.state.containers["web"];
    assert!(FakePebble::from(web.clone()).services(&["web"]).unwrap()[0].is_running());
    assert!(web.files.contains_key("/etc/web.conf"));
    // What is in a container stays in it, and a second time finds it as it is to be.
    let again = scenario.run(start(), &out.state).unwrap();
    assert!(again.state.containers["web"].files.contains_key("/etc/web.conf"));
}

#[test]
fn events_of_containers_are_about_what_is_in_them() {
    let scenario = Scenario::<Shop>::new();
    let refused = |event: periapt_charm::testing::Trigger, state: &State| {
        scenario.run(event, state).unwrap_err().to_string()
    };
    let none = State::new();
    let ready: periapt_charm::testing::Trigger = WEB.pebble_ready().into();
    assert!(refused(ready.clone(), &none).ends_with("add .with_container(\"web\", FakeState::default())"));
    let off = FakePebble::default();
    off.with(|state| state.can_connect = false);
    assert!(
        refused(ready, &none.clone().with_container("web", off.state())).ends_with("set its can_connect")
    );
    let other = none.clone().with_container("wbe", FakeState::default());
    assert!(refused(start().into(), &other).ends_with("use one of web"));
    let empty = none.clone().with_container("web", FakeState::default());
    assert!(refused(WEB.check_failed().check("up"), &empty).contains("no check \"up\""));
    assert!(
        refused(WEB.custom_notice().notice("1", "a.b/c"), &empty).contains("no notice with the key a.b/c")
    );

    let pebble = FakePebble::default();
    pebble.add_layer("web", &Layer::from_yaml(LAYER).unwrap(), IfPresent::Combine).unwrap();
    pebble.notify("a.b/c", &BTreeMap::new(), None).unwrap();
    pebble.with(|state| state.exec_mocks.push(ExecMock::new(["true"])));
    let state = none.with_container("web", pebble.state());
    let out = scenario.run(WEB.check_failed().check("up"), &state).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Blocked("up fails".into())));
    let out = scenario.run(WEB.custom_notice().notice("1", "a.b/c"), &state).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Active("a.b/c".into())));
}

#[test]
fn units_of_a_model_have_containers() {
    let mut model = Model::new();
    model.deploy::<Shop>("shop", 2).unwrap();
    model.container("shop/1", "web").unwrap().with(|state| state.can_connect = false);
    model.pass(mins(1)).unwrap();
    assert_eq!(model.unit_status("shop/0"), Some(Status::Active(String::new())));
    assert_eq!(model.deferred("shop/1").len(), 1);
    model.container("shop/1", "web").unwrap().with(|state| state.can_connect = true);
    model.settle().unwrap();
    assert_eq!(model.unit_status("shop/1"), Some(Status::Active(String::new())));
    assert!(model.container("shop/0", "wbe").is_none());
}
