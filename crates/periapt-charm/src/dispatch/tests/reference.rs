//! The reference trace of `ops` (ops-framework.md 11.1): install is deferred, then start with one of two observers deferring.

use serde::{Deserialize, Serialize};

use super::{Unit, called, deferring, is_deferring};
use crate::prelude::*;

static META: Metadata = crate::dispatch::tests::beyond::META;

#[derive(Clone, Serialize, Deserialize)]
struct CustomA {}
impl CustomEvent for CustomA {}

#[derive(Default)]
struct Lib;

impl Lib {
    fn start(&mut self, _cx: &mut Context) -> Flow {
        turn("lib.start")
    }
}

#[derive(Default)]
struct MyCharm {
    lib: Lib,
}

fn turn(name: &'static str) -> Flow {
    called(name);
    if is_deferring(name) { defer("not yet") } else { done() }
}

impl Charm for MyCharm {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.install(Self::on_install);
        on.library(
            "lib",
            |charm: &mut Self| &mut charm.lib,
            |on| {
                on.start(Lib::start);
            },
        );
        on.start(Self::on_start);
        on.config_changed(Self::on_config);
        on.custom::<CustomA, _, _>(Self::on_custom);
        on.update_status(Self::on_update_status);
    }
}

impl MyCharm {
    fn on_install(&mut self, _cx: &mut Context) -> Flow {
        turn("install")
    }

    fn on_start(&mut self, _cx: &mut Context) -> Flow {
        turn("start")
    }

    fn on_config(&mut self, cx: &mut Context) -> Flow {
        called("config (begin)");
        if cx.attempt().number == 1 {
            cx.emit_now(self, &CustomA {})?;
        }
        called("config (end)");
        if is_deferring("config") { defer("not yet") } else { done() }
    }

    fn on_custom(&mut self, _cx: &mut Context) -> Flow {
        turn("custom")
    }

    fn on_update_status(&mut self, _cx: &mut Context) -> Flow {
        turn("update-status")
    }
}

#[test]
fn the_reference_trace_of_ops_is_followed() {
    let mut unit = Unit::default();
    let queue = |unit: &Unit| -> Vec<String> {
        unit.queue().iter().map(|n| n.split_once(' ').unwrap().1.to_owned()).collect()
    };

    deferring(&["install"]);
    assert_eq!(unit.dispatch::<MyCharm>("hooks/install").unwrap(), ["install"]);
    assert_eq!(queue(&unit), ["install MyCharm.on_install"]);

    deferring(&["install", "lib.start", "start"]);
    assert_eq!(unit.dispatch::<MyCharm>("hooks/start").unwrap(), ["install", "lib.start", "start"]);
    let expected = ["install MyCharm.on_install", "start MyCharm/lib.start", "start MyCharm.on_start"];
    assert_eq!(queue(&unit), expected);

    deferring(&["install", "lib.start", "config", "custom"]);
    let calls = unit.dispatch::<MyCharm>("hooks/config-changed").unwrap();
    assert_eq!(calls, ["install", "lib.start", "start", "config (begin)", "custom", "config (end)"]);
    let expected = [
        "install MyCharm.on_install",
        "start MyCharm/lib.start",
        "config-changed MyCharm.on_config",
        "CustomA MyCharm.on_custom",
    ];
    assert_eq!(queue(&unit), expected);

    deferring(&["lib.start"]);
    let calls = unit.dispatch::<MyCharm>("hooks/update-status").unwrap();
    assert_eq!(calls, ["install", "lib.start", "config (begin)", "config (end)", "custom", "update-status"]);
    assert_eq!(queue(&unit), ["start MyCharm/lib.start"]);

    deferring(&[]);
    assert_eq!(unit.dispatch::<MyCharm>("hooks/update-status").unwrap(), ["lib.start", "update-status"]);
    assert!(queue(&unit).is_empty());
}
