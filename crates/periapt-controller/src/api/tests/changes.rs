//! Changes and views, and what is refused.

use super::*;

#[tokio::test]
async fn a_daemon_tells_of_itself() {
    let daemon = Daemon::start().await;
    let health = daemon.client.health().await.unwrap();
    assert!(health.ok && health.models == 1 && health.pid == std::process::id());
    assert!(daemon.client.version().await.unwrap().version.starts_with("3.6.11-"));
    let models = daemon.client.models(&Zone::Utc).await.unwrap().models;
    assert_eq!(models[0].name, "admin/test");
}

#[tokio::test]
async fn an_application_comes_changes_and_goes() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    let deployed = model.deploy(&deployment(1)).await.unwrap();
    assert_eq!((deployed.application, deployed.units), (app("db"), vec![unit("db/0")]));
    model.deploy(&Deploy { charm: web_charm(), ..deployment(1) }).await.unwrap();
    let related = model.integrate("db", "web:database").await.unwrap();
    assert_eq!(related.key, "web:database db:db");
    assert_eq!(model.add_units(&app("db"), 2).await.unwrap().units.len(), 2);
    daemon.run_agents().await;

    let set = SetConfig { set: [("size".to_owned(), "5".to_owned())].into(), reset: Vec::new() };
    assert!(model.set_config(&app("db"), &set).await.unwrap().changed);
    assert!(!model.set_config(&app("db"), &set).await.unwrap().changed);
    assert_eq!(model.config(&app("db")).await.unwrap().settings["size"].value, Some(json!(5)));
    assert!(model.trust(&app("db"), true).await.unwrap().changed);
    model.expose(&app("db"), true).await.unwrap();
    let shown = model.application(&app("db")).await.unwrap();
    assert!(shown.trust && shown.exposed);
    let file = Upload { hash: "f00d".to_owned(), size: 4, store: None };
    model.attach_resource(&app("db"), &"schema".parse().unwrap(), &file).await.unwrap();
    assert_eq!(model.application(&app("db")).await.unwrap().resources["schema"].revision, 1);
    assert_eq!(model.actions(&app("db")).await.unwrap().len(), 1);

    let status = model.status(&["db".to_owned()], &Zone::Utc).await.unwrap();
    assert_eq!(status.status.applications[&app("db")].units.len(), 3);
    assert_eq!(status.relations.len(), 2);
    assert_eq!(model.relations().await.unwrap().len(), 2);
    let shown = model.unit(&unit("db/0"), &UnitParams::default()).await.unwrap();
    assert_eq!(shown.relation_info.len(), 2);

    let refresh = crate::api::requests::Refresh {
        charm: Some(db_charm()),
        force_units: false,
        config: Default::default(),
        resources: Default::default(),
        channel: None,
        trust: None,
        storage: Default::default(),
    };
    assert_eq!(model.refresh(&app("db"), &refresh).await.unwrap().charm, "local:db-1");
    let remove = RemoveRelation { relation: WantedRelation::Id(related.id.0), force: false };
    model.remove_relation(&remove).await.unwrap();
    model.remove_units(&removal(&["db/1", "db/2"])).await.unwrap();
    daemon.run_agents().await;
    assert_eq!(daemon.handle().snapshot().units.len(), 2);
    model.remove_application(&app("db"), &Default::default()).await.unwrap();
    daemon.run_agents().await;
    assert_eq!(refused(model.application(&app("db")).await).0, ErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    let nowhere = daemon.client.model("no/where");
    assert_eq!(
        refused(nowhere.status(&[], &Zone::Utc).await),
        (ErrorKind::NotFound, "model \"no/where\" not found".to_owned())
    );
    let error = model.application(&app("db")).await.unwrap_err();
    assert_eq!(error.to_string(), "application \"db\" not found");
    assert_eq!(error.hint(), Some("the model has no applications"));
    daemon.deploy(1).await;
    let error = model.unit(&unit("db/4"), &UnitParams::default()).await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint()),
        ("unit \"db/4\" not found", Some("the units of db are: db/0"))
    );
    assert!(model.why_unit(&unit("db/4")).await.unwrap_err().is_not_found());
    for kind in [
        refused(model.add_units(&app("x"), 1).await).0,
        refused(model.task(periapt_model::names::TaskId(9), None, &Zone::Utc).await).0,
        refused(model.operation(periapt_model::names::TaskId(9), None, &Zone::Utc).await).0,
        refused(model.cancel(periapt_model::names::TaskId(9)).await).0,
        refused(model.replay(&unit("db/0"), 99).await).0,
        refused(model.why_application(&app("x")).await).0,
        refused(daemon.client.call::<Value>(hyper::Method::GET, "/v2/nothing").await).0,
        refused(daemon.client.call::<Value>(hyper::Method::DELETE, "/v1/version").await).0,
    ] {
        assert_eq!(kind, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn bad_input_changes_nothing_and_says_what_is_wrong() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    daemon.deploy(1).await;
    let before = daemon.handle().snapshot();

    let unknown = Deploy {
        charm: {
            let mut c = db_charm();
            c.id = CharmId("other".into());
            c
        },
        ..deployment(1)
    };
    assert_eq!(refused(model.deploy(&unknown).await).0, ErrorKind::Conflict);
    let outside = Deploy {
        charm: {
            let mut c = db_charm();
            c.id = CharmId("../x".into());
            c
        },
        ..deployment(1)
    };
    assert_eq!(refused(model.deploy(&outside).await).0, ErrorKind::Invalid);
    assert_eq!(refused(model.deploy(&deployment(1)).await).0, ErrorKind::AlreadyExists);
    let key = SetConfig { set: [("sise".to_owned(), "5".to_owned())].into(), reset: Vec::new() };
    let error = model.set_config(&app("db"), &key).await.unwrap_err();
    assert_eq!(error.hint(), Some("did you mean \"size\"?"));
    let setting = SetConfig {
        set: [("update-status-hook-intervall".to_owned(), "5m".to_owned())].into(),
        reset: Vec::new(),
    };
    assert_eq!(refused(model.set_model_config(&setting).await).0, ErrorKind::Invalid);
    assert_eq!(refused(model.integrate("db:", "db").await).0, ErrorKind::Invalid);
    assert_eq!(refused(model.resolve(&ResolveUnits::default()).await).0, ErrorKind::Invalid);
    assert_eq!(refused(model.remove_units(&removal(&[])).await).0, ErrorKind::Invalid);
    assert_eq!(refused(model.status(&["DB".to_owned()], &Zone::Utc).await).0, ErrorKind::Invalid);
    let file = Upload { hash: "0bad".to_owned(), size: 4, store: None };
    let attached = model.attach_resource(&app("db"), &"schema".parse().unwrap(), &file).await;
    assert_eq!(refused(attached).0, ErrorKind::Conflict);
    let run = Run {
        receivers: vec!["db/0".into()],
        action: "nothing".parse().unwrap(),
        params: Default::default(),
    };
    assert_eq!(refused(model.run(&run).await).0, ErrorKind::NotFound);
    let exec = Exec { receivers: vec!["db/x".into()], command: "true".into(), ..Default::default() };
    assert_eq!(refused(model.exec(&exec).await).0, ErrorKind::Invalid);

    let post = |path: &'static str, body: Value| {
        let client = daemon.client.clone();
        async move { refused(client.submit::<Value>(hyper::Method::POST, path, &body).await) }
    };
    let (kind, message) = post("/v1/models/test/remove-units", json!({"units": ["DB/0"]})).await;
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(message.contains("\"DB/0\" is not a valid unit name"), "{message}");
    let (_, message) = post("/v1/models/test/remove-units", json!({"unit": []})).await;
    assert!(message.contains("unknown field `unit`"), "{message}");
    assert_eq!(post("/v1/models", json!("text")).await.0, ErrorKind::Invalid);
    assert_eq!(post("/v1/models", json!({"name": "test"})).await.0, ErrorKind::AlreadyExists);
    assert_eq!(post("/v1/models", json!({"name": "x".repeat(20 << 20)})).await.0, ErrorKind::TooLarge);
    for path in [
        "/v1/models/test/tasks/x",
        "/v1/models/test/tasks/1?wait=soon",
        "/v1/models/test/status?zone=Mars",
        "/v1/models/test/units/db/x",
        "/v1/models/test/applications/DB",
        "/v1/models/test/journal?last=x",
        "/v1/models/test/journal?units=db/x",
        "/v1/models/test/logs?level=LOUD",
    ] {
        assert_eq!(
            refused(daemon.client.call::<Value>(hyper::Method::GET, path).await).0,
            ErrorKind::Invalid,
            "{path}"
        );
    }
    assert!(daemon.handle().snapshot() == before);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_in_json() {
    let daemon = Daemon::start().await;
    let mut stream = UnixStream::connect(daemon.client.socket()).await.unwrap();
    let request =
        "POST /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\n{\"na\"";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let error: crate::api::ApiError = serde_json::from_str(body).unwrap();
    assert!(error.error.starts_with("the request's body does not fit: "), "{error}");
}

#[tokio::test]
async fn a_request_for_a_result_waits_for_it() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    daemon.deploy(2).await;
    daemon.run_agents().await;
    let run = Run {
        receivers: vec!["db/leader".into(), "db/1".into()],
        action: "backup".parse().unwrap(),
        params: Default::default(),
    };
    let started = model.run(&run).await.unwrap();
    assert_eq!(started.tasks.len(), 2);
    let early = model.results(started.operation, Some(Duration::from_millis(1)), &Zone::Utc).await.unwrap();
    assert!(early.values().all(|task| !task.status.is_final()));
    let long = Some(Duration::from_secs(60));
    let (results, task, ()) = tokio::join!(
        model.results(started.operation, long, &Zone::Utc),
        model.task(started.tasks[0].id, long, &Zone::Utc),
        daemon.run_agents(),
    );
    assert_eq!(results.unwrap()[&unit("db/0").into()].results["return-code"], 0);
    assert!(task.unwrap().task.status.is_final());
    let listed = |brief| OperationParams {
        apps: Some("db,web".to_owned()),
        limit: Some(1),
        brief,
        ..Default::default()
    };
    let whole = model.operations(&listed(false)).await.unwrap();
    assert_eq!(whole.len(), 1);
    assert!(whole.values().flat_map(|one| one.tasks.values()).all(|task| !task.results.is_empty()));
    let brief = model.operations(&listed(true)).await.unwrap();
    assert!(brief.values().flat_map(|one| one.tasks.values()).all(|task| task.results.is_empty()));
    let none = OperationParams { status: Some("failed".to_owned()), ..Default::default() };
    assert_eq!(model.operations(&none).await.unwrap().len(), 0);

    let exec = Exec { all: true, command: "true".into(), ..Default::default() };
    let started = model.exec(&exec).await.unwrap();
    let cancelled = model.cancel(started.tasks[0].id).await.unwrap();
    assert_eq!(cancelled.status.map(|s| s.to_string()), Some("cancelled".to_owned()));
    assert!(model.cancel(started.tasks[0].id).await.unwrap().note.is_some());
}

#[tokio::test]
async fn a_recorded_hook_is_run_again_by_its_number() {
    let daemon = Daemon::start().await;
    daemon.deploy(1).await;
    daemon.run_agents().await;
    let model = daemon.model();
    let records = model.journal(&JournalParams::default()).await.unwrap().collect().await.unwrap();
    let of = |name: &str| {
        let named = |e: &Entry| matches!(e, Entry::Dispatch(d) if d.event.name() == name);
        records.iter().find(|r| named(&r.entry)).unwrap().id
    };
    assert_eq!(model.replay(&unit("db/0"), of("config-changed")).await.unwrap().tasks.len(), 1);
    assert_eq!(refused(model.replay(&unit("db/0"), of("install")).await).0, ErrorKind::Invalid);
    let mark = records.iter().find(|r| matches!(r.entry, Entry::Mark(_))).unwrap().id;
    assert_eq!(refused(model.replay(&unit("db/0"), mark).await).0, ErrorKind::Invalid);
}

fn removal(units: &[&str]) -> crate::api::requests::RemoveUnits {
    let units = units.iter().map(|name| unit(name)).collect();
    crate::api::requests::RemoveUnits { units, ..Default::default() }
}
