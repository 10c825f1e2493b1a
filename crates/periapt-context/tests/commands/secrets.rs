//! The secret commands, each access rule tried from the right and the wrong side, and what commits make of them.

use std::collections::BTreeMap;

use periapt_context::testing::{Stage, app, db_hook, local, model, unit};
use periapt_context::{ContextKind, Immediate, describe};
use periapt_model::apply::apply;
use periapt_model::command::{Command, RelationRef};
use periapt_model::commit::commit;
use periapt_model::entity::{Leadership, SecretContent};
use periapt_model::hook::{Hook, RelationEvent};
use periapt_model::journal::{Entry, Mark};
use periapt_model::local::Local;
use periapt_model::model::{Model, Record, Write};
use periapt_model::names::{RelationId, SecretId};
use periapt_model::step_commit::{Act, Commit};
use periapt_model::time::Timestamp;

/// A model in which one hook runs after the other, each as an agent runs it.
struct Story {
    model: Model,
    now: Timestamp,
}

/// Exit code, standard output and standard error.
type Got = (u8, String, String);

impl Story {
    fn new() -> Self {
        Self { model: model(), now: Timestamp(1_767_323_045_000) }
    }

    fn write(&mut self, writes: &[Write]) {
        writes.iter().for_each(|write| self.model.write(write));
    }

    /// Runs lines in one hook of `name` and commits it.
    fn try_hook(&mut self, name: &str, lines: &[&str]) -> (Vec<Got>, Result<(), String>) {
        let name = unit(name);
        let mut stage = Stage::new(ContextKind::Hook(Hook::ConfigChanged));
        stage.view.model = self.model.clone().into();
        stage.leader = self.model.is_leader(&name);
        stage.view.local = if name.app().as_str() == "web" { local() } else { Local::default() };
        stage.view.unit = name.clone();
        stage.files.insert("/tmp/value".to_owned(), b"from a file".to_vec());
        let got = lines.iter().map(|line| stage.line(line)).collect();
        for immediate in std::mem::take(&mut stage.immediate) {
            let Immediate::Tell(tell) = immediate else { continue };
            let command = Command::Agent { unit: name.clone(), epoch: 0, tell };
            let (writes, _) = apply(&self.model, command, self.now).expect("it is well formed");
            self.write(&writes);
        }
        let ended = Commit {
            unit: name,
            epoch: 0,
            local: stage.view.local,
            acts: Vec::new(),
            effects: stage.effects,
            journal: vec![Entry::Mark(Mark::AgentStarted { epoch: 0 })],
        };
        let committed = commit(&self.model, ended, self.now).map_err(|refusal| refusal.to_string());
        (got, committed.map(|writes| self.write(&writes)))
    }

    /// The same for a hook that must end well: standard output where the command does, standard error where it does not.
    #[track_caller]
    fn hook(&mut self, name: &str, lines: &[&str]) -> Vec<String> {
        let (got, committed) = self.try_hook(name, lines);
        committed.expect("it is well formed");
        got.into_iter().map(|(code, out, err)| if code == 0 { out } else { err }).collect()
    }

    /// What one line in a hook of its own answers.
    #[track_caller]
    fn line(&mut self, name: &str, line: &str) -> String {
        self.hook(name, &[line]).remove(0)
    }

    /// A new secret of `web`; its id.
    fn add(&mut self, flags: &str) -> String {
        let out = self.line("web/0", format!("secret-add password=first {flags}").trim());
        out.trim().strip_prefix("secret:").unwrap_or_else(|| panic!("{out}")).to_owned()
    }

    fn id(&self) -> SecretId {
        self.model.secrets.keys().next().expect("it is well formed").clone()
    }

    fn lead(&mut self, name: &str) {
        let name = unit(name);
        self.model.put(Record::Leadership(Leadership { app: name.app().clone(), unit: name }.into()));
    }
}

fn content(pairs: &[(&str, &str)]) -> SecretContent {
    let mut content = SecretContent::default();
    pairs.iter().for_each(|(key, value)| content.insert(key, value.as_bytes()).expect("it is well formed"));
    content
}

const MISSING: &str = "aaaaaaaaaaaaaaaaaaaa";

