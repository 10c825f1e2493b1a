//! Types of a JSON schema: what the parameters of an action look like in Rust.
//!
//! What a schema says beyond its types (patterns, bounds) is checked by the agent before the action runs, so it needs no
//! type here. Where a schema leaves the type open, the field is a `serde_json::Value`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

use crate::docs;
use crate::names::{self, Taken};

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Text,
    Integer,
    Number,
    Boolean,
    /// Anything.
    Any,
    List(Box<Shape>),
    /// An object of whatever keys.
    Table(Box<Shape>),
    /// One of some words: the words and the variants for them.
    Choice(Ident, Vec<(String, Ident)>),
    /// An object of these keys; true where the key must be there.
    Struct(Ident, Vec<(String, Shape, bool)>),
    /// It, or null.
    Nullable(Box<Shape>),
}

impl Shape {
    /// The type in Rust.
    fn rust(&self) -> TokenStream {
        match self {
            Self::Text => quote!(::std::string::String),
            Self::Integer => quote!(i64),
            Self::Number => quote!(f64),
            Self::Boolean => quote!(bool),
            Self::Any => quote!(::periapt_charm::__private::serde_json::Value),
            Self::List(item) => {
                let item = item.rust();
                quote!(::std::vec::Vec<#item>)
            }
            Self::Table(value) if **value == Self::Any => quote! {
                ::periapt_charm::__private::serde_json::Map<
                    ::std::string::String, ::periapt_charm::__private::serde_json::Value
                >
            },
            Self::Table(value) => {
                let value = value.rust();
                quote!(::std::collections::BTreeMap<::std::string::String, #value>)
            }
            Self::Choice(ident, _) | Self::Struct(ident, _) => quote!(#ident),
            Self::Nullable(inner) => {
                let inner = inner.rust();
                quote!(::core::option::Option<#inner>)
            }
        }
    }

    /// Whether serde reads `value` as this.
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Any => true,
            Self::List(item) => value.as_array().is_some_and(|all| all.iter().all(|v| item.fits(v))),
            Self::Table(of) => value.as_object().is_some_and(|all| all.values().all(|v| of.fits(v))),
            Self::Choice(_, words) => value.as_str().is_some_and(|word| words.iter().any(|(w, _)| w == word)),
            Self::Struct(_, fields) => value.as_object().is_some_and(|all| {
                fields.iter().all(|(name, shape, needed)| match all.get(name) {
                    Some(Value::Null) if !needed => true,
                    Some(value) => shape.fits(value),
                    None => !needed,
                })
            }),
            Self::Nullable(inner) => value.is_null() || inner.fits(value),
        }
    }

    /// An expression for `value`, which fits.
    fn expression(&self, value: &Value) -> TokenStream {
        match (self, value) {
            (Self::Text, Value::String(text)) => quote!(::std::string::String::from(#text)),
            (Self::Integer, Value::Number(n)) if n.is_i64() => {
                let literal = Literal::i64_unsuffixed(n.as_i64().unwrap_or_default());
                quote!(#literal)
            }
            (Self::Number, Value::Number(n)) => {
                let literal = Literal::f64_suffixed(n.as_f64().unwrap_or_default());
                quote!(#literal)
            }
            (Self::Boolean, Value::Bool(value)) => quote!(#value),
            (Self::Choice(ident, words), Value::String(word)) => {
                match words.iter().find(|(w, _)| w == word) {
                    Some((_, variant)) => quote!(#ident::#variant),
                    None => from_json(value),
                }
            }
            (Self::Nullable(_), Value::Null) => quote!(::core::option::Option::None),
            (Self::Nullable(inner), value) => {
                let inner = inner.expression(value);
                quote!(::core::option::Option::Some(#inner))
            }
            (Self::List(item), Value::Array(all)) => {
                let all = all.iter().map(|value| item.expression(value));
                quote!(::std::vec![#(#all),*])
            }
            (_, value) => from_json(value),
        }
    }
}

/// For what has no short expression. It has been checked that the value fits.
fn from_json(value: &Value) -> TokenStream {
    let text = value.to_string();
    quote! {
        ::periapt_charm::__private::serde_json::from_str(#text)
            .expect("the charm! macro checks that defaults fit their types")
    }
}

/// A default that its own type refuses.
#[derive(Debug, PartialEq)]
pub(crate) struct Misfit {
    /// The names from the action's parameter down to the one with that default.
    pub(crate) path: Vec<String>,
    /// The default.
    pub(crate) default: Value,
    /// The type that it should have.
    pub(crate) expected: &'static str,
}

impl Shape {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Any => "any",
            Self::List(_) => "array",
            Self::Table(_) | Self::Struct(..) => "object",
            Self::Choice(..) => "one of the words of its `enum`",
            Self::Nullable(inner) => inner.in_words(),
        }
    }
}

/// Makes types; those of nested objects and of choices are made on the way.
pub(crate) struct Types {
    taken: Taken,
    pub(crate) items: TokenStream,
    pub(crate) misfits: Vec<Misfit>,
    path: Vec<String>,
}

impl Types {
    pub(crate) fn new(taken: Taken) -> Self {
        Self { taken, items: TokenStream::new(), misfits: Vec::new(), path: Vec::new() }
    }

    pub(crate) fn claim(&mut self, name: String, suffix: &str) -> Ident {
        Ident::new(&self.taken.claim(name, suffix), Span::call_site())
    }

    /// Makes the struct of an object's schema. `owner` says in docs whose it is.
    pub(crate) fn object(&mut self, ident: &Ident, schema: &Value, doc: &TokenStream, owner: &str) -> Shape {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required = |name: &str| {
            let names = schema.get("required").and_then(Value::as_array);
            names.is_some_and(|names| names.iter().any(|n| n == name))
        };
        let mut fields = Taken::default();
        let (mut declared, mut defaults, mut known) = (TokenStream::new(), TokenStream::new(), Vec::new());
        for (name, property) in properties {
            self.path.push(name.clone());
            let id = fields.claim(names::snake(name), "_param");
            let field = names::field(&id);
            let shape = self.shape(property, &format!("{ident}{}", names::camel(name)), owner);
            let default = property.get("default").filter(|default| !default.is_null());
            let default = default.filter(|default| {
                let fits = shape.fits(default);
                if !fits {
                    let (default, expected) = ((*default).clone(), shape.in_words());
                    self.misfits.push(Misfit { path: self.path.clone(), default, expected });
                }
                fits
            });
            let plain = required(name) || property.get("default").is_some_and(|default| !default.is_null());
            let rust = shape.rust();
            let optional = !plain && !matches!(shape, Shape::Nullable(_));
            let rust = if optional { quote!(::core::option::Option<#rust>) } else { rust };
            let mut attributes = Vec::new();
            if field != name.as_str() {
                attributes.push(quote!(rename = #name));
            }
            if let Some(default) = default {
                let function = format_ident!("__default_{}", id);
                let path = format!("{ident}::{function}");
                let value = shape.expression(default);
                defaults.extend(quote!(#[doc(hidden)] pub fn #function() -> #rust { #value }));
                attributes.push(quote!(default = #path));
            } else if !plain {
                attributes.push(quote!(default, skip_serializing_if = "::core::option::Option::is_none"));
            }
            let attributes = (!attributes.is_empty()).then(|| quote!(#[serde(#(#attributes),*)]));
            let doc = describe(name, property, owner);
            declared.extend(quote!(#doc #attributes pub #field: #rust,));
            known.push((name.clone(), shape, plain && default.is_none()));
            self.path.pop();
        }
        let defaults = (!defaults.is_empty()).then(|| quote!(#[allow(dead_code)] impl #ident { #defaults }));
        self.items.extend(quote! {
            #doc
            #[allow(dead_code)]
            #[derive(
                Clone, Debug, PartialEq,
                ::periapt_charm::__private::serde::Deserialize, ::periapt_charm::__private::serde::Serialize,
            )]
            #[serde(crate = "::periapt_charm::__private::serde")]
            pub struct #ident { #declared }
            #defaults
        });
        Shape::Struct(ident.clone(), known)
    }

    /// The type for a schema; `name` is what a type made for it is called.
    fn shape(&mut self, schema: &Value, name: &str, owner: &str) -> Shape {
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                let others: Vec<&str> =
                    kinds.iter().filter_map(Value::as_str).filter(|k| *k != "null").collect();
                return match others[..] {
                    [kind] if others.len() < kinds.len() => {
                        Shape::Nullable(Box::new(self.typed(kind, schema, name, owner)))
                    }
                    [kind] => self.typed(kind, schema, name, owner),
                    _ => Shape::Any,
                };
            }
            _ if schema.get("properties").is_some() => "object",
            _ if choices(schema).is_some() => "string",
            _ => return Shape::Any,
        };
        self.typed(kind, schema, name, owner)
    }

    fn typed(&mut self, kind: &str, schema: &Value, name: &str, owner: &str) -> Shape {
        match kind {
            "string" => self.choice(schema, name, owner).unwrap_or(Shape::Text),
            "integer" => Shape::Integer,
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "array" => match schema.get("items") {
                Some(items @ Value::Object(_)) => {
                    Shape::List(Box::new(self.shape(items, &format!("{name}Item"), owner)))
                }
                _ => Shape::List(Box::new(Shape::Any)),
            },
            "object" => {
                let own =
                    schema.get("properties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
                if own {
                    let ident = self.claim(name.to_owned(), "Params");
                    let last = self.path.last().cloned().unwrap_or_default();
                    let doc = describe(&last, schema, owner);
                    return self.object(&ident, schema, &doc, owner);
                }
                match schema.get("additionalProperties") {
                    Some(values @ Value::Object(_)) => {
                        Shape::Table(Box::new(self.shape(values, &format!("{name}Value"), owner)))
                    }
                    _ => Shape::Table(Box::new(Shape::Any)),
                }
            }
            _ => Shape::Any,
        }
    }

    /// An enum for a text that can only be one of some words, if each of them makes a variant.
    fn choice(&mut self, schema: &Value, name: &str, owner: &str) -> Option<Shape> {
        let words = choices(schema)?;
        let mut variants = Vec::new();
        for word in words {
            let variant = names::camel(word);
            let taken = variants.iter().any(|(_, v): &(String, Ident)| *v == variant);
            if taken || variant.starts_with('_') || variant == "Self" {
                return None;
            }
            variants.push((word.to_owned(), Ident::new(&variant, Span::call_site())));
        }
        let ident = self.claim(name.to_owned(), "Choice");
        let last = self.path.last().cloned().unwrap_or_default();
        let doc = describe(&last, schema, owner);
        let declared = variants.iter().map(|(word, variant)| {
            let doc = docs::doc(word);
            let rename = (*variant != word.as_str()).then(|| quote!(#[serde(rename = #word)]));
            quote!(#doc #rename #variant)
        });
        let arms = variants.iter().map(|(word, variant)| quote!(Self::#variant => #word));
        self.items.extend(quote! {
            #doc
            #[allow(dead_code)]
            #[derive(
                Clone, Copy, Debug, PartialEq, Eq,
                ::periapt_charm::__private::serde::Deserialize, ::periapt_charm::__private::serde::Serialize,
            )]
            #[serde(crate = "::periapt_charm::__private::serde")]
            pub enum #ident { #(#declared),* }

            #[allow(dead_code)]
            impl #ident {
                /// The word as the operator writes it.
                #[must_use]
                pub const fn as_str(self) -> &'static str {
                    match self { #(#arms),* }
                }
            }

            impl ::core::fmt::Display for #ident {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.pad(self.as_str())
                }
            }
        });
        Some(Shape::Choice(ident, variants))
    }
}

/// The words of an `enum` that has nothing but texts in it.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    let words = schema.get("enum")?.as_array()?;
    words.iter().map(Value::as_str).collect::<Option<Vec<_>>>().filter(|words| !words.is_empty())
}

fn describe(name: &str, property: &Value, owner: &str) -> TokenStream {
    let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
    docs::titled(&format!("Parameter `{name}` of {owner}."), description)
}
