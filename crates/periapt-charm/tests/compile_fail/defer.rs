//! What cannot be deferred: actions, stop, remove, secret-rotate, secret-expired, pre-commit, commit, and the statuses.
use periapt_charm::prelude::*;

charm!("../fixtures/api/charmcraft.yaml");

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
        on.action(Self::restart);
        on.stop(Self::later);
        on.remove(Self::later);
        on.secret_rotate(Self::later);
        on.secret_expired(Self::later);
        on.pre_commit(Self::later);
        on.commit(Self::later);
        on.collect_unit_status(Self::status);
        on.collect_app_status(Self::status);
        on.any((start(), stop())).run(Self::later);
        on.any((start(), remove())).reconcile(Self::later);
    }
}

fn main() {}