#[test]
fn the_grammar_is_jujus_and_no_value_is_in_a_message() {
    let mut stage = Stage::config_changed();
    stage.files.insert("f".to_owned(), b"hunter2".to_vec());
    stage.files.insert("list".to_owned(), b"[hunter2]".to_vec());
    for (line, code, error) in [
        ("secret-add", 2, "missing secret value or filename"),
        ("secret-add hunter2", 2, "expected \"key=value\" as value 1"),
        ("secret-add ab=hunter2", 2, "key \"ab\" not valid"),
        ("secret-add abc#nope=hunter2", 2, "key \"abc#nope\" not valid"),
        ("secret-add abc#base64=hunter2!", 2, "value of key \"abc\" is not valid base64"),
        ("secret-add abc=x abc=hunter2", 2, "key \"abc\" specified more than once"),
        ("secret-add abc#file=/nope", 1, "open /nope: no such file or directory"),
        ("secret-add --file f", 2, "cannot read f: expected a map of keys to texts"),
        ("secret-add --file list", 2, "cannot read list: expected a map of keys to texts"),
        ("secret-add --owner me abc=hunter2", 2, "secret owner \"me\" not valid"),
        ("secret-add --rotate often abc=hunter2", 2, "rotate policy \"often\" not valid"),
        ("secret-add --expire soon abc=hunter2", 2, "expire time or duration \"soon\" not valid"),
        ("secret-set", 2, "missing secret URI"),
        ("secret-set abc pass=hunter2", 2, "secret URI \"abc\" not valid"),
        ("secret-get", 2, "require either a secret URI or label"),
        ("secret-get secret:abc", 2, "secret URI \"secret:abc\" not valid"),
        ("secret-get --label l --peek --refresh", 2, "specify one of --peek or --refresh but not both"),
        ("secret-get --label l a b", 2, "secret URI \"a\" not valid"),
        ("secret-get --label l", 1, "consumer label \"l\" not found"),
        ("secret-get aaaaaaaaaaaaaaaaaaaa", 1, "secret \"aaaaaaaaaaaaaaaaaaaa\" not found"),
        (
            "secret-get secret://other-model/aaaaaaaaaaaaaaaaaaaa",
            1,
            "secret \"aaaaaaaaaaaaaaaaaaaa\" not found: it is one of model other-model, and was not granted over a relation with that",
        ),
        ("secret-info-get", 2, "require either a secret URI or label"),
        ("secret-info-get --label l", 1, "secret \"l\" not found"),
        ("secret-info-get aaaaaaaaaaaaaaaaaaaa", 1, "secret \"aaaaaaaaaaaaaaaaaaaa\" not found"),
        (
            "secret-info-get aaaaaaaaaaaaaaaaaaaa --label l",
            2,
            "specify either a secret URI or label but not both",
        ),
        ("secret-ids x", 2, "unrecognized args: [\"x\"]"),
        ("secret-remove", 2, "missing secret URI"),
        ("secret-grant aaaaaaaaaaaaaaaaaaaa", 2, "no relation id specified"),
        ("secret-grant aaaaaaaaaaaaaaaaaaaa -r db:2", 1, "secret \"aaaaaaaaaaaaaaaaaaaa\" not found"),
        ("secret-revoke aaaaaaaaaaaaaaaaaaaa", 2, "no relation id specified"),
        ("secret-revoke aaaaaaaaaaaaaaaaaaaa --app A", 2, "application \"A\" not valid"),
        ("secret-revoke aaaaaaaaaaaaaaaaaaaa --unit a", 2, "unit \"a\" not valid"),
    ] {
        assert_eq!(stage.line(line), (code, String::new(), format!("ERROR {error}\n")), "{line}");
    }
    let zero = stage.line(&format!("secret-remove {MISSING} --revision 0"));
    assert_eq!(zero.0, 2);
    assert!(stage.effects.is_empty());
    let big = format!("secret-add abc={}", "x".repeat(1024 * 1024));
    assert_eq!(stage.line(&big).0, 2);
}

