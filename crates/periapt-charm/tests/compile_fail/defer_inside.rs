//! A deferral in the body of a handler that cannot defer.
use periapt_charm::prelude::*;

charm!("../fixtures/api/charmcraft.yaml");

#[derive(Default)]
struct Api;

impl Api {
    fn stop(&mut self, _cx: &mut Context) -> Finish {
        defer("not now")
    }

    fn remove(&mut self, _cx: &mut Context) -> Finish {
        defer("not now")?;
        done()
    }

    fn restart(&mut self, _params: Restart, _cx: &mut Context) -> ActionResult {
        return defer("not now");
    }
}

fn main() {}
