//! What must not compile, and what the compiler says of it.
//!
//! The expected messages are in the `.stderr` file of each; `TRYBUILD=overwrite cargo test -p periapt-charm --test
//! compile_fail` writes them anew.

#[test]
fn mistakes_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
