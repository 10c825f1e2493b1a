//! `META`, and a constant for each endpoint, container, storage and resource.

use periapt_model::charm::{CharmMeta, Endpoint, ResourceKind, Role, Scope, StorageKind};
use periapt_model::entity::nearest;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::docs;
use crate::files::Files;
use crate::input::Binding;
use crate::names::{self, Taken};

/// `META`: the metadata as data, with the files in the binary so that cargo builds anew when one changes.
pub(crate) fn meta(meta: &CharmMeta, files: &Files) -> syn::Result<TokenStream> {
    let name = &meta.name;
    let json = serde_json::to_string(meta).map_err(|error| {
        syn::Error::new(Span::call_site(), format!("the metadata cannot be kept: {error}"))
    })?;
    let mut texts = TokenStream::new();
    for source in files.iter() {
        let (file, path) = (source.file_name(), source.path.to_str());
        let path = path.ok_or_else(|| {
            let message = format!("{} is no path in UTF-8, which include_str! needs", source.path.display());
            syn::Error::new(Span::call_site(), message)
        })?;
        texts.extend(quote!((#file, ::core::include_str!(#path)),));
    }
    let title = format!("What the charm's files say: the metadata of `{name}`.");
    let doc = docs::titled(&title, &meta.summary);
    Ok(quote! {
        #doc
        #[allow(dead_code)]
        pub static META: ::periapt_charm::Metadata =
            ::periapt_charm::Metadata { name: #name, json: #json, files: &[#texts] };
    })
}

/// The constants. Where two kinds have one name, the endpoint keeps it.
pub(crate) fn constants(meta: &CharmMeta, bindings: &[Binding]) -> (TokenStream, Vec<syn::Error>) {
    let mut taken = Taken::with(["META"]);
    let mut claim = |name: &str, suffix: &str| {
        Ident::new(&taken.claim(names::screaming(name), suffix), Span::call_site())
    };
    let (bound, mistakes) = bind(meta, bindings);
    let mut out = TokenStream::new();
    for (name, endpoint) in &meta.endpoints {
        let name = name.as_str();
        let ident = claim(name, "_ENDPOINT");
        let interface =
            bound.iter().find(|(endpoint, _)| *endpoint == name).map(|(_, binding)| &binding.interface);
        // Spanned, so that a type that is no interface is marked itself and not the whole macro.
        let handle = match interface {
            Some(interface) => quote_spanned!(interface.span()=> ::periapt_charm::Endpoint<#interface>),
            None => quote!(::periapt_charm::Endpoint<::periapt_charm::databag::Untyped>),
        };
        let role = match endpoint.role {
            Role::Provider => quote!(Provider),
            Role::Requirer => quote!(Requirer),
            Role::Peer => quote!(Peer),
        };
        let (doc, protocol) = (docs::titled(&describe(name, endpoint), ""), &endpoint.interface);
        out.extend(quote! {
            #doc
            #[allow(dead_code)]
            pub const #ident: #handle =
                ::periapt_charm::Endpoint::new(#name, ::periapt_charm::handle::Role::#role, #protocol);
        });
    }
    let mut handle = |kind: &str, suffix: &str, name: &str, detail: &str, text: &str| {
        let ident = claim(name, suffix);
        let kind = Ident::new(kind, Span::call_site());
        let doc = docs::titled(&format!("{kind} `{name}`{detail}."), text);
        out.extend(quote! {
            #doc
            #[allow(dead_code)]
            pub const #ident: ::periapt_charm::#kind = ::periapt_charm::#kind::new(#name);
        });
    };
    for (name, container) in &meta.containers {
        let image =
            container.resource.as_ref().map(|r| format!(", which runs the image `{r}`")).unwrap_or_default();
        handle("Container", "_CONTAINER", name.as_str(), &image, "");
    }
    for (name, storage) in &meta.storages {
        let kind = match storage.kind {
            StorageKind::Filesystem => ", a filesystem",
            StorageKind::Block => ", a block device",
        };
        handle("Storage", "_STORAGE", name.as_str(), kind, &storage.description);
    }
    for (name, resource) in &meta.resources {
        let kind = match resource.kind {
            ResourceKind::File => format!(", the file `{}`", resource.filename),
            ResourceKind::OciImage => ", a container image".to_owned(),
        };
        handle("Resource", "_RESOURCE", name.as_str(), &kind, &resource.description);
    }
    (out, mistakes)
}

fn describe(name: &str, endpoint: &Endpoint) -> String {
    let interface = &endpoint.interface;
    let mut text = match endpoint.role {
        Role::Provider => format!("Endpoint `{name}`: provides `{interface}`"),
        Role::Requirer => format!("Endpoint `{name}`: requires `{interface}`"),
        Role::Peer => format!("Endpoint `{name}`: between the units of the application, `{interface}`"),
    };
    if let Some(limit) = endpoint.limit {
        text.push_str(&format!(", {limit} at most"));
    }
    if endpoint.optional {
        text.push_str(", optional");
    }
    if endpoint.scope == Scope::Container {
        text.push_str(", of scope container");
    }
    text + "."
}

/// Which endpoint each binding means. `admin_api` means `admin-api` too.
fn bind<'a>(meta: &'a CharmMeta, bindings: &'a [Binding]) -> (Vec<(&'a str, &'a Binding)>, Vec<syn::Error>) {
    let names: Vec<&str> = meta.endpoints.keys().map(|name| name.as_str()).collect();
    let (mut bound, mut mistakes): (Vec<(&str, &Binding)>, Vec<syn::Error>) = (Vec::new(), Vec::new());
    for binding in bindings {
        let written = binding.endpoint.as_str();
        let exact = names.iter().find(|name| **name == written);
        let alike =
            || names.iter().find(|name| name.replace('-', "_") == written.replace('-', "_").to_lowercase());
        let message = match exact.or_else(alike) {
            Some(name) if bound.iter().any(|(other, _)| other == name) => {
                format!("the databags of endpoint `{name}` are given twice")
            }
            Some(name) => {
                bound.push((name, binding));
                continue;
            }
            None => unknown(written, meta, &names),
        };
        mistakes.push(syn::Error::new_spanned(&binding.tokens, message));
    }
    (bound, mistakes)
}

fn unknown(written: &str, meta: &CharmMeta, names: &[&str]) -> String {
    let mut message = format!("the charm {:?} has no endpoint `{written}`", meta.name);
    if let Some(near) = nearest(written, names.iter().copied()) {
        message.push_str(&format!("; did you mean `{near}`?"));
    }
    let named = |text: &str| {
        let is = |key: &&str| *key == text;
        let containers = meta.containers.keys().map(|n| n.as_str()).any(|n| is(&n));
        let storages = meta.storages.keys().map(|n| n.as_str()).any(|n| is(&n));
        if containers { Some("a container") } else { storages.then_some("a storage") }
    };
    if let Some(kind) = named(written) {
        message.push_str(&format!("\n`{written}` is {kind}, which has no databags"));
    }
    match names {
        [] => message.push_str(
            "\nhelp: the metadata has no endpoint: they stand under `provides`, `requires` and `peers`",
        ),
        _ => message.push_str(&format!("\nhelp: the endpoints are {}", names.join(", "))),
    }
    message
}
