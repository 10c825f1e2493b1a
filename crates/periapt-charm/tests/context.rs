//! The context's methods against the hook commands as an agent has them: what the library sends is understood, and what it
//! reads is what was meant.

use periapt_charm::commands::Failed;
use periapt_charm::prelude::*;
use periapt_charm::testing::{Output, RelationState, Scenario, SecretOwner, SecretState, State};

static META: Metadata = Metadata {
    name: "web",
    json: r#"{"name": "web", "summary": "", "description": "", "format": "v2",
        "endpoints": {
            "db": {"role": "provider", "interface": "sql"},
            "peers": {"role": "peer", "interface": "web-peers"}
        },
        "storages": {"data": {"type": "filesystem", "count_min": 1, "count_max": null}},
        "resources": {"site": {"type": "file", "filename": "site.tgz"}}}"#,
    files: &[],
};

const DB: Endpoint = Endpoint::new("db", Role::Provider, "sql");
const DATA: Storage = Storage::new("data");
const SITE: Resource = Resource::new("site");

/// Most tests do all with its context.
#[derive(Default)]
struct Web;

impl Charm for Web {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.wake_on_juju(JujuWakes::SystemdRun);
        on.start(Self::start);
    }
}

impl Web {
    fn start(&mut self, cx: &mut Context) -> Flow {
        cx.wake(WakeUp::after(secs(40)).reason("the certificate").name("renew"))?;
        cx.wake_after(secs(90))?;
        cx.wake_on(config_changed())?;
        done()
    }
}

fn on_periapt() -> Scenario<Web> {
    Scenario::new()
}

fn on_juju(version: &str) -> Scenario<Web> {
    Scenario::new().on_juju(version).with_machine_id("0")
}

fn run<T>(
    scenario: &Scenario<Web>,
    state: &State,
    work: impl FnOnce(&Context) -> Result<T, Error>,
) -> (Output, T) {
    let (out, done) = scenario.run_with(update_status(), state, |_, cx| work(cx)).expect("it is well formed");
    (out, done.expect("it is well formed"))
}

fn leader() -> State {
    State::new().with_leader(true).with_relation(RelationState::new(DB, 4).with_remote_app("app"))
}

fn content(password: &str) -> SecretContent {
    SecretContent::new([("password", password), ("motto", "a: \"b\"\n- c")]).expect("it is well formed")
}

#[test]
fn secrets_are_made_granted_changed_and_read_back_wherever_the_charm_runs() {
    for scenario in [on_periapt(), on_juju("3.5.1"), on_juju("3.6.2")] {
        let (out, id) = run(&scenario, &leader(), |cx| {
            let options =
                SecretOptions::default().label("pw").description("for the app").rotate(RotatePolicy::Daily);
            let secret = cx.add_secret(Owner::App, content("old"), options.expire(secs(3600)))?;
            secret.grant(&cx.relation(DB)?.expect("there is one"))?;
            Ok(secret.id().expect("it was printed").clone())
        });
        let made = out.state.secret("pw").unwrap();
        assert_eq!(made.content().unwrap()["motto"], "a: \"b\"\n- c", "no byte is lost on the way");
        assert_eq!((made.grants.len(), made.rotate), (1, RotatePolicy::Daily));
        assert!(made.expires.contains_key(&1));

        let (out, info) = run(&scenario, &out.state, |cx| {
            let secret = cx.secret_by_label("pw");
            assert_eq!(secret.content()?.require("password")?, "old");
            secret.set_content(content("new"))?;
            secret.set_info(SecretOptions::default().description("changed"))?;
            assert_eq!(cx.secret(&id).peek()?.get("password"), Some("new"));
            assert!(cx.secret_ids()?.iter().any(|known| known.unique_id() == id.unique_id()));
            secret.info()
        });
        assert_eq!((info.description.as_deref(), info.owner), (Some("changed"), Some(Owner::App)));
        let changed = out.state.secret("pw").unwrap();
        assert_eq!(changed.content().unwrap()["password"], "new");
        assert_eq!(changed.description.as_deref(), Some("changed"));
        assert_eq!(changed.label.as_deref(), Some("pw"));

        let (out, ()) = run(&scenario, &out.state, |cx| {
            cx.secret(&id).revoke(&cx.relation(DB)?.expect("there is one"))?;
            cx.secret(&id).refresh()?;
            cx.secret(&id).remove_revision(1)?;
            cx.secret(&id).remove_revision(1)
        });
        assert!(out.state.secret("pw").unwrap().grants.is_empty());
        let (out, ()) = run(&scenario, &out.state, |cx| cx.secret(&id).remove_all_revisions());
        assert_eq!(out.state.secret("pw"), None);
        let (_, ()) = run(&scenario, &out.state, |cx| cx.secret(&id).remove_all_revisions());
        let no_value =
            |command: &periapt_charm::testing::CommandRun| !command.args.concat().contains("hunter2");
        assert!(out.commands.iter().all(no_value));
    }
}

