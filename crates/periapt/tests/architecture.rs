//! The house rules that a machine can check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Each crate's normal dependencies, by name.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let of = |package: &Value| {
        let normal = package["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].is_null());
        normal.filter_map(|d| Some(d["name"].as_str()?.to_owned())).collect()
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter_map(|p| Some((p["name"].as_str()?.to_owned(), of(p)))).collect()
}

/// What the pure core may depend on, directly. None of these reads a clock, a file, the network or the environment.
const PURE: [&str; 10] = [
    "base64",
    "granit-parser",
    "imbl",
    "jsonschema",
    "periapt-model",
    "serde",
    "serde-saphyr",
    "serde_json",
    "thiserror",
    "jiff",
];

#[test]
fn the_core_is_pure() {
    let all = dependencies(&metadata());
    for name in ["periapt-model", "periapt-lifecycle", "periapt-context"] {
        let strangers: Vec<_> = all[name].iter().filter(|d| !PURE.contains(&d.as_str())).collect();
        assert!(
            strangers.is_empty(),
            "{name} depends on {strangers:?}: add what is pure to the list here, with care"
        );
    }
}

/// The floors of ARCHITECTURE.md.
const FLOORS: [(&str, u32); 12] = [
    ("periapt-model", 0),
    ("periapt-hook", 0),
    ("periapt-store", 1),
    ("periapt-lifecycle", 1),
    ("periapt-context", 1),
    ("periapt-build", 1),
    ("periapt-pebble", 1),
    ("periapt-charm-macros", 1),
    ("periapt-charm", 2),
    ("periapt-controller", 4),
    ("periapt-agent", 4),
    ("periapt", 5),
];

#[test]
fn a_crate_uses_only_lower_floors() {
    let all = dependencies(&metadata());
    let floors: BTreeMap<&str, u32> = FLOORS.into_iter().collect();
    let ours: BTreeSet<&str> = all.keys().map(String::as_str).filter(|n| n.starts_with("periapt")).collect();
    assert_eq!(ours, floors.keys().copied().collect(), "every crate has its floor");
    for (name, floor) in FLOORS {
        for dependency in all[name].iter().filter_map(|d| floors.get(d.as_str()).map(|f| (d, f))) {
            assert!(
                *dependency.1 < floor,
                "{name} (floor {floor}) uses {} (floor {})",
                dependency.0,
                dependency.1
            );
        }
    }
}

#[test]
fn no_room_is_too_large() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the crates");
    let mut folders = vec![root];
    let mut large = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let lines = std::fs::read_to_string(&path).map(|t| t.lines().count()).unwrap_or(0);
                if lines > 600 {
                    large.push(format!("{} ({lines} lines)", path.display()));
                }
            }
        }
    }
    assert!(large.is_empty(), "split these, one subject each: {large:#?}");
}
