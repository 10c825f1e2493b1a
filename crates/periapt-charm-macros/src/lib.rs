//! The [`charm!`] macro of `periapt-charm`, which re-exports it: use it from there.
//!
//! **Owns** what a charm's YAML looks like in Rust. **Must not know** the rules of the YAML: it reads with
//! `periapt_model::charm::parse`, as the daemon and `periapt pack` do, so that what compiles also deploys.

mod actions;
mod config;
mod docs;
mod expand;
mod files;
mod handles;
mod input;
mod names;
mod report;
mod salvage;
mod schema;
#[cfg(test)]
mod tests;

use std::env;
use std::path::PathBuf;

use proc_macro::{Span, TokenStream};

/// Reads the charm's YAML when the charm is compiled, and makes constants and types of what it names: a name that the
/// metadata does not have does not compile.
///
/// ```ignore
/// charm!("charmcraft.yaml");
/// charm!("charmcraft.yaml", db: Postgres, admin-api: AdminApi);
/// charm!();                  // charmcraft.yaml, or else metadata.yaml
/// ```
///
/// The path is that from the folder of `Cargo.toml`; if there is no such file there, from the folder of the source file.
/// `config.yaml` and `actions.yaml` beside it are read as well. After it come the types of databags: the name of an
/// endpoint and its `Interface`. An endpoint that is not named there has databags of text.
///
/// What it makes, where it stands:
///
/// | in the YAML | in Rust |
/// | --- | --- |
/// | the whole | `META`: the name, all data, and the files |
/// | endpoint `admin-api` | `ADMIN_API: Endpoint<…>` |
/// | container `web`, storage `data`, resource `app-image` | `WEB: Container`, `DATA: Storage`, `APP_IMAGE: Resource` |
/// | the options | `Config`, with a field for each: `String`, `i64`, `f64`, `bool`, `SecretUri`; an `Option` where there is no default |
/// | action `rotate-password` | `RotatePassword`, with a field for each parameter; an `Option` unless it is required or has a default |
///
/// Where an endpoint and something else have the same name, the endpoint keeps it, and the other is called
/// `WEB_CONTAINER`, `WEB_STORAGE` or `WEB_RESOURCE`. An action whose type would have the name of something that is in
/// scope already, such as `Stop`, is called `StopAction`. Objects among an action's parameters get structs, and texts with
/// an `enum` of words get enums, both called by the action and the parameter: `RotatePasswordMode`.
///
/// What a charm defines itself by a name of these goes into another module than the macro: `mod yaml { … }`.
///
/// Mistakes in the YAML are errors of the compiler, with file, line and column; what may be a mistake is a warning.
#[proc_macro]
pub fn charm(input: TokenStream) -> TokenStream {
    match syn::parse::<input::Input>(input) {
        Ok(input) => expand::expand(&input, &folders()).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Where a charm's files are looked for: beside `Cargo.toml`, then beside the source file.
fn folders() -> Vec<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = env::current_dir().unwrap_or_default();
    let source = Span::call_site().local_file().and_then(|file| Some(here.join(file.parent()?)));
    let mut folders: Vec<PathBuf> = manifest.into_iter().chain(source).collect();
    folders.dedup();
    folders
}
