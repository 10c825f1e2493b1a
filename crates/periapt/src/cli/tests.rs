use super::*;

fn parse(line: &str) -> Result<Command, clap::Error> {
    let words = std::iter::once("juju".to_owned()).chain(shlex::split(line).unwrap());
    let words = grammar::rewrite(&command("juju"), words.map(OsString::from).collect()).unwrap();
    command("juju").try_get_matches_from(words).and_then(|m| Cli::from_arg_matches(&m)).map(|cli| cli.command)
}

#[test]
fn a_refusal_names_the_argument_once_and_points_to_the_verbs_help() {
    let name = refusal("config A");
    assert!(name.message.starts_with("<APPLICATION>: \"A\" is not a valid application name: "), "{name:?}");
    assert_eq!(name.hint.as_deref(), Some("periapt config --help"));
    let number = refusal("-q show-task x");
    assert!(number.message.starts_with("invalid value 'x' for '<ID>'"), "{number:?}");
    assert_eq!(number.hint.as_deref(), Some("periapt show-task --help"));
}

#[test]
fn the_definition_is_sound() {
    command("periapt").debug_assert();
}

/// Reference 8.1: what `jubilant` calls, as far as its verbs are there.
const JUBILANT: &[&str] = &[
    "add-model --no-switch m localhost/here --controller periapt --config a=b --config c=d --credential x",
    "add-unit --model m app --attach-storage a,b --num-units 2 --to 1,2",
    "config --model m --format json app",
    "config --model m app a=b c=true --reset x,y",
    "debug-log --model m --limit 100",
    "deploy --model m ./x.charm app --attach-storage a,b --base ubuntu@24.04 --bind ep=alpha --channel edge \
     --config a=b --constraints mem=1G --constraints cores=2 --force --num-units 3 --resource r=./f --revision 3 \
     --storage data=1G --to 1,2 --trust",
    "destroy-model m --no-prompt --destroy-storage --force --no-wait --timeout 30s",
    "destroy-model m --no-prompt --release-storage",
    "exec --model m --format json --unit app/0 --wait 30s -- ls -l",
    "exec --model m --format json --machine 0 -- hostname",
    "ssh --model m --container charm app/0 cat",
    "scp --model m --container redis --no-host-key-checks -- -r app/0:a b",
    "integrate --model m a:x b:y --via 10.0.0.0/8,10.1.0.0/16",
    "model-config --model m --format json",
    "model-config --model m a=b --reset x,y",
    "refresh --model m app --base ubuntu@24.04 --channel edge --config a=b --force --force-base --force-units \
     --path ./x --resource r=./f --revision 3 --storage s=1G --trust",
    "remove-application --model m --no-prompt a b --destroy-storage --force",
    "remove-relation --model m a:x b:y --force",
    "remove-unit --model m --no-prompt a/0 a/1 --destroy-storage --force",
    "remove-unit --model m --no-prompt a --num-units 2",
    "run --model m --format json app/0 act --wait 30s --params /tmp/f.yaml",
    "offer m.app:ep name",
    "offer admin/m.app:ep,other --controller periapt",
    "consume --model m admin/m.app alias",
    "consume --model m m.app",
    "add-secret --model m name --info text --file /tmp/f.yaml",
    "update-secret --model m name --info text --name other --auto-prune --file /tmp/f.yaml",
    "remove-secret --model m secret:9m4e2mr0ui3e8a215n4g --revision 2",
    "grant-secret --model m name a,b",
    "revoke-secret --model m name a",
    "secrets --model m --format json --owner application-a",
    "show-secret --model m name --format json --reveal --revision 2",
    "show-secret --model m name --format json --revisions",
    "show-model --format json m",
    "show-unit --model m app/0 --format json",
    "status --model m --format json",
    "trust --model m app --remove --scope cluster",
    "version --format json --all",
];

