//! Names that the metadata does not have.
use periapt_charm::prelude::*;

charm!("../fixtures/api/charmcraft.yaml");

mod bindings {
    use periapt_charm::prelude::*;
    interface!(Postgres {});
    struct NoInterface;
    charm!("../fixtures/api/charmcraft.yaml", bd: Postgres, web: Postgres, website: NoInterface);
}

#[derive(Default)]
struct Api;

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.when(DATABASE.changed(), Self::database);
        on.when(CLUSTR.changed(), Self::database);
        on.when(WBE.pebble_ready(), Self::web);
        on.when(DTA.attached(), Self::storage);
        on.action(Self::rotate);
    }
}

impl Api {
    fn rotate(&mut self, _params: RotatePasword, _cx: &mut Context) -> ActionResult {
        no_results()
    }
}

fn main() {}
