//! Names that the metadata does not have.
use periapt_charm::prelude::*;

charm!("tests/fixtures/api/charmcraft.yaml");

mod bindings {
    use periapt_charm::prelude::*;

    interface!(Postgres {});
    struct NoInterface;

    charm!(
        "tests/fixtures/api/charmcraft.yaml",
        bd: Postgres, //~ the charm "api" has no endpoint `bd`; did you mean `db`? … the endpoints are cluster, db
        web: Postgres, //~ `web` is a container, which has no databags
        website: NoInterface, //~ `NoInterface` does not say what the databags of an endpoint hold … interface!(NoInterface {
    );
}

#[derive(Default)]
struct Api;

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.when(DATABASE.changed(), Self::anything); //~ cannot find value `DATABASE`
        on.when(CLUSTR.changed(), Self::anything); //~ cannot find value `CLUSTR` … a constant with a similar name exists … CLUSTER
        on.when(WBE.pebble_ready(), Self::anything); //~ cannot find value `WBE` … a constant with a similar name exists … WEB
        on.when(DTA.attached(), Self::anything); //~ cannot find value `DTA` … a constant with a similar name exists … DATA
        on.action(Self::rotate);
    }
}

impl Api {
    fn rotate(&mut self, _params: RotatePasword, _cx: &mut Context) -> ActionResult { //~ cannot find type `RotatePasword` … a struct with a similar name exists … RotatePassword
        no_results()
    }

    fn anything(&mut self, _cx: &mut Context) -> Flow {
        done()
    }
}

fn main() {}
