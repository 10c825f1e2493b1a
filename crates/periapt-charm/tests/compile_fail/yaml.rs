//! Mistakes in the YAML: each is one error, and what uses the rest compiles.
use periapt_charm::prelude::*;

interface!(Postgres {});
charm!("tests/fixtures/bad/charmcraft.yaml", db: Postgres);
//~^ charmcraft.yaml:8:5: endpoint "db" has no interface … limit: 1 … help: add `interface: NAME`
//~^^ charmcraft.yaml:11:15: container "web" refers to resource "web-image", which does not exist … ^^^^^^^^^
//~^^^ charmcraft.yaml:15:13: the type of option "port" must be `string`, `int`, `float`, `boolean` or `secret`

mod nowhere {
    periapt_charm::charm!("/nowhere/charmcraft.yaml");
    //~^ there is no file "/nowhere/charmcraft.yaml" … tried: /nowhere/charmcraft.yaml … help: there is a charmcraft.yaml: write charm!("charmcraft.yaml")
}

mod default {
    periapt_charm::charm!("tests/fixtures/default/charmcraft.yaml");
    //~^ charmcraft.yaml:11:18: the default "many" of parameter `times` of action "go" does not fit its type, integer
}

fn main() {
    let _ = (DB.changed(), WEB.pebble_ready(), &META, &nowhere::META);
    let _ = |config: Config, go: Go| (config.port, go.times);
}