#[test]
fn a_follower_is_told_what_it_may_not_do() {
    let owner = SecretOwner::Application(AppName::new("web").unwrap());
    let secret = SecretState::new("ours", owner, [("password", "x")]);
    let id = secret.uri();
    let state = State::new().with_secret(secret);
    let (_, messages) = run(&on_periapt(), &state, |cx| {
        assert_eq!(
            cx.secret(&*id).content()?.get("password"),
            Some("x"),
            "all units read the application's secrets"
        );
        let refused = [
            cx.secret(&*id).set_content(content("y")).unwrap_err(),
            cx.add_secret(Owner::App, content("z"), SecretOptions::default()).map(drop).unwrap_err(),
            cx.app_status().map(drop).unwrap_err(),
        ];
        Ok(refused.map(|error| error.to_string()))
    });
    assert!(messages.iter().all(|message| message.contains("leader")), "{messages:?}");
}

#[test]
fn ports_storage_network_goal_and_version_are_what_they_were_told_to_be() {
    let state = leader()
        .with_storage("data/3", "/srv/data")
        .with_resource("site", "/srv/site.tgz")
        .with_planned_units(3);
    for scenario in [on_periapt(), on_juju("3.6.2")] {
        let (out, ()) = run(&scenario, &state, |cx| {
            cx.set_ports(["80/tcp", "8000-8010/udp", "icmp"])?;
            cx.set_ports(["443/tcp", "8000-8010/udp"])?;
            let open: Vec<String> = cx.opened_ports()?.iter().map(ToString::to_string).collect();
            assert_eq!(open, ["443/tcp", "8000-8010/udp"]);
            let [data] = &cx.storages(DATA)?[..] else { panic!("one storage") };
            assert_eq!(data.location()?.location, std::path::Path::new("/srv/data"));
            cx.request_storage(DATA, 2)?;
            assert_eq!(cx.resource(SITE)?, std::path::Path::new("/srv/site.tgz"));
            let network = cx.network(DB)?;
            assert!(matches!(network.bind_address(), Some(Host::Ip(_))), "{network:?}");
            assert!(network.ingress_address().is_some() && !network.egress.is_empty(), "{network:?}");
            let relation = cx.relation(DB)?.expect("there is one");
            assert_eq!(cx.relation_network(&relation)?.ingress, network.ingress);
            assert_eq!(cx.remote_model(&relation)?.0, cx.environment().model_uuid);
            assert_eq!(cx.planned_units()?, 3);
            assert!(cx.app_status()?.units.contains_key(cx.unit()));
            cx.set_workload_version("14.2")
        });
        let open: Vec<String> = out.state.opened_ports[""].iter().map(ToString::to_string).collect();
        assert_eq!(open, ["443/tcp", "8000-8010/udp"]);
        assert_eq!(out.requested_storages["data"], 2);
        assert_eq!(out.state.workload_version.as_deref(), Some("14.2"));
        let (_, open) = run(&scenario, &out.state, |cx| cx.opened_ports_by_endpoint());
        assert!(open.values().all(Vec::is_empty), "{open:?}");
    }
}

#[test]
fn wakes_are_periapts_or_a_timer_of_the_machine() {
    let out = on_periapt().run(start(), &State::new()).unwrap();
    assert_eq!((out.wakes.len(), out.timers.len()), (3, 0));
    let out = on_juju("3.6.2").run(start(), &State::new()).unwrap();
    let delays: Vec<_> = out.timers.iter().map(|timer| timer.delay).collect();
    assert_eq!((out.wakes.len(), delays), (0, vec![secs(40)]));
}

#[test]
fn what_is_not_there_is_told_in_words_that_help() {
    let (_, ()) = run(&on_periapt(), &State::new(), |cx| {
        let error = cx.resource(SITE).unwrap_err();
        assert_eq!(error.kind(), Kind::NeedsHuman, "{error}");
        assert!(error.to_string().contains("juju attach-resource web site=FILE"), "{error}");
        let error = cx.secret("d0erdgfmp25c762i8np0").content().unwrap_err();
        let failed = error.downcast_ref::<periapt_charm::commands::CommandError>().map(|error| error.failed);
        assert_eq!(failed, Some(Failed::SecretNotFound), "{error}");
        assert_eq!(cx.network_named("nowhere").unwrap_err().kind(), Kind::Bug);
        Ok(())
    });
}
