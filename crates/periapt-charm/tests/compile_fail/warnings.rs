//! What may be a mistake in the YAML is a warning. What is made and not used is none.
use periapt_charm::prelude::*;

charm!("tests/fixtures/odd/charmcraft.yaml"); //~ warning: use of deprecated constant `_::CHECK_THE_CHARMS_YAML` … charmcraft.yaml:9:5: option "port" has no type … add `type: string`

mod api {
    periapt_charm::charm!("tests/fixtures/api/charmcraft.yaml");
}

mod beside {
    periapt_charm::charm!(); //~ warning: charmcraft.yaml:8:5: option "port" has no type
}

fn main() {
    let _ = (Metadata::clone(&META), &api::META, &beside::META);
}