#[test]
fn content_comes_from_arguments_and_files() {
    let mut story = Story::new();
    let line = "secret-add --owner unit abc=a=b raw#base64=/wA= file#file=/tmp/value empty=";
    let id = story.line("web/0", line).trim().to_owned();
    for form in [id.clone(), id.replace("secret:", ""), id.replace("secret:", "secret:///")] {
        let shown = story.line("web/0", &format!("secret-get {form} --format=json"));
        let text = "{\"abc\":\"a=b\",\"empty\":\"\",\"file\":\"from a file\",\"raw\":\"\u{fffd}\\u0000\"}\n";
        assert_eq!(shown, text, "{form}");
    }
    let rows = [
        (format!("secret-get {id}"), "abc: a=b\n"),
        (format!("secret-get {id} abc"), "a=b\n"),
        (format!("secret-get {id} raw#base64"), "/wA=\n"),
        (format!("secret-get {id} file --format json"), "\"from a file\"\n"),
        (format!("secret-get {id} nope"), "ERROR secret key value \"nope\" not found\n"),
    ];
    for (line, start) in rows {
        let got = story.line("web/0", &line);
        assert!(got.starts_with(start), "{line}: {got}");
    }
    let mut stage = Stage::config_changed();
    stage.stdin = b"{\"abc\": \"from-stdin\", \"def\": \"below\"}".to_vec();
    assert_eq!(stage.line("secret-add --file - def=above").0, 0);
    let change = stage.effects.secrets.values().next().unwrap();
    assert_eq!(change.update.content, Some(content(&[("abc", "from-stdin"), ("def", "above")])));
}

#[test]
fn ids_are_never_the_same_twice() {
    let mut story = Story::new();
    let mut ids = std::collections::BTreeSet::new();
    for name in ["web/0", "web/1"] {
        for _ in 0..3 {
            let lines = ["secret-add --owner unit abc=x"; 3];
            for (code, out, _) in story.try_hook(name, &lines).0 {
                assert_eq!(code, 0);
                assert!(ids.insert(out.clone()), "{out} twice");
                assert_eq!(out.len(), "secret:".len() + 20 + 1);
            }
        }
    }
    let mut stage = Stage::config_changed();
    let first = stage.line("secret-add abc=x").1;
    assert_eq!(stage.line(&format!("secret-remove {}", first.trim())).0, 0);
    assert!(stage.effects.secrets.is_empty(), "made and removed in one hook is nothing");
    assert_ne!(stage.line("secret-add abc=x").1, first);
    assert_eq!(Stage::config_changed().line("secret-add abc=x").1, first, "the same inputs give the same id");
}

#[test]
fn a_hook_sees_what_it_wrote() {
    let mut story = Story::new();
    let id = story.add("--label db --description d --rotate daily --expire 2030-01-02T03:04:05Z");
    let info = format!("secret-info-get {id} --format=json");
    let get = |rest: &str| format!("secret-get {id} password{rest}");
    let before = format!(
        "{{\"{id}\":{{\"revision\":1,\"label\":\"db\",\"owner\":\"application\",\"description\":\"d\",\
         \"rotation\":\"daily\",\"expiry\":\"2030-01-02T03:04:05Z\",\"rotates\":\"2026-01-03T03:04:05Z\"}}}}\n"
    );
    assert_eq!(story.line("web/0", &info), before);
    assert_eq!(story.line("web/0", &get("")), "first\n");
    let got = story.hook(
        "web/0",
        &[
            &format!("secret-set {id} password=second"),
            &format!("secret-set {id} --label database"),
            &format!("secret-set {id} --rotate weekly --description new"),
            &get(""),
            &get(" --peek"),
            "secret-get --label database password --peek",
            "secret-get --label db password",
            &info,
            &get(" --refresh"),
        ],
    );
    assert_eq!(got[3..6], ["first\n", "second\n", "second\n"]);
    assert!(got[6].contains("\"db\" not found"), "{}", got[6]);
    assert!(got[7].contains("\"revision\":1,\"label\":\"database\""), "{}", got[7]);
    assert!(got[7].contains("\"description\":\"new\",\"rotation\":\"weekly\""), "{}", got[7]);
    assert_eq!(got[8], "second\n");
    // Several writes of one hook are all there, and what was read with --refresh is read from now on.
    let after = story.line("web/0", &info);
    for part in
        ["\"revision\":2", "\"label\":\"database\"", "\"description\":\"new\"", "\"rotation\":\"weekly\""]
    {
        assert!(after.contains(part), "{after}");
    }
    assert!(!after.contains("expiry"), "a new revision has an expiry of its own: {after}");
    assert_eq!(story.line("web/0", &get("")), "second\n");
    assert_eq!(story.line("web/0", "secret-ids"), format!("{id}\n"));
}

