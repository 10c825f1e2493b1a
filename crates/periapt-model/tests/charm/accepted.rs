//! Charms of many kinds, and what is read from them.

use std::collections::BTreeMap;

use periapt_model::charm::{
    Assumes, Base, CharmFiles, CharmMeta, CharmUser, Format, ResourceKind, Role, Scope, SourceText,
    StorageKind, Version, parse, split,
};
use serde_json::json;

use crate::{accepted, files, with_basics};

const DATABASE: &str = include_str!("../corpus/metadata/unified-k8s.txt");
const LEGACY: &str = include_str!("../corpus/metadata/legacy-v1.txt");
const SUBORDINATE: &str = include_str!("../corpus/metadata/subordinate.txt");

#[test]
fn a_unified_charmcraft_file() {
    let parsed = accepted(DATABASE);
    let meta = &parsed.meta;
    assert_eq!((meta.name.as_str(), meta.display_name.as_deref()), ("ledger-k8s", Some("Ledger")));
    assert_eq!(meta.format, Format::V2);
    assert_eq!(meta.charm_user, CharmUser::NonRoot);

    let db = meta.endpoint("database").unwrap();
    assert_eq!(
        (db.role, db.interface.as_str(), db.limit, db.optional),
        (Role::Requirer, "postgresql_client", Some(1), false)
    );
    assert!(meta.endpoint("ingress").unwrap().optional);
    assert_eq!(meta.endpoint("replicas").unwrap().role, Role::Peer);
    assert_eq!(meta.endpoints_of(Role::Provider).count(), 2);

    let data = &meta.storages["data"];
    assert_eq!((data.kind, data.count_min, data.count_max), (StorageKind::Filesystem, 1, Some(1)));
    assert_eq!(data.minimum_size, Some(10 * 1024));
    let archive = &meta.storages["archive"];
    assert_eq!((archive.count_min, archive.count_max), (0, None));

    assert_eq!(meta.resources["ledger-image"].kind, ResourceKind::OciImage);
    assert_eq!(meta.resources["ledger-image"].upstream_source.as_deref(), Some("ghcr.io/example/ledger:3.2"));
    let container = &meta.containers["ledger"];
    assert_eq!(container.resource.as_ref().unwrap().as_str(), "ledger-image");
    assert_eq!(container.mounts[0].location, "/var/lib/ledger");
    assert_eq!(container.uid, Some(584_792));

    let defaults: BTreeMap<&str, serde_json::Value> =
        meta.config_defaults().map(|(k, v)| (k, v.to_json())).collect();
    assert_eq!(
        serde_json::to_value(defaults).unwrap(),
        json!({"log-level": "info", "port": 8080, "debug": false, "ratio": 1.0, "greeting": "yes", "motto": ""})
    );
    assert_eq!(meta.links.docs.as_deref(), Some("https://example.com/docs"));
    assert_eq!(meta.links.maintainers, ["ledger@example.com"]);
    assert_eq!(
        meta.bases,
        [Base {
            name: "ubuntu".into(),
            channel: "24.04".into(),
            architectures: vec!["amd64".into(), "arm64".into()]
        }]
    );
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
}

#[test]
fn parts_keep_the_keys_of_their_plugin() {
    let parsed = accepted(DATABASE);
    let names: Vec<&str> = parsed.parts.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["charm", "files"]);
    let charm = &parsed.parts[0];
    assert_eq!((charm.plugin.as_str(), charm.source.as_deref()), ("charm", Some(".")));
    assert_eq!(charm.texts("charm-binary-python-packages"), ["cryptography", "pydantic~=2.0"]);
    assert_eq!(charm.text("charm-entrypoint"), Some("src/charm.py"));
    assert!(charm.flag("charm-strict-dependencies"));
    assert!(charm.text("override-build").unwrap().contains("craftctl default"));
    let files = &parsed.parts[1];
    assert_eq!(files.plugin, "dump");
    assert_eq!(files.pairs("organize"), [("etc/*", "templates/")]);
    assert_eq!(files.texts("prime"), ["-secret", "templates"]);
    assert_eq!(parsed.charm_libs[0].lib, "traefik_k8s.ingress");
    assert_eq!(parsed.charm_libs[0].version, "2");
}

