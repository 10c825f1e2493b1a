//! Handlers of a wrong shape.
use periapt_charm::prelude::*;

charm!("tests/fixtures/api/charmcraft.yaml");

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

    fn shared_event(&mut self, _event: Event, _cx: &mut Context) -> Flow {
        done()
    }

    fn finishes(&mut self, _cx: &mut Context) -> Finish {
        done()
    }
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.install(Self::without_context); //~ this method cannot handle `periapt_charm::event::Install` events … expected `fn(&mut Api, &mut Context) -> 
        on.start(Self::shared); //~ this method cannot handle `periapt_charm::event::Start` events
        on.config_changed(Self::returns_nothing); //~ this method cannot handle `periapt_charm::event::ConfigChanged` events … `Flow` is `Result<Done, DeferralOrError>`
        on.when(DB.changed(), Self::of_start); //~ this method cannot handle `periapt_charm::event::RelationChanged` events … fn(&mut Api, periapt_charm::event::RelationChanged, &mut Context)
        on.when(DB.changed(), Self::context_first); //~ this method cannot handle `periapt_charm::event::RelationChanged` events
        on.action(Self::restart); //~ function is expected to take 3 arguments, but it takes 2 arguments
        on.upgrade_charm(Self::finishes); //~ this method cannot handle `periapt_charm::event::UpgradeCharm` events
        on.any((start(), "install")).run(Self::shared_event);
        //~^ `&str` is no selection of events that can be deferred … give one event or a tuple
    }
}

fn main() {}
