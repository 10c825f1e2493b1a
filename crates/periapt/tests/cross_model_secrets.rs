//! Secrets that a charm lets another model's application read: as both charms see them, as others try to, and as whoever
//! reads the disk does.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Bench, Said, shell_charm, until};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(90);

/// Values that nobody but who is told may see, and the same as the model keeps them.
const FIRST: [&str; 2] = ["first-Kohlrabi-4712", "Zmlyc3QtS29obHJhYmktNDcxMg=="];
const SECOND: [&str; 2] = ["second-Kohlrabi-4712", "c2Vjb25kLUtvaGxyYWJpLTQ3MTI="];

const NOTE: &str = "echo \"$JUJU_SECRET_ID $(test -z \"${JUJU_SECRET_REVISION:-}\" || echo $JUJU_SECRET_REVISION) \
                    ${JUJU_SECRET_LABEL:-}\" >>\"$JUJU_CHARM_DIR/notes\"";

/// `vault` in the model `default`, offered; `web` in the model `other`, related to it, and `idle`, which is not.
struct Pair {
    bench: Bench,
}

impl Pair {
    fn related() -> Self {
        let bench = Bench::new();
        let vault = shell_charm(
            bench.path(),
            "vault",
            "provides:\n  keys: {interface: keys}\n",
            &[
                ("start", "status-set active"),
                (
                    "secret-remove",
                    &format!("{NOTE}; secret-remove $JUJU_SECRET_ID --revision $JUJU_SECRET_REVISION"),
                ),
            ],
        );
        // The URI is read as it was written; what it leads to is told by its length alone.
        let read = "uri=$(relation-get --app secret); test -z \"$uri\" || { value=$(secret-get $uri password --label ours); \
                    status-set active \"read ${#value} letters\"; }";
        let web = shell_charm(
            bench.path(),
            "web",
            "requires:\n  keys: {interface: keys}\n",
            &[("start", "status-set active"), ("keys-relation-changed", read), ("secret-changed", NOTE)],
        );
        bench.ok(&["deploy", &vault]);
        bench.ok(&["offer", "vault:keys"]);
        bench.ok(&["add-model", "other", "--no-switch"]);
        bench.ok(&["deploy", &web, "-m", "other", "-n", "2"]);
        bench.ok(&["deploy", &web, "idle", "-m", "other"]);
        bench.ok(&["integrate", "-m", "other", "default.vault", "web"]);
        let pair = Self { bench };
        pair.settle();
        pair.until_relation("default", "vault/0");
        pair.settle();
        pair
    }

    fn settle(&self) {
        for model in ["default", "other"] {
            self.bench.ok(&["wait", "-m", model, "--timeout", "120s"]);
        }
    }

    fn exec(&self, unit: &str, script: &str) -> Said {
        let model = if unit.starts_with("vault") { "default" } else { "other" };
        self.bench.run(&["exec", "-m", model, "--unit", unit, "--", script])
    }

    #[track_caller]
    fn ok(&self, unit: &str, script: &str) -> String {
        let said = self.exec(unit, script);
        assert_eq!(said.code, 0, "{unit}: {script}: {said:?}\n{}", self.bench.evidence());
        said.stdout.trim_end().to_owned()
    }

    #[track_caller]
    fn refused(&self, unit: &str, script: &str, wanted: &str) {
        let said = self.exec(unit, script);
        assert!(said.code != 0 && format!("{said:?}").contains(wanted), "{unit}: {script}: {said:?}");
    }

    /// Until a command of the other model's says so: what one model does reaches the other soon, not at once.
    #[track_caller]
    fn until_says(&self, unit: &str, script: &str, wanted: &str) {
        let mut last = None;
        until(&format!("{unit}: {script}: {wanted}"), LIMIT, || {
            let said = self.exec(unit, script);
            let found = format!("{}{}", said.stdout, said.stderr).contains(wanted);
            last = Some(said);
            found.then_some(())
        });
    }

    fn relation(&self, model: &str, unit: &str) -> Option<String> {
        let shown = self.bench.json(&["show-unit", "-m", model, unit]);
        let relation = shown[unit]["relation-info"].as_array()?.first()?.clone();
        relation["related-units"].as_object().filter(|units| units.len() == 2 || model == "other")?;
        Some(format!("keys:{}", relation["relation-id"]))
    }

    fn until_relation(&self, model: &str, unit: &str) -> String {
        until("the relation", LIMIT, || self.relation(model, unit))
    }

    /// A secret of `vault`'s, granted to `web` and told to it.
    fn share(&self) -> String {
        let relation = self.until_relation("default", "vault/0");
        let uri = self.ok("vault/0", &format!("secret-add --label theirs password={}", FIRST[0]));
        self.ok(
            "vault/0",
            &format!("secret-grant {uri} -r {relation}; relation-set -r {relation} --app secret={uri}"),
        );
        uri
    }