#[test]
fn a_charm_of_the_old_format() {
    let meta = accepted(LEGACY).meta;
    assert_eq!(meta.format, Format::V1);
    assert_eq!(meta.series, ["jammy", "focal"]);
    assert_eq!(meta.min_juju_version, Some(Version::new(2, 9, 0)));
    assert_eq!(meta.extra_bindings, ["admin", "public"]);
    assert_eq!(meta.payloads["monitor"], "docker");
    assert_eq!(meta.devices["accelerator"].count_max, 4);
    assert_eq!(meta.links.maintainers, ["Operations Team <ops@example.com>"]);
    assert_eq!(meta.tags, ["web", "ops"]);
    assert_eq!(meta.actions.len(), 2);
}

#[test]
fn a_subordinate() {
    let meta = accepted(SUBORDINATE).meta;
    assert!(meta.subordinate);
    let info = meta.endpoint("juju-info").unwrap();
    assert_eq!((info.role, info.scope), (Role::Requirer, Scope::Container));
}

#[test]
fn every_application_provides_juju_info() {
    let meta = accepted(&with_basics("")).meta;
    assert!(meta.endpoints.is_empty());
    let info = meta.endpoint("juju-info").unwrap();
    assert_eq!(
        (info.role, info.interface.as_str(), info.scope),
        (Role::Provider, "juju-info", Scope::Global)
    );
    assert_eq!(meta.endpoint("juju"), None);
}

#[test]
fn the_format_follows_manifest_and_series() {
    let manifest =
        "=== manifest.yaml\nbases:\n- {name: ubuntu, channel: 22.04/stable, architectures: [amd64]}\n";
    let packed = accepted(&with_basics(manifest)).meta;
    assert_eq!((packed.format, packed.bases[0].channel.as_str()), (Format::V2, "22.04/stable"));
    assert_eq!(accepted(&with_basics("")).meta.format, Format::V2);
    assert_eq!(accepted(&with_basics("series: [jammy]\n")).meta.format, Format::V1);
    assert_eq!(accepted(&with_basics(&format!("series: [jammy]\n{manifest}"))).meta.format, Format::V1);
    assert_eq!(accepted(&with_basics("min-juju-version: 2.9.1\n")).meta.format, Format::V1);
}

#[test]
fn an_unquoted_channel_is_its_text() {
    let meta = accepted(&with_basics("=== manifest.yaml\nbases:\n- name: ubuntu\n  channel: 22.10\n")).meta;
    assert_eq!(meta.bases[0].channel, "22.10");
}

#[test]
fn bases_of_older_charmcraft_files() {
    let parsed = accepted(&with_basics(
        "=== charmcraft.yaml\ntype: charm\nbases:\n- build-on: [{name: ubuntu, channel: '20.04'}]\n  run-on:\n  - {name: ubuntu, channel: '20.04', architectures: [amd64]}\n  - {name: ubuntu, channel: '22.04'}\n- {name: ubuntu, channel: '24.04'}\n",
    ));
    let channels: Vec<&str> = parsed.meta.bases.iter().map(|b| b.channel.as_str()).collect();
    assert_eq!(channels, ["20.04", "22.04", "24.04"]);
}

#[test]
fn null_sections_are_empty() {
    let meta =
        accepted(&with_basics("provides:\nrequires: ~\nstorage: null\nresources:\ncontainers:\ntags:\n"))
            .meta;
    assert!(meta.endpoints.is_empty() && meta.storages.is_empty() && meta.tags.is_empty());
}

#[test]
fn anchors_and_merge_keys_work_in_metadata() {
    let meta = accepted(&with_basics(
        "provides:\n  a: &base {interface: http, limit: 2}\n  b: {<<: *base, interface: https}\n  c: *base\n",
    ))
    .meta;
    assert_eq!(meta.endpoints["b"].interface, "https");
    assert_eq!(meta.endpoints["b"].limit, Some(2));
    assert_eq!(meta.endpoints["a"], meta.endpoints["c"]);
}

