//! What cannot be deferred: actions, stop, remove, secret-rotate, secret-expired, pre-commit, commit, and the statuses.
use periapt_charm::prelude::*;

charm!("tests/fixtures/api/charmcraft.yaml");

#[derive(Default)]
struct Api;

impl Api {
    fn later(&mut self, _cx: &mut Context) -> Flow {
        defer("not now")
    }

    fn restart(&mut self, _params: Restart, _cx: &mut Context) -> Flow {
        defer("not now")
    }

    fn status(&mut self, _statuses: &mut Statuses, _cx: &mut Context) -> Flow {
        defer("not now")
    }
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.action(Self::restart); //~ expected `restart` to return `Result<Results, Error>`, but it returns `Result<Done, DeferralOrError>`
        on.stop(Self::later); //~ this method cannot handle `periapt_charm::event::Stop` events … cannot defer: they return `Finish`
        on.remove(Self::later); //~ this method cannot handle `periapt_charm::event::Remove` events … cannot defer: they return `Finish`
        on.secret_rotate(Self::later); //~ this method cannot handle `periapt_charm::event::SecretRotate` events … cannot defer: they return `Finish`
        on.secret_expired(Self::later); //~ this method cannot handle `periapt_charm::event::SecretExpired` events … cannot defer: they return `Finish`
        on.pre_commit(Self::later); //~ this method cannot handle `periapt_charm::event::PreCommit` events … cannot defer: they return `Finish`
        on.commit(Self::later); //~ this method cannot handle `periapt_charm::event::Commit` events … cannot defer: they return `Finish`
        on.collect_unit_status(Self::status); //~ expected `status` to return `Result<Done, Error>`, but it returns `Result<Done, DeferralOrError>`
        on.collect_app_status(Self::status); //~ expected `status` to return `Result<Done, Error>`, but it returns `Result<Done, DeferralOrError>`
        on.any((start(), stop())).run(Self::later); //~ Stop` events cannot be deferred … handle this one by itself, with a method that returns `Finish`
        on.any((start(), remove())).reconcile(Self::later); //~ Remove` events cannot be deferred
    }
}

fn main() {}
