//! The local charm store, through the built program: publish, deploy by name, refresh, go back, and be killed.

mod common;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::{Bench, shell_charm, until};
use serde_json::{Value, json};

/// A charm whose status says which version of it runs.
fn charm(bench: &Bench, version: &str) -> String {
    shell_charm(
        &bench.path().join("source"),
        "web",
        "resources:\n  page: {type: file, filename: page.html}\n",
        &[
            ("install", &format!("status-set active '{version}'")),
            ("upgrade-charm", &format!("status-set active 'to {version}'")),
        ],
    )
}

fn publish(bench: &Bench, version: &str, channel: &str) -> u64 {
    let path = charm(bench, version);
    let done = bench.json(&["publish", &path, "--channel", channel]);
    done["revision"].as_u64().expect("a revision")
}

fn app(bench: &Bench, name: &str) -> Value {
    bench.json(&["status"])["applications"][name].clone()
}

/// What the application's charm says, and its origin, channel and revision.
fn shown(bench: &Bench, name: &str) -> Value {
    bench.settle();
    let app = app(bench, name);
    json!([
        app["application-status"]["message"],
        app["charm"],
        app["charm-origin"],
        app["charm-channel"],
        app["charm-rev"],
    ])
}

#[test]
fn a_published_charm_is_deployed_by_name_refreshed_and_taken_back() {
    let bench = Bench::new();
    assert_eq!(publish(&bench, "one", "latest/beta"), 1);
    bench.ok(&["deploy", "web", "--channel", "edge"]);
    assert_eq!(shown(&bench, "web"), json!(["one", "web", "charmhub", "latest/edge", 1]));
    // Nothing newer.
    let same = bench.run(&["refresh", "web"]);
    assert_eq!((same.code, same.stdout.as_str()), (0, ""), "{same:?}");
    assert!(same.stderr.contains("charm \"web\": already up-to-date"), "{same:?}");
    // The same content keeps its number; new content gets the next, and the closed edge follows beta.
    assert_eq!(publish(&bench, "one", "latest/candidate"), 1);
    assert_eq!(publish(&bench, "two", "latest/beta"), 2);
    let said = bench.run(&["refresh", "web"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.stderr
            .contains("Added charm-hub charm \"web\", revision 2 in channel latest/edge, to the model"),
        "{said:?}"
    );
    assert_eq!(shown(&bench, "web"), json!(["to two", "web", "charmhub", "latest/edge", 2]));
    // Back to the older revision, and forth by way of another channel.
    bench.ok(&["refresh", "web", "--revision", "1"]);
    assert_eq!(shown(&bench, "web"), json!(["to one", "web", "charmhub", "latest/edge", 1]));
    let moved = bench.run(&["refresh", "web", "--channel", "candidate"]);
    assert!(
        moved.stderr.contains("all future refreshes will now use channel \"latest/candidate\""),
        "{moved:?}"
    );
    assert_eq!(shown(&bench, "web"), json!(["to one", "web", "charmhub", "latest/candidate", 1]));
    bench.ok(&["refresh", "web", "--channel", "latest/beta"]);
    assert_eq!(shown(&bench, "web")[4], 2);
    // A promoted revision, and the files of a folder instead of the store's.
    bench.ok(&["publish", "web", "--revision", "2", "--channel", "stable"]);
    bench.ok(&["deploy", "ch:web", "second"]);
    assert_eq!(shown(&bench, "second"), json!(["two", "web", "charmhub", "latest/stable", 2]));
    let path = charm(&bench, "three");
    bench.ok(&["refresh", "web", "--path", &path]);
    assert_eq!(shown(&bench, "web"), json!(["to three", "local:web-0", "local", null, 0]));
    bench.ok(&["refresh", "web", "--switch", "ch:web"]);
    assert_eq!(shown(&bench, "web"), json!(["to two", "web", "charmhub", "latest/stable", 2]));
    // The agent's own records name the store's url, and nothing was upgraded that was the same.
    let unit = bench.json(&["show-unit", "web/0"]);
    assert!(unit["web/0"]["charm"].as_str().unwrap().ends_with("/web-2"), "{unit}");
    let upgrades = bench.trace("web/0").iter().filter(|event| *event == "upgrade-charm").count();
    assert_eq!(upgrades, 5);
}

#[test]
fn a_revision_that_a_suite_names_can_be_given() {
    let bench = Bench::new();
    let numbered = |version: &str, number: &str| {
        bench.run(&["publish", &charm(&bench, version), "--as-revision", number])
    };
    assert_eq!(numbered("one", "104").code, 0);
    assert_eq!(numbered("one", "104").code, 0, "the same again");
    for (version, number, message) in [
        ("two", "104", "charm \"web\" cannot get revision 104: its newest is 104"),
        ("two", "3", "charm \"web\" cannot get revision 3: its newest is 104"),
        ("one", "105", "this content of charm \"web\" is revision 104 already"),
    ] {
        let said = numbered(version, number);
        assert!(said.code == 1 && said.stderr.contains(message), "{said:?}");
    }
    assert_eq!(publish(&bench, "two", "edge"), 105);
    bench.ok(&["deploy", "web", "--revision", "104", "--channel", "stable"]);
    assert_eq!(shown(&bench, "web"), json!(["one", "web", "charmhub", "latest/stable", 104]));
}

#[test]
fn files_come_with_the_channel_until_an_operator_gives_his_own() {
    let bench = Bench::new();
    let file = |name: &str, text: &str| {
        let path = bench.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("page={}", path.display())
    };
    let path = charm(&bench, "one");
    bench.ok(&["publish", &path, "--resource", &file("a", "first")]);
    bench.ok(&["deploy", "web"]);
    bench.settle();
    let page = || {
        let list = bench.json(&["resources", "web"]);
        let page = &list["resources"][0];
        let said = bench.ok(&["exec", "--unit", "web/0", "--", "cat $(resource-get page)"]);
        json!([page["origin"], page["revision"], said.trim()])
    };
    assert_eq!(page(), json!(["store", 1, "first"]));
    // Another file with the same charm: the charm stays, its units run upgrade-charm.
    bench.ok(&["publish", &path, "--resource", &file("b", "second")]);
    bench.ok(&["refresh", "web"]);
    bench.settle();
    assert_eq!(page(), json!(["store", 2, "second"]));
    assert_eq!(app(&bench, "web")["charm-rev"], 1);
    bench.ok(&["refresh", "web", "--resource", "page=1"]);
    bench.settle();
    assert_eq!(page(), json!(["store", 1, "first"]));
    // Uploads count on, also those of a refresh, and no refresh takes them away.
    bench.ok(&["attach-resource", "web", &file("c", "mine")]);
    bench.settle();
    let attached = page()[1].as_u64().unwrap();
    assert_eq!(page(), json!(["upload", attached, "mine"]));
    bench.ok(&["refresh", "web", "--resource", &file("d", "mine too")]);
    bench.settle();
    assert_eq!(page(), json!(["upload", attached + 1, "mine too"]));
    assert_eq!(publish(&bench, "two", "stable"), 2);
    bench.ok(&["refresh", "web"]);
    bench.settle();
    assert_eq!(page(), json!(["upload", attached + 1, "mine too"]));
    assert_eq!(app(&bench, "web")["charm-rev"], 2);
    // A charm from a path takes files, config and trust alone, all in one go.
    bench.ok(&["deploy", &path, "own", "--resource", &file("e", "x")]);
    bench.settle();
    let before = bench.trace("own/0").len();
    bench.ok(&["refresh", "own", "--resource", &file("f", "y"), "--trust"]);
    bench.settle();
    assert_eq!(bench.trace("own/0")[before..], ["upgrade-charm", "config-changed"]);
    assert_eq!(bench.json(&["config", "own"])["application-config"]["trust"]["value"], true);
    assert_eq!(bench.json(&["resources", "own"])["resources"][0]["revision"], 2);
    let refused = bench.refused(&["refresh", "own"]);
    assert!(
        refused.stderr.contains("upgrading local charm requires either --path or --switch"),
        "{refused:?}"
    );
}

#[test]
fn what_is_there_is_listed_and_written_out_and_what_is_not_is_told() {
    let bench = Bench::new();
    assert_eq!(bench.json(&["find"]), json!([]));
    assert_eq!(publish(&bench, "one", "2/edge,stable"), 1);
    assert_eq!(publish(&bench, "two", "2/edge"), 2);
    let found = bench.json(&["find", "we"]);
    assert_eq!(found[0]["name"], "web");
    assert_eq!(found[0]["channels"], json!(["2/edge", "latest/stable"]));
    assert_eq!(bench.json(&["find", "nothing"]), json!([]));
    assert!(bench.ok(&["find"]).lines().nth(1).unwrap().starts_with("web"));
    let info = bench.json(&["info", "web"]);
    assert_eq!(info["channels"]["2"]["edge"][0]["revision"], 2);
    assert_eq!(info["channels"]["latest"]["stable"][0]["revision"], 1);
    assert_eq!(info["charm"]["resources"].as_object().unwrap().len(), 1);
    assert_eq!(info["revisions"].as_array().unwrap().len(), 2);

    bench.ok(&["download", "web", "--channel", "2/edge"]);
    let file = bench.path().join("web_r2.charm");
    let bytes = std::fs::read(&file).unwrap();
    let piped =
        bench.command().args(["download", "web", "--revision", "2", "--filepath", "-"]).output().unwrap();
    assert!(piped.status.success() && piped.stdout == bytes);
    // What was written out is the same charm.
    let again = bench.json(&["publish", "./web_r2.charm", "--channel", "beta"]);
    assert_eq!(again, json!({"name": "web", "revision": 2, "new": false, "channels": ["latest/beta"]}));

    for (arguments, code, words) in [
        (&["deploy", "webb"][..], 1, "charm \"webb\" not found in the local store"),
        (&["deploy", "webb"], 1, "did you mean \"web\"?"),
        (&["deploy", "other"], 1, "periapt publish ./other.charm --channel latest/stable"),
        (&["deploy", "ch:other", "-n", "2"], 1, "not found in the local store"),
        (&["deploy", "web", "--channel", "3"], 1, "charm \"web\" has nothing in channel 3/stable"),
        (
            &["deploy", "web", "--channel", "3"],
            1,
            "its open channels are: 2/edge, latest/stable, latest/beta",
        ),
        (&["deploy", "web", "--channel", "2/nightly"], 2, "is not a valid channel"),
        (&["deploy", "web", "--revision", "2"], 1, "specifying a revision requires a channel"),
        (&["deploy", "web", "--revision", "9", "--channel", "2/edge"], 1, "its newest revision is 2"),
        (&["deploy", "ch:../../etc/passwd"], 1, "is not a valid charm name"),
        (&["deploy", "web", "--resource", "page=7"], 1, "resource \"page\" has no revision 7"),
        (&["deploy", "web", "--resource", "nosuch=/etc/passwd"], 1, "unrecognized resource \"nosuch\""),
        (&["info", "../web"], 2, "is not a valid charm name"),
        (&["info", "nosuch"], 1, "not found in the local store"),
        (&["download", "nosuch"], 1, "not found in the local store"),
        (&["download", "web", "--channel", "2/edge"], 1, "web_r2.charm is there already"),
        (&["publish", "./nosuch"], 1, "no such file or folder"),
        (&["publish", "nosuch"], 1, "no such file or folder"),
        (&["publish", "/dev/null"], 1, "neither a folder nor a file"),
        (&["publish", "web", "--revision", "9"], 1, "its newest revision is 2"),
        (&["publish", "./source/web", "--revision", "1"], 2, "is not a valid charm name"),
    ] {
        let said = bench.refused(arguments);
        assert!(said.code == code && said.stderr.contains(words), "{arguments:?}: {said:?}");
    }
    assert_eq!(bench.json(&["status"])["applications"], json!({}));
    // A folder in the way of a name.
    let inside =
        bench.command().args(["deploy", "web"]).current_dir(bench.path().join("source")).output().unwrap();
    assert!(String::from_utf8_lossy(&inside.stderr).contains("The charm or bundle \"web\" is ambiguous."));
    // Where a path is meant, a name is no matter.
    let mut publish = bench.command();
    let publish =
        publish.args(["publish", "web", "--channel", "2/edge"]).current_dir(bench.path().join("source"));
    assert!(publish.status().unwrap().success());
}

/// An archive of stored entries, without a library that would refuse the names.
fn zip(path: &Path, entries: &[(&str, &[u8])]) {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let at = body.len() as u32;
        let sizes = [crc(content), content.len() as u32, content.len() as u32];
        let common = |out: &mut Vec<u8>| {
            out.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            sizes.iter().for_each(|n| out.extend(n.to_le_bytes()));
            out.extend((name.len() as u16).to_le_bytes());
            out.extend([0, 0]);
        };
        body.extend(b"PK\x03\x04");
        common(&mut body);
        body.extend(name.as_bytes());
        body.extend(*content);
        directory.extend(b"PK\x01\x02\x14\x03");
        common(&mut directory);
        directory.extend([0; 6]);
        directory.extend(0o100_644_u32.wrapping_shl(16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size, count) = (body.len() as u32, directory.len() as u32, entries.len() as u16);
    body.extend(directory);
    body.extend(b"PK\x05\x06\0\0\0\0");
    body.extend(count.to_le_bytes());
    body.extend(count.to_le_bytes());
    body.extend(size.to_le_bytes());
    body.extend(start.to_le_bytes());
    body.extend([0, 0]);
    std::fs::write(path, body).expect("a file");
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn hostile_archives_and_names_are_not_published() {
    let bench = Bench::new();
    let metadata = |name: &str| format!("name: {name}\nsummary: s\ndescription: d\n").into_bytes();
    let good = metadata("web");
    let evil = metadata("../../evil");
    let path = |name: &str| bench.path().join(name);
    zip(&path("good.charm"), &[("metadata.yaml", &good), ("hooks/install", b"#!/bin/sh\n")]);
    zip(&path("out.charm"), &[("metadata.yaml", &good), ("../../evil", b"x")]);
    zip(&path("root.charm"), &[("metadata.yaml", &good), ("/tmp/evil", b"x")]);
    zip(&path("name.charm"), &[("metadata.yaml", &evil)]);
    zip(&path("empty.charm"), &[("README", b"x")]);
    std::fs::write(path("cut.charm"), &std::fs::read(path("good.charm")).unwrap()[..60]).unwrap();
    std::fs::write(path("text.charm"), "not a charm").unwrap();
    for (name, words) in [
        ("out", "does not stay inside the charm"),
        ("root", "does not stay inside the charm"),
        ("name", "is not a valid charm name"),
        ("empty", "no metadata.yaml"),
        ("cut", "not a"),
        ("text", "not a charm archive"),
    ] {
        let said = bench.refused(&["publish", &format!("./{name}.charm")]);
        assert!(said.code == 1 && said.stderr.contains(words), "{name}: {said:?}");
    }
    assert_eq!(bench.json(&["find"]), json!([]));
    let kept = std::fs::read_dir(bench.home().join("store/archives")).into_iter().flatten().count();
    assert_eq!(kept, 0, "nothing that was refused is kept");
    bench.ok(&["publish", "./good.charm"]);
    assert_eq!(bench.json(&["find"])[0]["name"], "web");
}

/// The files of the store, but for those that are being written.
fn files(bench: &Bench) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![bench.home().join("store")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path),
            }
        }
    }
    found
}

