//! The options: one struct.

use periapt_model::charm::{CharmMeta, ConfigOption, ConfigValue, OptionType};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::docs;
use crate::names::{self, Taken};

/// The struct `Config`, made even of no options: what takes a charm's config has a type to name.
pub(crate) fn expand(meta: &CharmMeta) -> TokenStream {
    let mut taken = Taken::default();
    let (mut fields, mut defaults) = (TokenStream::new(), TokenStream::new());
    for (name, option) in &meta.config {
        let field = names::field(&taken.claim(names::snake(name), "_option"));
        let (rust, default) = types(option);
        let rename = (field != name.as_str()).then(|| quote!(rename = #name));
        let skip = default_of(option)
            .is_none()
            .then(|| quote!(skip_serializing_if = "::core::option::Option::is_none"));
        let attributes: Vec<_> = rename.into_iter().chain(skip).collect();
        let attributes = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
        let doc = docs::titled(&title(name, option), &option.description);
        fields.extend(quote!(#doc #attributes pub #field: #rust,));
        defaults.extend(quote!(#field: #default,));
    }
    quote! {
        /// The charm's options. `Config::default()` has the defaults of the metadata.
        #[allow(dead_code)]
        #[derive(
            Clone, Debug, PartialEq,
            ::periapt_charm::__private::serde::Deserialize, ::periapt_charm::__private::serde::Serialize,
        )]
        #[serde(crate = "::periapt_charm::__private::serde", default)]
        pub struct Config { #fields }

        impl ::core::default::Default for Config {
            fn default() -> Self {
                Self { #defaults }
            }
        }

        impl ::periapt_charm::CharmConfig for Config {}
    }
}

fn title(name: &str, option: &ConfigOption) -> String {
    match default_of(option) {
        Some(ConfigValue::String(text)) => format!("Option `{name}` ({}), by default {text:?}.", option.kind),
        Some(value) => format!("Option `{name}` ({}), by default {value}.", option.kind),
        None => format!("Option `{name}` ({}), unset by default.", option.kind),
    }
}

/// The default, if it has one. The empty text is no secret.
fn default_of(option: &ConfigOption) -> Option<&ConfigValue> {
    let is_none = |value: &&ConfigValue| {
        option.kind == OptionType::Secret && matches!(value, ConfigValue::String(text) if text.is_empty())
    };
    option.default.as_ref().filter(|value| !is_none(value))
}

/// The type of an option, and its default.
fn types(option: &ConfigOption) -> (TokenStream, TokenStream) {
    let rust = match option.kind {
        OptionType::String => quote!(::std::string::String),
        OptionType::Int => quote!(i64),
        OptionType::Float => quote!(f64),
        OptionType::Boolean => quote!(bool),
        OptionType::Secret => quote!(::periapt_charm::SecretUri),
    };
    let Some(default) = default_of(option) else {
        return (quote!(::core::option::Option<#rust>), quote!(::core::option::Option::None));
    };
    let default = match default {
        ConfigValue::Bool(value) => quote!(#value),
        ConfigValue::Int(value) => {
            let literal = Literal::i64_unsuffixed(*value);
            quote!(#literal)
        }
        ConfigValue::Float(value) => {
            let literal = Literal::f64_suffixed(*value);
            quote!(#literal)
        }
        ConfigValue::String(text) if option.kind == OptionType::Secret => {
            quote!(::periapt_charm::SecretUri(::std::string::String::from(#text)))
        }
        ConfigValue::String(text) => quote!(::std::string::String::from(#text)),
    };
    (rust, default)
}
