//! What `charm!` makes, used as a charm uses it.

use periapt_charm::{ActionParams, Role, SecretUri};
use serde_json::json;

mod api {
    use periapt_charm::prelude::*;

    interface!(pub Postgres {});
    charm!("tests/fixtures/api/charmcraft.yaml", db: Postgres);
}

mod legacy {
    // From the folder of this file.
    periapt_charm::charm!("fixtures/legacy/metadata.yaml");
}

#[test]
fn the_metadata_is_that_of_the_files() {
    let meta = api::META.parse();
    assert_eq!((api::META.name, meta.name.as_str()), ("api", "api"));
    assert_eq!(meta.endpoints.len(), 4);
    assert_eq!(meta.config["port"].default.as_ref().map(|d| d.to_json()), Some(json!(8080)));
    let [(name, text)] = api::META.files else { panic!("one file") };
    assert_eq!((*name, *text), ("charmcraft.yaml", include_str!("fixtures/api/charmcraft.yaml")));
    let names: Vec<_> = legacy::META.files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["metadata.yaml", "config.yaml", "actions.yaml"]);
}

#[test]
fn names_are_constants() {
    assert_eq!(
        (api::DB.name(), api::DB.role(), api::DB.interface()),
        ("db", Role::Requirer, "postgresql_client")
    );
    assert_eq!((api::CLUSTER.role(), api::WEBSITE.role()), (Role::Peer, Role::Provider));
    assert_eq!(api::TLS_CERTIFICATES.changed().name(), "tls-certificates-relation-changed");
    assert_eq!(api::WEB.pebble_ready().name(), "web-pebble-ready");
    assert_eq!((api::DATA.name(), api::WEB_IMAGE.name()), ("data", "web-image"));
}

#[test]
fn config_is_read_with_its_defaults() {
    let read = |value| serde_json::from_value::<api::Config>(value);
    let config =
        read(json!({"port": 1, "log-level": "debug", "ratio": 2, "tls": true, "token": "secret:abc"}))
            .unwrap();
    assert_eq!(config.port, 1);
    assert_eq!((config.log_level.as_str(), config.ratio, config.tls), ("debug", 2.0, true));
    assert_eq!((config.token, config.r#type), (Some(SecretUri("secret:abc".to_owned())), None));
    assert_eq!(read(json!({})).unwrap(), api::Config::default());
    assert_eq!(api::Config::default().port, 8080);
    assert!(read(json!({"port": "x"})).is_err());
    // What is written can be read: a test's config need not be JSON.
    let changed = api::Config { port: 5, ..api::Config::default() };
    assert_eq!(read(serde_json::to_value(&changed).unwrap()).unwrap(), changed);
    assert_eq!(legacy::Config::default(), legacy::Config { size: None });
}

#[test]
fn parameters_are_read_with_their_defaults() {
    let read = |value| serde_json::from_value::<api::RotatePassword>(value);
    assert_eq!(api::RotatePassword::NAME, "rotate-password");
    let least = read(json!({"user": "ann"})).unwrap();
    assert_eq!((least.length, least.user.as_str(), least.mode), (16, "ann", None));
    assert!(read(json!({})).is_err(), "`user` is required");
    let all = read(json!({"user": "ann", "mode": "very-slow", "options": {}})).unwrap();
    assert_eq!(all.mode, Some(api::RotatePasswordMode::VerySlow));
    assert_eq!(all.mode.map(|m| m.to_string()).as_deref(), Some("very-slow"));
    assert_eq!(all.options.as_ref().map(|o| o.notify.clone()), Some(vec!["admin".to_owned()]));
    assert_eq!(read(serde_json::to_value(&all).unwrap()).unwrap(), all);
    // `Stop` is an event.
    assert_eq!(legacy::StopAction::NAME, "stop");
    assert_eq!(serde_json::from_value::<legacy::StopAction>(json!({})).unwrap(), legacy::StopAction {});
}