/// What people and other programs type.
const OTHERS: &[&str] = &[
    "deploy . -n 2 --config ./options.yaml -m periapt:admin/m",
    "relate a b",
    "add-secret name a-key=b raw#base64=AA== blob#file=./f",
    "update-secret name --auto-prune=false a-key=c",
    "list-secrets --revisions",
    "integrate app periapt:admin/other.db:sql",
    "offers --format summary --active-only --interface sql",
    "list-offers db --format json",
    "find-offers --interface sql --format yaml",
    "find-offers admin/prod.db",
    "show-offer periapt:admin/prod.db --format json",
    "remove-offer admin/prod.db db --force -y",
    "remove-saas db other --force --no-wait",
    "suspend-relation 3 4,5 --message 'not paid'",
    "resume-relation 3,4",
    "show-secret name -r 2",
    "add-relation a b",
    "remove-relation 3",
    "resolve app/0 app/1 --no-retry",
    "resolved --all",
    "status app 'app/*' 0 --relations --watch 2s --utc --color",
    "status --integrations --storage --format=line",
    "status --format short",
    "status --format summary --no-color",
    "show-unit app/0 --endpoint db --related-unit b/0 --app",
    "show-application app --format json",
    "debug-log -i app/0 -i 'db*' -x machine-0 --include-module unit --exclude-module juju --include-labels a -l debug \
     -n 50 --replay --no-tail --no-color --location --date --ms --utc --retry",
    "run app/leader app/0 act a.b=c --string-args --background",
    "exec --all hostname",
    "exec -a app -u other/0 'ls | wc'",
    "exec --parallel=false -u a/0 -- ls",
    "exec hostname --unit a/0 --execution-group backup",
    "ssh app/0 -i key -o a=b echo UNIT",
    "ssh 0 hostname -f",
    "ssh --pty=false -m m ubuntu@app/leader",
    "scp -r ./site app/0:/srv -m",
    "scp -m m app/0:x app/1:y .",
    "show-status-log app/0 --type workload -n 5 --utc --format json",
    "show-status-log 0 --days 2",
    "status -B --logging-config <root>=INFO --log-file x --no-alias",
    "status --format yaml --format json",
    "status --model m --model m --color=false",
    "destroy-model m --no-prompt=true --force=false --force",
    "show-unit a/0 --format smart",
    "actions app --schema --format json",
    "show-operation 3 --wait 5m --utc",
    "show-task 4 --watch",
    "operations --apps a,b --limit 3 --format json",
    "cancel-task 3 4",
    "switch admin/m",
    "switch",
    "models --format yaml",
    "expose app --to-cidrs 0.0.0.0/0",
    "unexpose app",
    "tail app/0 db --format json --last 5 --no-follow",
    "tail --since 5m",
    "why app/0",
    "why app --format json",
    "wait --for active=db,idle --for gone=x/0 --timeout 2m",
    "replay app/0 17",
    "lifecycle --format dot",
    "daemon run --background",
    "daemon status --format json",
    "completion zsh",
    "man --dir /tmp/man",
    "new my-charm --language python --kind kubernetes --path ./mine --format json",
    "new my-charm --sdk ./periapt-charm",
    "pack ./charm -o out",
    "attach-resource app r=./file",
    "resources app --format json",
    "charm-resources app",
    "publish ./x.charm --channel latest/beta,14/edge --resource r=./f --format json",
    "publish x --revision 3 --channel stable",
    "deploy ch:postgresql --channel 14/edge --revision 3 -n 3",
    "deploy ./bundle.yaml --overlay ./a.yaml --overlay ./b.yaml --dry-run --trust",
    "deploy ./bundle.yaml --map-machines existing,0=3",
    "export-bundle --filename ./b.yaml",
    "refresh app --switch ch:other --channel edge",
    "info postgresql --format json",
    "find postgres --format yaml",
    "download ch:postgresql --channel edge --filepath -",
    "status --quiet",
    "deploy ./x --series jammy",
    "add-machine --series focal",
    "bootstrap localhost c --bootstrap-series jammy --db-snap x --db-snap-asserts y --controller-charm-path z \
     --controller-charm-channel 3.6/stable",
    "remove-application a --dry-run",
    "remove-unit a/0 --dry-run",
    "download x --series jammy --no-progress",
    "download x -",
    "info x --series all --base ubuntu@24.04 --arch amd64 --unicode never --config",
    "find x --category net --channel edge --type charm --publisher p --columns nbvpsaoS",
    "models --exact-time --user admin --uuid",
    "model-config --file x --ignore-read-only-fields",
    "model-defaults --ignore-read-only-fields",
    "controller-config --ignore-read-only-fields",
    "operations --offset 3 --limit 0",
    "export-bundle --include-series",
    "refresh a --force-series --base ubuntu@24.04",
    "resources a/0",
    "list-charm-resources a",
    "show-machine -m periapt:controller",
    "switch c:",
    "switch :m",
    "payloads a/0 docker --format json",
    "list-payloads",
    "help-tool",
    "help-hook-commands config-get",
    "help-action-commands",
    "--debug --verbose status",
];

#[test]
fn every_command_line_in_use_is_understood() {
    for line in JUBILANT.iter().chain(OTHERS) {
        if let Err(error) = parse(line) {
            panic!("{line}\n{error}");
        }
    }
}

#[test]
fn misuse_is_refused() {
    for line in [
        "deploy",
        "new",
        "new My_Charm",
        "new test",
        "new x --language go",
        "deploy ./x App",
        "deploy ./x -n 0",
        "deploy ./x -n many",
        "deploy ./x --resource r",
        "add-unit app -n -1",
        "remove-unit",
        "integrate a",
        "remove-relation a b c",
        "status --watch soon",
        "status --watch 0s",
        "status -m lxd:m",
        "show-unit app",
        "run",
        "resolved --all a/0",
        "debug-log -l LOUD",
        "destroy-model",
        "add-model Upper",
        "tail --last some",
        "tail --all --last 3",
        "wait --for active",
        "replay app/0 x",
        "why App",
        "completion tcsh",
        "show-task x",
        "find --columns x",
        "find --type snap",
        "info x --unicode maybe",
        "operations --offset -1",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

fn refusal(line: &str) -> CliError {
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let verb = verb_of(&[&["periapt".into()], &words[..]].concat());
    usage("periapt", verb.as_deref(), &parse(line).unwrap_err())
}

#[test]
fn misuse_says_what_to_do() {
    let error = refusal("stauts");
    assert_eq!(error.message, "periapt: \"stauts\" is not a periapt command. See \"periapt --help\".");
    assert_eq!(error.hint.as_deref(), Some("did you mean status?"));
    let error = refusal("deploy . --num-unit 3");
    assert!(error.message.contains("--num-unit"), "{error:?}");
    assert!(error.hint.unwrap().contains("--num-units"));
    let error = refusal("enable-ha");
    assert!(error.message.contains("is not possible here: "), "{error:?}");
    assert_eq!(error.code, crate::error::FAILED);
    let error = refusal("show-unit app");
    assert!(error.message.contains("a unit is written APPLICATION/NUMBER"), "{error:?}");
}
