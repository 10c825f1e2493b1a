//! Options and parameters that are not there, or are something else; and names used for what they are not.
use periapt_charm::prelude::*;

interface!(Postgres {});
charm!("tests/fixtures/api/charmcraft.yaml", db: Postgres);

struct Bag;
interface!(Bags { remote_app: Bag }); //~ `Bag` is no databag … write `databag!(Bag);`

#[derive(Default)]
struct Api;

impl Api {
    fn changed(&mut self, cx: &mut Context) -> Flow {
        let config: Config = cx.config()?;
        let _ = config.prot; //~ no field `prot` on type `Config` … a field with a similar name exists … port
        let _: u16 = config.port; //~ expected `u16`, found `i64`
        let _: String = config.token; //~ expected `String`, found `Option<SecretUri>`
        let _: String = cx.config()?; //~ `String` is not the charm's options … let config: Config
        WEB.changed(); //~ no method named `changed` found for struct `Container`
        DB.pebble_ready(); //~ no method named `pebble_ready` found for struct `Endpoint
        let _: String = cx.state()?; //~ `String` is no stored state … const KEY
        cx.relation(WEB)?; //~ expected `Endpoint<_>`, found `Container`
        done()
    }

    fn rotate(&mut self, params: RotatePassword, _cx: &mut Context) -> ActionResult {
        let _ = params.lenght; //~ no field `lenght` on type `RotatePassword` … a field with a similar name exists … length
        no_results()
    }

    fn custom(&mut self, _event: String, _cx: &mut Context) -> Flow {
        done()
    }

    fn anything(&mut self, _params: String, _cx: &mut Context) -> ActionResult {
        no_results()
    }
}

impl Charm for Api {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.config_changed(Self::changed);
        on.custom::<String, _, _>(Self::custom); //~ `String` is no event of the charm's own … impl CustomEvent for String {}
        on.action(Self::rotate);
        on.action(Self::anything); //~ String` is not what an action of the charm takes … `RotatePassword` for `rotate-password`
    }
}

fn main() {}
