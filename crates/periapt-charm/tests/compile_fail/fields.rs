//! Options and parameters that are not there, or are something else; and names used for what they are not.
use periapt_charm::prelude::*;

interface!(Postgres {});
charm!("../fixtures/api/charmcraft.yaml", db: Postgres);

#[derive(Default)]
struct Api;

impl Api {
    fn changed(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        let _ = config.prot;
        let _: u16 = config.port;
        let _: String = config.token;
        WEB.changed();
        DB.pebble_ready();
        cx.relation(WEB)?;
        done()
    }

    fn rotate(&mut self, params: RotatePassword, _cx: &mut Context) -> ActionResult {
        let _ = params.lenght;
        no_results()
    }

    fn anything(&mut self, _params: String, _cx: &mut Context) -> ActionResult {
        no_results()
    }
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.config_changed(Self::changed);
        on.action(Self::rotate);
        on.action(Self::anything);
    }
}

fn main() {}