#[test]
fn assumes_names_what_is_missing() {
    let meta = accepted(&with_basics(
        "assumes:\n- juju >= 3.1\n- any-of:\n  - juju < 3\n  - all-of: [k8s-api, juju >= 3.4.2]\n- k8s-api >= 1.20\n",
    ))
    .meta;
    let assumes = meta.assumes.unwrap();
    let features = |juju: &str, k8s: Option<&str>| {
        let mut all = BTreeMap::from([("juju".to_owned(), Some(juju.parse().unwrap()))]);
        if let Some(version) = k8s {
            all.insert("k8s-api".to_owned(), Some(version.parse().unwrap()));
        }
        all
    };
    assert_eq!(assumes.unmet(&features("3.6.2", Some("1.28"))), Vec::<String>::new());
    assert_eq!(
        assumes.unmet(&features("3.0", None)),
        [
            "juju >= 3.1.0 (this controller has 3.0.0)",
            "any of [juju < 3.0.0, all of [k8s-api, juju >= 3.4.2]]",
            "k8s-api >= 1.20.0 (this controller does not have it)",
        ]
    );
    assert!(Assumes::AllOf(vec![]).holds(&BTreeMap::new()));
    assert!(!Assumes::AnyOf(vec![]).holds(&BTreeMap::new()));
}

#[test]
fn metadata_survives_json() {
    for text in [DATABASE, LEGACY, SUBORDINATE] {
        let meta = accepted(text).meta;
        let json = serde_json::to_string(&meta).unwrap();
        assert_eq!(serde_json::from_str::<CharmMeta>(&json).unwrap(), meta);
    }
}

#[test]
fn packing_a_source_folder_changes_nothing() {
    for text in [DATABASE, LEGACY, SUBORDINATE] {
        let source = files(text);
        let meta = accepted(text).meta;
        let packed = split(&source, &meta.bases).unwrap();
        let manifest = (meta.format == Format::V2).then(|| SourceText::new("manifest.yaml", packed.manifest));
        let again = parse(&CharmFiles {
            metadata: Some(SourceText::new("metadata.yaml", packed.metadata)),
            config: packed.config.map(|t| SourceText::new("config.yaml", t)),
            actions: packed.actions.map(|t| SourceText::new("actions.yaml", t)),
            charmcraft: None,
            manifest,
        })
        .unwrap();
        assert_eq!(again.meta, meta);
    }
}

#[test]
fn packed_files_read_the_same_in_python() {
    let packed = split(&files(DATABASE), &[]).unwrap();
    insta::assert_snapshot!(packed.metadata, @r"
    name: ledger-k8s
    summary: Keeps books.
    description: |
      Ledger keeps double-entry books.

      It needs a database, and takes an ingress.
    provides:
      metrics-endpoint:
        interface: prometheus_scrape
        optional: true
      grafana-dashboard:
        interface: grafana_dashboard
    requires:
      database:
        interface: postgresql_client
        limit: 1
        optional: false
      ingress:
        interface: ingress
        limit: 1
        optional: true
    peers:
      replicas:
        interface: ledger_peers
    storage:
      data:
        type: filesystem
        description: The books
        minimum-size: 10G
      archive:
        type: filesystem
        multiple:
          range: 0+
    resources:
      ledger-image:
        type: oci-image
        description: The workload
        upstream-source: ghcr.io/example/ledger:3.2
    containers:
      ledger:
        resource: ledger-image
        mounts:
        - storage: data
          location: /var/lib/ledger
        uid: 584792
        gid: 584792
    assumes:
    - juju >= 3.4
    - k8s-api
    charm-user: non-root
    display-name: Ledger
    maintainers:
    - ledger@example.com
    source:
    - https://example.com/source
    issues:
    - https://example.com/issues
    docs: https://example.com/docs
    ");
    insta::assert_snapshot!(packed.config.unwrap(), @r#"
    options:
      debug:
        type: boolean
        default: false
      greeting:
        type: string
        default: "yes"
      log-level:
        type: string
        description: |
          How much to say.
        default: info
      motto:
        type: string
        default: ""
      password:
        type: secret
        description: The secret's URI
      port:
        type: int
        description: Where to listen
        default: 8080
      ratio:
        type: float
        default: 1.0
    "#);
    insta::assert_snapshot!(packed.actions.unwrap(), @r"
    close-books:
      description: Closes a period.
      params:
        period:
          type: string
          pattern: ^[0-9]{4}-[0-9]{2}$
        force:
          type: boolean
          default: false
      required:
      - period
      additionalProperties: false
    rotate:
      description: No description
    ");
}
