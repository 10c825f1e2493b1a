//! Batches: all of the steps or none.

use periapt_model::command::Place;

use super::*;
use crate::api::requests::{Batch, BatchStep, Change, Integrate, MakeOffer};

fn batch(changes: Vec<Change>) -> Batch {
    let numbered = changes.into_iter().enumerate();
    let steps = numbered.map(|(number, change)| BatchStep { of: format!("b.yaml:{number}"), change });
    Batch { steps: steps.collect(), ..Batch::default() }
}

fn relate(a: &str, b: &str) -> Change {
    Change::Relate(Integrate { a: a.to_owned(), b: b.to_owned(), via: Vec::new() })
}

fn whole() -> Vec<Change> {
    let none = |charm| Change::Deploy(Box::new(Deploy { charm, ..deployment(0) }));
    vec![
        none(db_charm()),
        none(web_charm()),
        Change::Machine { constraints: String::new() },
        relate("db", "web:database"),
        Change::Offer(MakeOffer {
            application: app("db"),
            endpoints: ["db".parse().unwrap()].into(),
            name: None,
        }),
        Change::Unit { application: app("db"), place: Place::New },
        Change::Unit { application: app("web"), place: Place::Step(2) },
    ]
}

#[tokio::test]
async fn a_batch_is_tried_done_and_refused_as_one() {
    let daemon = Daemon::start().await;
    let model = daemon.model();
    let before = daemon.handle().snapshot();
    let tried = model.batch(&Batch { dry_run: true, ..batch(whole()) }).await.unwrap();
    assert_eq!(daemon.handle().snapshot(), before, "nothing is done when it is only tried");
    for (last, words) in [
        (relate("db:nope", "web"), "b.yaml:7: application \"db\" has no \"nope\" endpoint"),
        (relate("db:", "web"), "b.yaml:7: "),
        (
            Change::Unit { application: app("db"), place: Place::Step(9) },
            "b.yaml:7: cannot place a unit where step 9 did",
        ),
        (
            Change::Refresh {
                application: app("db"),
                refresh: Box::new(crate::api::requests::Refresh {
                    resources: [(
                        "schema".parse().unwrap(),
                        Upload { hash: "0bad".into(), size: 1, store: None },
                    )]
                    .into(),
                    ..Default::default()
                }),
            },
            "b.yaml:7: file 0bad is not in the daemon's home",
        ),
        (
            Change::Consume(crate::api::requests::Consume { url: "nowhere.x".into(), alias: None }),
            "b.yaml:7: model \"nowhere\" not found",
        ),
    ] {
        let mut changes = whole();
        changes.push(last);
        for dry_run in [true, false] {
            let (_, message) = refused(model.batch(&Batch { dry_run, ..batch(changes.clone()) }).await);
            assert!(message.starts_with(words), "{message}");
            assert_eq!(daemon.handle().snapshot(), before);
        }
    }
    let done = model.batch(&batch(whole())).await.unwrap();
    assert_eq!(done, tried, "what is tried is what is done");
    let last = done.steps.last().unwrap();
    assert_eq!((last.unit.clone(), last.new), (Some(unit("web/0")), false));
    assert_eq!(last.machine, done.steps[2].machine);
    let after = daemon.handle().snapshot();
    assert_eq!((after.units.len(), after.machines.len(), after.offers.len()), (2, 2, 1));
}