#[test]
fn a_killed_publication_leaves_nothing_half() {
    let bench = Bench::new();
    assert_eq!(publish(&bench, "one", "stable"), 1);
    let path = charm(&bench, "two");
    // Something that takes a moment to copy.
    let noise: Vec<u8> = (0..24_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::File::create(Path::new(&path).join("large")).unwrap().write_all(&noise).unwrap();
    let before = files(&bench);
    for turn in 0..6 {
        let mut child = bench
            .command()
            .args(["publish", &path])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Once anything new lies in the store, wherever it has got to.
        until("the store is written to", Duration::from_secs(60), || {
            (files(&bench).len() > before.len() + turn || child.try_wait().unwrap().is_some()).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let info = bench.json(&["info", "web"]);
        let revisions = info["revisions"].as_array().unwrap().len();
        let released = info["channels"]["latest"]["stable"][0]["revision"].as_u64().unwrap() as usize;
        assert_eq!(released, revisions, "a revision is released or not there: {info}");
        bench.ok(&["download", "web", "--filepath", &format!("copy-{turn}.charm")]);
    }
    // What was interrupted is simply done again.
    assert_eq!(bench.json(&["publish", &path])["revision"], 2);
    bench.ok(&["deploy", "ch:web"]);
    assert_eq!(shown(&bench, "web"), json!(["two", "web", "charmhub", "latest/stable", 2]));
}
