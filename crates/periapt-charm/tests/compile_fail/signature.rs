//! Handlers of a wrong shape.
use periapt_charm::prelude::*;

charm!("../fixtures/api/charmcraft.yaml");

#[derive(Default)]
struct Api;

impl Api {
    fn without_context(&mut self) -> Flow {
        done()
    }

    fn shared(&self, _cx: &Context) -> Flow {
        done()
    }

    fn returns_nothing(&mut self, _cx: &mut Context) {}

    fn of_start(&mut self, _event: Start, _cx: &mut Context) -> Flow {
        done()
    }

    fn context_first(&mut self, _cx: &mut Context, _event: RelationChanged) -> Flow {
        done()
    }

    fn restart(&mut self, _cx: &mut Context) -> ActionResult {
        no_results()
    }

    fn finishes(&mut self, _cx: &mut Context) -> Finish {
        done()
    }
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.install(Self::without_context);
        on.start(Self::shared);
        on.config_changed(Self::returns_nothing);
        on.when(DB.changed(), Self::of_start);
        on.when(DB.changed(), Self::context_first);
        on.action(Self::restart);
        on.upgrade_charm(Self::finishes);
        on.any((start(), "install")).run(Self::finishes);
    }
}

fn main() {}