#[test]
fn the_same_content_is_no_new_revision() {
    let mut story = Story::new();
    let id = story.add("");
    story.line("web/0", &format!("secret-set {id} password=first"));
    story.line("web/0", &format!("secret-set {id} --label only-a-name"));
    assert_eq!(story.model.secrets[&story.id()].latest(), 1);
    story.line("web/0", &format!("secret-set {id} other=first"));
    assert_eq!(story.model.secrets[&story.id()].latest(), 2);
    assert_eq!(story.line("web/0", &format!("secret-get {id} --peek")), "other: first\n");
}

#[test]
fn a_reader_keeps_its_revision_until_it_asks_for_the_newest() {
    let mut story = Story::new();
    let id = story.add("");
    story.line("web/0", &format!("secret-grant {id} -r db:2"));
    let get = |rest: &str| format!("secret-get {id} password{rest}");
    assert_eq!(story.line("db/2", &get(" --peek")), "first\n");
    assert!(story.model.secret_consumer(&story.id(), &unit("db/2")).is_none(), "a peek settles nothing");
    assert_eq!(story.line("db/2", &get("")), "first\n");
    story.line("web/0", &format!("secret-set {id} password=second"));
    assert_eq!(story.line("db/10", &get("")), "second\n", "who reads first reads the newest");
    for (rest, text) in
        [("", "first"), (" --peek", "second"), ("", "first"), (" --refresh", "second"), ("", "second")]
    {
        assert_eq!(story.line("db/2", &get(rest)), format!("{text}\n"), "{rest}");
    }
    // What was read counts at once, whatever becomes of the hook.
    story.line("web/0", &format!("secret-set {id} password=third"));
    let doomed = format!("secret-remove {id}");
    let (got, committed) = story.try_hook("db/2", &[&get(" --refresh"), &get(""), &doomed]);
    assert_eq!((got[0].1.as_str(), got[1].1.as_str()), ("third\n", "third\n"));
    assert!(committed.unwrap_err().contains("permission denied"));
    assert_eq!(story.line("db/2", &get("")), "third\n");
}

#[test]
fn labels_are_the_readers_own() {
    let mut story = Story::new();
    let (id, other) = (story.add("--label ours"), story.add("--label second"));
    for id in [&id, &other] {
        story.line("web/0", &format!("secret-grant {id} -r db:2"));
    }
    let label = |id: &str, label: &str| format!("secret-get {id} password --label {label}");
    assert_eq!(
        story.line("db/2", "secret-get password --label ours"),
        "ERROR consumer label \"ours\" not found\n"
    );
    let got = story.hook("db/2", &[&label(&id, "theirs"), "secret-get password --label theirs"]);
    assert_eq!(got, ["first\n", "first\n"]);
    assert_eq!(story.line("db/2", "secret-get password --label theirs"), "first\n");
    assert_eq!(
        story.line("db/2", &label(&other, "theirs")),
        "ERROR secret with label \"theirs\" already exists\n"
    );
    // Another label takes the first one's place.
    story.line("db/2", &label(&id, "renamed"));
    assert_eq!(
        story.line("db/2", "secret-get password --label theirs"),
        "ERROR consumer label \"theirs\" not found\n"
    );
    assert_eq!(story.line("db/2", "secret-get password --label renamed"), "first\n");
    // The owner's label is the secret's.
    assert_eq!(story.line("web/1", "secret-get password --label ours"), "first\n");
    story.line("web/0", &label(&id, "mine"));
    assert_eq!(story.line("web/0", "secret-get password --label mine"), "first\n");
    let taken = "ERROR secret with label \"second\" already exists\n";
    assert_eq!(story.line("web/0", &format!("secret-set {id} --label second")), taken);
    assert_eq!(story.line("web/0", "secret-add --label second abc=x"), taken);
    assert!(story.line("web/0", "secret-add --owner unit --label second abc=x").starts_with("secret:"));
}

