//! The journal, the log and waiting.

use super::*;

#[tokio::test]
async fn the_journal_is_followed_without_a_gap() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    daemon.deploy(1).await;
    daemon.run_agents().await;
    let params =
        JournalParams { units: Some("db".to_owned()), last: Some(2), follow: true, ..Default::default() };
    let mut reader = model.journal(&params).await.unwrap();
    let first = reader.next().await.unwrap().unwrap();
    let second = reader.next().await.unwrap().unwrap();
    assert_eq!(second.id, first.id + 1);
    assert_eq!(second.id + 1, daemon.handle().snapshot().next_journal);
    let set = SetConfig { set: [("size".to_owned(), "5".to_owned())].into(), reset: Vec::new() };
    model.set_config(&app("db"), &set).await.unwrap();
    daemon.run_agents().await;
    let third = reader.next().await.unwrap().unwrap();
    assert_eq!(third.id, second.id + 1);
    let all = model.journal(&JournalParams { after: Some(second.id), ..Default::default() }).await.unwrap();
    assert_eq!(all.collect().await.unwrap()[0], third);
    let none = model
        .journal(&JournalParams { units: Some("other,db/7".to_owned()), ..Default::default() })
        .await
        .unwrap();
    assert_eq!(none.collect().await.unwrap(), []);
}

fn line(entity: &str, level: Level, message: &str) -> LogLine {
    LogLine {
        at: Timestamp(7),
        entity: entity.to_owned(),
        level,
        module: "unit.db/0.juju-log".to_owned(),
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn logs_are_filtered_and_followed_without_a_gap() {
    let daemon = Daemon::start().await;
    let handle = daemon.handle();
    for n in 0..50 {
        handle.log(line("unit-db-0", Level::Info, &format!("before {n}")));
    }
    handle.log(line("unit-web-0", Level::Error, "of another"));
    let params = LogParams { include: Some("db/0".to_owned()), follow: true, ..Default::default() };
    let mut reader = daemon.model().logs(&params).await.unwrap();
    // The file is being read while these come: some are in it, some are told of, some are both.
    for n in 0..20 {
        handle.log(line("unit-db-0", Level::Info, &format!("after {n}")));
    }
    let expected: Vec<String> =
        (0..50).map(|n| format!("before {n}")).chain((0..20).map(|n| format!("after {n}"))).collect();
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        seen.push(within(reader.next()).await.unwrap().unwrap().message);
    }
    assert_eq!(seen, expected);
    handle.log(line("unit-web-0", Level::Info, "of another"));
    handle.log(line("unit-db-0", Level::Info, "the last"));
    assert_eq!(within(reader.next()).await.unwrap().unwrap().message, "the last");

    let last = LogParams { include: Some("db*".to_owned()), last: Some(2), ..Default::default() };
    let last = daemon.model().logs(&last).await.unwrap().collect().await.unwrap();
    assert_eq!(last.iter().map(|l| l.message.as_str()).collect::<Vec<_>>(), ["after 19", "the last"]);
    let errors = LogParams { level: Some(Level::Error), ..Default::default() };
    let errors = daemon.model().logs(&errors).await.unwrap().collect().await.unwrap();
    assert_eq!(errors, [line("unit-web-0", Level::Error, "of another")]);
}

#[tokio::test]
async fn waiting_ends_when_the_agents_have_nothing_to_do() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    daemon.deploy(1).await;
    let mut lines = model.wait(&Wait::default()).await.unwrap();
    let first = lines.next().await.unwrap().unwrap();
    assert_eq!((first.verdict, first.total), (None, 1));
    assert_eq!(first.waiting[0].reason, "no agent has taken it yet");
    daemon.run_agents().await;
    let rest = within(lines.collect()).await.unwrap();
    assert_eq!(rest.last().unwrap().verdict, Some(Verdict::Met));
}

#[tokio::test]
async fn waiting_gives_up_when_its_time_is_over_and_says_for_what_it_waited() {
    let daemon = Daemon::start().await;
    daemon.failing.lock().unwrap().insert("install".to_owned());
    daemon.deploy(1).await;
    daemon.run_agents().await;
    let wait = Wait { goals: vec![Goal::Idle], timeout_ms: Some(1) };
    let lines = daemon.model().wait(&wait).await.unwrap().collect().await.unwrap();
    let last = lines.last().unwrap();
    assert_eq!(last.verdict, Some(Verdict::TimedOut));
    assert!(last.waiting[0].reason.starts_with("install failed: exit status 1"), "{last:?}");
    let why = daemon.model().why_unit(&unit("db/0")).await.unwrap();
    assert!(!why.settled && why.waits.unwrap().next.is_some());

    let resolved =
        daemon.model().resolve(&ResolveUnits { all: true, no_retry: true, ..Default::default() }).await;
    assert_eq!(resolved.unwrap().units, [unit("db/0")]);
    daemon.run_agents().await;
    let lines = daemon.model().wait(&Wait::default()).await.unwrap().collect().await.unwrap();
    assert_eq!(lines.last().unwrap().verdict, Some(Verdict::Met));
}

#[tokio::test]
async fn a_model_that_goes_away_ends_what_waits_for_it_and_what_follows_it() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    daemon.deploy(1).await;
    daemon.run_agents().await;
    let mut journal = model.journal(&JournalParams { follow: true, ..Default::default() }).await.unwrap();
    let mut logs = model.logs(&LogParams { follow: true, ..Default::default() }).await.unwrap();
    let gone = model.wait(&Wait { goals: vec![Goal::ModelGone], timeout_ms: None }).await.unwrap();
    assert!(model.destroy(&Default::default()).await.unwrap().changed);
    daemon.run_agents().await;
    assert_eq!(within(gone.collect()).await.unwrap().last().unwrap().verdict, Some(Verdict::Met));
    while within(journal.next()).await.unwrap().is_some() {}
    while within(logs.next()).await.unwrap().is_some() {}
    assert!(daemon.client.models(&Zone::Utc).await.unwrap().models.is_empty());
}

#[tokio::test]
async fn a_daemon_that_stops_ends_its_streams_and_its_socket() {
    let daemon = Daemon::start().await;
    let mut journal =
        daemon.model().journal(&JournalParams { follow: true, ..Default::default() }).await.unwrap();
    assert!(daemon.client.stop().await.unwrap().changed);
    daemon.shutdown.cancelled().await;
    while within(journal.next()).await.unwrap().is_some() {}
    loop {
        match daemon.client.health().await {
            Err(ClientError::Unreachable { .. }) => break,
            // The listener may take a moment to go.
            _ => tokio::task::yield_now().await,
        }
    }
}
