//! The actions: a struct for the parameters of each.

use periapt_model::charm::{CharmMeta, Diagnostic, Severity};
use periapt_model::yaml::{self, Node};
use proc_macro2::TokenStream;
use quote::quote;

use crate::docs;
use crate::files::{Files, Source};
use crate::names::{self, Taken};
use crate::schema::{Misfit, Types};

/// The types of all actions; and the defaults that do not fit, which would fail when the action runs.
pub(crate) fn expand(meta: &CharmMeta, files: &Files) -> (TokenStream, Vec<Diagnostic>) {
    let mut types = Types::new(Taken::with(names::types_in_scope()));
    // The actions themselves come first, so that no nested type takes the name of one.
    let named: Vec<_> = meta
        .actions
        .iter()
        .map(|(name, spec)| (types.claim(action_type(name.as_str()), "Action"), name, spec))
        .collect();
    let (mut impls, mut mistakes) = (TokenStream::new(), Vec::new());
    for (ident, name, spec) in named {
        let name = name.as_str();
        let owner = format!("action `{name}`");
        let doc = docs::titled(&format!("The parameters of {owner}."), &spec.description);
        types.object(&ident, &spec.params_schema, &doc, &owner);
        impls.extend(quote! {
            impl ::periapt_charm::ActionParams for #ident {
                const NAME: &'static str = #name;
            }
        });
        mistakes.extend(types.misfits.drain(..).map(|misfit| report(name, &misfit, files)));
    }
    let items = types.items;
    (quote!(#items #impls), mistakes)
}

/// `2fa` as `Action2fa`.
fn action_type(name: &str) -> String {
    let name = names::camel(name);
    match name.strip_prefix('_') {
        Some(digits) => format!("Action{digits}"),
        None => name,
    }
}

fn report(action: &str, misfit: &Misfit, files: &Files) -> Diagnostic {
    let Misfit { path, default, expected } = misfit;
    let message = format!(
        "the default {default} of parameter `{}` of action {action:?} does not fit its type, {expected}",
        path.join(".")
    );
    let help = Some(format!(
        "mend the default or the `type`: an action run without `{}` would fail",
        path.join(".")
    ));
    let place = place(action, path, files);
    let (file, span) =
        place.unwrap_or_else(|| (String::new(), yaml::Span { line: 1, column: 1, length: None }));
    Diagnostic {
        file,
        line: span.line,
        column: span.column,
        length: span.length,
        message,
        help,
        severity: Severity::Error,
    }
}

/// Where the default stands.
fn place(action: &str, path: &[String], files: &Files) -> Option<(String, yaml::Span)> {
    let in_file = |source: &Source, keys: &[&str]| {
        let mut node = yaml::parse(&source.text).ok()?;
        for key in keys {
            node = child(&node, key)?;
        }
        for (depth, name) in path.iter().enumerate() {
            let properties = if depth == 0 { child(&node, "params") } else { properties_of(&node) };
            node = child(&properties?, name)?;
        }
        Some((source.name.clone(), child(&node, "default")?.span))
    };
    let own = files.actions.as_ref().and_then(|source| in_file(source, &[action]));
    own.or_else(|| files.charmcraft.as_ref().and_then(|source| in_file(source, &["actions", action])))
}

fn child(node: &Node, key: &str) -> Option<Node> {
    node.as_map()?.get(key).cloned()
}

/// The properties of an object, or of the objects in a list or table.
fn properties_of(node: &Node) -> Option<Node> {
    let inner = || child(node, "items").or_else(|| child(node, "additionalProperties"));
    child(node, "properties").or_else(|| properties_of(&inner()?))
}
