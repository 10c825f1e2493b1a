//! A test's transition: state in, event, state out.

use std::time::Instant;

use periapt_charm::prelude::*;
use periapt_charm::testing::{Scenario, State};

static META: Metadata = Metadata {
    name: "bench",
    json: r#"{"name": "bench", "summary": "", "description": "", "format": "v2"}"#,
    files: &[],
};

#[derive(Default)]
struct Bench;

impl Charm for Bench {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.start(Self::begin);
    }
}

impl Bench {
    fn begin(&mut self, cx: &mut Context) -> Flow {
        cx.set_status(Status::Active("up".to_owned()))?;
        done()
    }
}

/// How many transitions a second one thread does.
pub fn per_second(seconds: f64) -> f64 {
    let (scenario, state) = (Scenario::<Bench>::new(), State::default());
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed().as_secs_f64() < seconds {
        let out = scenario.run(start(), &state).expect("the transition is legal");
        assert_eq!(out.state.unit_status, Some(Status::Active("up".to_owned())));
        count += 1;
    }
    f64::from(count) / begun.elapsed().as_secs_f64()
}