    fn uuid(&self, model: &str) -> String {
        let shown = self.bench.json(&["show-model", model]);
        shown[model]["model-uuid"].as_str().expect("a uuid").to_owned()
    }

    fn notes(&self, unit: &str) -> Vec<String> {
        let text = self.ok(unit, "test ! -e notes || cat notes; echo .");
        let lines = text.lines().filter(|line| *line != ".");
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.bench.run(&["destroy-model", "other", "--no-prompt", "--force"]);
        }
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&path, found),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// No file below the home has one of the values in it, and no command says one to who did not ask.
#[track_caller]
fn nothing_lies_about(bench: &Bench) {
    let mut all = Vec::new();
    files(&bench.home(), &mut all);
    for path in all {
        let bytes = std::fs::read(&path).unwrap_or_default();
        for value in [FIRST, SECOND].concat() {
            let found = bytes.windows(value.len()).any(|part| part == value.as_bytes());
            assert!(!found, "{value} is in {}", path.display());
        }
    }
    for model in ["default", "other"] {
        for arguments in [
            &["secrets", "--format", "json", "--revisions", "-m", model][..],
            &["tail", "--no-follow", "--last", "1000", "--format", "json", "-m", model],
            &["debug-log", "--replay", "--no-tail", "-m", model],
            &["status", "--format", "json", "-m", model],
        ] {
            let text = bench.ok(arguments);
            for value in [FIRST, SECOND].concat() {
                assert!(!text.contains(value), "{value} in {arguments:?}");
            }
        }
    }
}

#[test]
fn a_secret_is_read_followed_and_let_go_of_from_the_other_model() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let uri = pair.share();
    let id = uri.strip_prefix("secret:").expect("a URI").to_owned();
    // A hook reads it by the URI that it finds in the databag.
    let letters = format!("read {} letters", FIRST[0].len());
    until("web reads it", LIMIT, || {
        let status = bench.json(&["status", "-m", "other"]);
        let units = &status["applications"]["web"]["units"];
        let read = |unit: &str| units[unit]["workload-status"]["message"] == letters.as_str();
        (read("web/0") && read("web/1")).then_some(())
    });
    // Every form of its name leads to it.
    let long = format!("secret://{}/{id}", pair.uuid("default"));
    for name in [uri.as_str(), &id, &long, "--label ours", &format!("{long} --peek")] {
        assert_eq!(pair.ok("web/0", &format!("secret-get {name} password")), FIRST[0], "{name}");
    }
    assert_eq!(pair.ok("web/1", &format!("secret-get {uri} --format=json")), {
        format!("{{\"password\":\"{}\"}}", FIRST[0])
    });
    nothing_lies_about(bench);

    // A new revision is told of, and read by who asks for it.
    pair.settle();
    pair.ok("vault/0", &format!("secret-set {uri} password={}", SECOND[0]));
    for unit in ["web/0", "web/1"] {
        until("it is told of", LIMIT, || (pair.notes(unit) == [format!("{uri} ours")]).then_some(()));
    }
    assert_eq!(pair.ok("web/0", &format!("secret-get {uri} password")), FIRST[0]);
    assert_eq!(pair.ok("web/0", &format!("secret-get {uri} password --peek")), SECOND[0]);
    assert_eq!(pair.ok("web/0", "secret-get --label ours password --refresh"), SECOND[0]);
    assert_eq!(pair.ok("web/0", "secret-get --label ours password"), SECOND[0]);
    // One still reads the old one; when nobody does, its owner hears of it, and takes it away.
    pair.settle();
    assert_eq!(pair.notes("vault/0"), Vec::<String>::new());
    assert_eq!(pair.ok("web/1", &format!("secret-get {long} password")), FIRST[0]);
    pair.ok("web/1", &format!("secret-get {long} --refresh"));
    until("its owner hears of it", LIMIT, || {
        (pair.notes("vault/0") == [format!("{uri} 1 theirs")]).then_some(())
    });
    pair.settle();
    let shown = bench.json(&["show-secret", "theirs", "--revisions"]);
    let shown = shown.as_object().and_then(|all| all.values().next()).expect("a secret");
    assert_eq!(shown["revisions"].as_array().map(Vec::len), Some(1), "{shown}");
    // The operator of the other model has no such secret.
    assert_eq!(bench.json(&["secrets", "-m", "other"]), json!({}));
    bench.refused(&["show-secret", "-m", "other", &id, "--reveal"]);
    bench.kill_daemon();
    nothing_lies_about(bench);
    assert_eq!(pair.ok("web/1", "secret-get --label ours password"), SECOND[0]);

    // When it goes over there, it is gone here.
    pair.ok("vault/0", &format!("secret-remove {uri}"));
    pair.until_says("web/0", &format!("secret-get {uri} || true"), "not found");
    nothing_lies_about(bench);
}