#[test]
fn only_the_leader_has_a_hand_on_the_applications_secrets() {
    let mut story = Story::new();
    let id = story.add("--label ours");
    let refused = "ERROR not the leader\n";
    for (line, answer) in [
        ("secret-add abc=x".to_owned(), refused),
        (format!("secret-set {id} password=x"), refused),
        (format!("secret-remove {id}"), refused),
        (format!("secret-remove {id} --revision 1"), refused),
        (format!("secret-grant {id} -r db:2"), refused),
        (format!("secret-revoke {id} -r db:2"), refused),
        (format!("secret-info-get {id}"), "not found"),
        ("secret-info-get --label ours".to_owned(), "not found"),
        ("secret-ids".to_owned(), ""),
        (format!("secret-get {id} password"), "first\n"),
        (format!("secret-get {id} password --label own-name"), "first\n"),
        ("secret-get --label own-name password".to_owned(), "first\n"),
    ] {
        let got = story.line("web/1", &line);
        assert!(got == answer || (answer == "not found" && got.contains(answer)), "{line}: {got}");
    }
    // A leader that loses its place during the hook has failed it.
    let mut stage = Stage::config_changed();
    stage.view.model = story.model.clone().into();
    assert_eq!(stage.line("secret-add abc=x").0, 0);
    story.lead("web/1");
    let ended = Commit {
        unit: unit("web/0"),
        epoch: 0,
        local: Local::default(),
        acts: Vec::<Act>::new(),
        effects: stage.effects,
        journal: Vec::new(),
    };
    let refusal = commit(&story.model, ended, story.now).unwrap_err().to_string();
    assert!(refusal.starts_with("cannot apply changes: permission denied"), "{refusal}");
}

#[test]
fn a_units_secret_is_its_own() {
    let mut story = Story::new();
    let id = story.add("--owner unit");
    for reader in ["web/1", "db/2"] {
        assert_eq!(story.line(reader, &format!("secret-get {id}")), "ERROR permission denied\n", "{reader}");
        assert!(story.line(reader, &format!("secret-info-get {id}")).contains("not found"));
        assert!(story.line(reader, &format!("secret-grant {id} -r cluster:0")).contains("not found"));
        assert_eq!(story.line(reader, "secret-ids"), "");
        // What Juju refuses when the hook ends.
        for line in [
            format!("secret-set {id} password=x"),
            format!("secret-remove {id}"),
            format!("secret-revoke {id} --app db"),
        ] {
            let (got, committed) = story.try_hook(reader, &[&line]);
            assert_eq!(got[0].0, 0, "{line}");
            assert!(committed.unwrap_err().contains("permission denied"), "{line}");
        }
    }
    let (_, committed) = story.try_hook("web/0", &[&format!("secret-set {MISSING} abc=x")]);
    assert_eq!(committed.unwrap_err(), format!("cannot apply changes: secret \"{MISSING}\" not found"));
    // It does not take a leader.
    story.lead("web/1");
    assert_eq!(story.line("web/0", &format!("secret-set {id} password=second")), "");
    assert_eq!(story.line("web/0", "secret-ids"), format!("{id}\n"));
}

#[test]
fn grants_reach_who_they_are_for_and_no_further() {
    let mut story = Story::new();
    let id = story.add("");
    let get = format!("secret-get {id} password");
    let denied = "ERROR permission denied\n";
    let may = |story: &mut Story, expected: [bool; 3]| {
        for (name, may) in ["db/2", "db/10", "spare/0"].into_iter().zip(expected) {
            assert_eq!(story.line(name, &get), if may { "first\n" } else { denied }, "{name}");
        }
    };
    may(&mut story, [false, false, false]);
    story.line("web/0", &format!("secret-grant {id} -r db:2 --unit db/2"));
    may(&mut story, [true, false, false]);
    let wrong = story.line("web/0", &format!("secret-grant {id} -r db:2 --unit spare/0"));
    assert_eq!(wrong, "ERROR unit spare/0 is not on the other side of relation db:2\n");
    let whole = format!("secret-grant {id} --relation 2");
    assert!(story.line("web/0", &whole).starts_with("ERROR any unit level grants need to be revoked"));
    story.hook("web/0", &[&format!("secret-revoke {id} --unit db/2"), &whole]);
    may(&mut story, [true, true, false]);
    let info = story.line("web/0", &format!("secret-info-get {id} --format=json"));
    let access = "\"access\":[{\"target\":\"application-db\",\"scope\":\"relation-web.db#db.server\",\"role\":\"view\"}]";
    assert!(info.contains(access), "{info}");
    assert_eq!(story.line("web/0", &format!("secret-grant {id} -r db:2 --unit db/2")), "", "it may already");
    story.line("web/0", &format!("secret-revoke {id} -r db:2"));
    may(&mut story, [false, false, false]);
    story.line("web/0", &whole);
    story.line("web/0", &format!("secret-revoke {id} --app db"));
    may(&mut story, [false, false, false]);
    // The relation hook's own relation is meant where none is named.
    let mut stage = Stage::new(db_hook(RelationEvent::Changed, Some("db/2")));
    stage.view.model = story.model.clone().into();
    assert_eq!(stage.line(&format!("secret-grant {id}")).0, 0);
    assert_eq!(describe(&stage.view, &stage.effects), [format!("secret-grant {id} db:2 db")]);
    let granted = &stage.effects.secrets[&story.id()].access;
    assert_eq!(granted.values().copied().collect::<Vec<_>>(), [Some(RelationId(2))]);
}

