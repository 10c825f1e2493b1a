//! A deferral in the body of a handler that cannot defer.
use periapt_charm::prelude::*;

charm!("tests/fixtures/api/charmcraft.yaml");

#[derive(Default)]
struct Api;

impl Api {
    fn stop(&mut self, _cx: &mut Context) -> Finish {
        defer("not now") //~ expected `Result<Done, Error>`, found `Result<Done, DeferralOrError>`
    }

    fn remove(&mut self, _cx: &mut Context) -> Finish {
        defer("not now")?; //~ A deferral needs a function that may defer: one that returns `Flow`
        done()
    }

    fn restart(&mut self, _params: Restart, _cx: &mut Context) -> ActionResult {
        return defer("not now"); //~ expected `Result<Results, Error>`, found `Result<Done, DeferralOrError>`
    }
}

fn main() {}