#[test]
fn nobody_reads_it_without_the_right() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let uri = pair.share();
    let id = uri.strip_prefix("secret:").expect("a URI").to_owned();
    let relation = pair.until_relation("default", "vault/0");
    let read = format!("secret-get {uri} || true");
    pair.until_says("web/0", &read, FIRST[0]);
    // Others of the reader's model, and another secret of the owner's.
    pair.refused("idle/0", &format!("secret-get {uri}"), "permission denied");
    let kept = pair.ok("vault/0", &format!("secret-add password={}", SECOND[0]));
    let kept_id = kept.strip_prefix("secret:").expect("a URI");
    let uuid = pair.uuid("default");
    for name in [&kept, &format!("secret://{uuid}/{kept_id}")] {
        pair.refused("web/0", &format!("secret-get {name}"), "not found");
    }
    pair.refused("web/0", &format!("secret-get secret://{}/{id}", pair.uuid("other")), "not found");
    // Who reads it may not change it, nor pass it on.
    pair.refused("web/0", &format!("secret-set {uri} password=x"), "permission denied");
    pair.refused("web/0", &format!("secret-remove {uri}"), "permission denied");
    let theirs = pair.until_relation("other", "web/0");
    pair.refused("web/0", &format!("secret-grant {uri} -r {theirs}"), "not found");
    let own = pair.ok("web/0", "secret-add --owner unit password=x");
    pair.refused(
        "web/0",
        &format!("secret-grant {own} -r {theirs}"),
        "sharing consumer secrets across a cross model relation not supported",
    );

    // Taken back, and given again: its name here is kept.
    pair.ok("web/0", &format!("secret-get {uri} --label mine"));
    pair.ok("vault/0", &format!("secret-revoke {uri} -r {relation}"));
    pair.until_says("web/0", &read, "permission denied");
    pair.refused("web/1", &format!("secret-get {uri}"), "permission denied");
    pair.ok("vault/0", &format!("secret-grant {uri} -r {relation}"));
    pair.until_says("web/0", "secret-get --label mine password || true", FIRST[0]);

    // It ends with the relation, and with the offer.
    bench.ok(&["remove-relation", "-m", "other", "web", "vault"]);
    pair.settle();
    pair.until_says("web/0", &read, "permission denied");
    bench.ok(&["integrate", "-m", "other", "vault", "web"]);
    pair.settle();
    let relation = pair.until_relation("default", "vault/0");
    pair.refused("web/0", &format!("secret-get {uri}"), "permission denied");
    pair.ok("vault/0", &format!("secret-grant {uri} -r {relation}"));
    pair.until_says("web/0", &read, FIRST[0]);
    bench.ok(&["remove-offer", "vault", "--force", "-y"]);
    pair.until_says("web/0", &read, "permission denied");
    pair.settle();
    bench.ok(&["remove-saas", "-m", "other", "vault"]);
    pair.until_says("web/0", &read, "not found");
    let access: Value = bench.json(&["show-secret", "theirs"]);
    assert!(!access.to_string().contains("remote-"), "{access}");
    nothing_lies_about(bench);
}

/// The daemon dies right after each change of one model, before or while the other is told.
#[test]
fn a_suspended_relation_keeps_its_secrets_to_itself() {
    let pair = Pair::related();
    let uri = pair.share();
    let read = format!("secret-get {uri} password");
    pair.until_says("web/0", &read, FIRST[0]);
    let offers = pair.bench.json(&["offers"]);
    let id = offers["vault"]["connections"][0]["relation-id"].to_string();
    pair.bench.ok(&["suspend-relation", &id]);
    pair.until_says("web/0", &read, "permission denied");
    // It comes back, with what happened meanwhile.
    pair.bench.ok(&["resume-relation", &id]);
    pair.until_says("web/0", &read, FIRST[0]);
}

#[test]
fn a_killed_daemon_goes_on_between_the_two_models() {
    let pair = Pair::related();
    let bench = &pair.bench;
    let uri = pair.share();
    bench.kill_daemon();
    let read = format!("secret-get {uri} password --refresh || true");
    pair.until_says("web/0", &read, FIRST[0]);
    for value in [SECOND[0], FIRST[0], SECOND[0]] {
        pair.ok("vault/0", &format!("secret-set {uri} password={value}"));
        bench.kill_daemon();
        pair.until_says("web/0", &read, value);
        bench.kill_daemon();
        pair.ok("web/1", &format!("secret-get {uri} --refresh"));
        bench.kill_daemon();
    }
    // What is read was told back each time: but the last, no revision is left.
    let revisions = || {
        let shown = bench.json(&["show-secret", "theirs", "--revisions"]);
        let shown = shown.as_object().and_then(|all| all.values().next()).expect("a secret").clone();
        shown["revisions"].as_array().map(Vec::len)
    };
    until("old revisions are let go of", LIMIT, || (revisions() == Some(1)).then_some(()));
    let relation = pair.until_relation("default", "vault/0");
    pair.ok("vault/0", &format!("secret-revoke {uri} -r {relation}"));
    bench.kill_daemon();
    pair.until_says("web/0", &read, "permission denied");
    nothing_lies_about(bench);
}