#[test]
fn what_goes_away_takes_its_secrets_along() {
    let mut story = Story::new();
    let (app_owned, unit_owned) = (story.add(""), story.add("--owner unit"));
    for id in [&app_owned, &unit_owned] {
        story.line("web/0", &format!("secret-grant {id} -r db:2"));
        assert_eq!(story.line("db/2", &format!("secret-get {id} password")), "first\n");
    }
    let command = |story: &mut Story, command: Command| {
        let (writes, _) = apply(&story.model, command, story.now).unwrap();
        story.write(&writes);
    };
    let relation = RelationRef::Id(RelationId(2));
    command(&mut story, Command::RemoveRelation { relation, force: true });
    for id in [&app_owned, &unit_owned] {
        assert_eq!(story.line("db/2", &format!("secret-get {id}")), "ERROR permission denied\n");
    }
    command(&mut story, Command::RemoveUnits { units: vec![unit("web/0")], force: true });
    assert_eq!(story.model.secrets.len(), 1, "the unit's secret is gone, the application's is not");
    // The first force leaves the neighbours their hooks, and so the application.
    for _ in 0..2 {
        command(&mut story, Command::RemoveApplication { app: app("web"), force: true });
    }
    assert!(story.model.secrets.is_empty());
    let left = story.model.records().into_iter().filter(|record| {
        matches!(record, Record::Secret(_) | Record::SecretContent(..) | Record::SecretConsumer(..))
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn revisions_and_secrets_are_removed() {
    let mut story = Story::new();
    let id = story.add("");
    for value in ["second", "third"] {
        story.line("web/0", &format!("secret-set {id} password={value}"));
    }
    let obsolete = |story: &Story| {
        let secret = &story.model.secrets[&story.id()];
        story.model.obsolete_revisions(secret).into_iter().collect::<Vec<_>>()
    };
    assert_eq!(obsolete(&story), [1, 2]);
    story.line("web/0", &format!("secret-remove {id} --revision 1"));
    story.line("web/0", &format!("secret-remove {id} --revision 1"));
    assert_eq!(obsolete(&story), [2]);
    let got = story.hook(
        "web/0",
        &[
            &format!("secret-set {id} password=fourth"),
            &format!("secret-remove {id}"),
            &format!("secret-get {id}"),
            &format!("secret-info-get {id}"),
            &format!("secret-set {id} password=fifth"),
            "secret-ids",
        ],
    );
    for place in [2, 3, 4] {
        assert!(got[place].contains("not found"), "{place}: {}", got[place]);
    }
    assert_eq!(got[5], "");
    assert!(story.model.secrets.is_empty());
    // With its last revision a secret is gone.
    let id = story.add("");
    story.line("web/0", &format!("secret-remove {id} --revision 1"));
    assert!(story.model.secrets.is_empty());
}

#[test]
fn no_value_is_in_what_people_see() {
    let mut stage = Stage::config_changed();
    let id = stage.line("secret-add --label l --expire 1h password=hunter2").1.trim().replace("secret:", "");
    assert_eq!(describe(&stage.view, &stage.effects), [format!("secret-add {id} --label --expire password")]);
    let mut model = periapt_model::model::Model::clone(&stage.view.model);
    let ended = Commit {
        unit: unit("web/0"),
        epoch: 0,
        local: Local::default(),
        acts: Vec::new(),
        effects: stage.effects.clone(),
        journal: Vec::new(),
    };
    let shown = format!("{stage:?} {ended:?}");
    let writes = commit(&model, ended, Timestamp(0)).unwrap();
    writes.iter().for_each(|write| model.write(write));
    let shown = format!("{shown} {writes:?} {model:?}");
    for value in ["hunter2", "aHVudGVyMg=="] {
        assert!(!shown.contains(value));
    }
    let kept: BTreeMap<_, _> =
        model.secrets.iter().map(|(id, secret)| (id.clone(), secret.latest())).collect();
    assert_eq!(kept.len(), 1);
}
