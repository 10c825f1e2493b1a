//! What stands between the parentheses of `charm!`: a path, and the databags of endpoints.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, LitInt, LitStr, Token, Type};

/// `charm!("charmcraft.yaml", db: Postgres, cluster: Peers)`
pub(crate) struct Input {
    /// The file, if one is named.
    pub(crate) path: Option<LitStr>,
    /// The databags of endpoints.
    pub(crate) bindings: Vec<Binding>,
}

/// `db: Postgres`
pub(crate) struct Binding {
    /// The endpoint as it is written: `db`, `admin-api`, `admin_api` or `"admin-api"`.
    pub(crate) endpoint: String,
    /// Its tokens, for messages.
    pub(crate) tokens: TokenStream,
    /// A type that is a `periapt_charm::Interface`.
    pub(crate) interface: Type,
}

impl Input {
    /// Where messages about the whole charm point: to the path, or to the macro.
    pub(crate) fn span(&self) -> Span {
        self.path.as_ref().map_or_else(Span::call_site, LitStr::span)
    }
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut path = None;
        if input.peek(LitStr) && !input.peek2(Token![:]) {
            path = Some(input.parse()?);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let bindings = input.parse_terminated(Binding::parse, Token![,])?.into_iter().collect();
        Ok(Self { path, bindings })
    }
}

impl Parse for Binding {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut tokens = TokenStream::new();
        let mut endpoint = String::new();
        if input.peek(LitStr) {
            let name: LitStr = input.parse()?;
            endpoint = name.value();
            name.to_tokens(&mut tokens);
        } else {
            loop {
                if input.peek(Ident::peek_any) {
                    let word = Ident::parse_any(input)?;
                    endpoint.push_str(&word.unraw().to_string());
                    word.to_tokens(&mut tokens);
                } else if !endpoint.is_empty() && input.peek(LitInt) {
                    let digits = input.parse::<TokenTree>()?;
                    endpoint.push_str(&digits.to_string());
                    digits.to_tokens(&mut tokens);
                } else {
                    return Err(input
                        .error("expected an endpoint and the type of its databags, such as `db: Postgres`"));
                }
                if !input.peek(Token![-]) {
                    break;
                }
                let dash: Token![-] = input.parse()?;
                dash.to_tokens(&mut tokens);
                endpoint.push('-');
            }
        }
        if !input.peek(Token![:]) {
            let message = format!(
                "expected `:` and the type of the databags of `{endpoint}`, such as `{endpoint}: Postgres`"
            );
            return Err(syn::Error::new(input.span(), message));
        }
        input.parse::<Token![:]>()?;
        Ok(Self { endpoint, tokens, interface: input.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> syn::Result<Input> {
        syn::parse_str(text)
    }

    #[test]
    fn the_path_and_the_databags_may_be_left_out() {
        let none = parse("").unwrap();
        assert!(none.path.is_none() && none.bindings.is_empty());
        let input =
            parse(r#""charm/charmcraft.yaml", db: Postgres, admin-api-2: crate::Api<u8>, "x": X, type: T,"#)
                .unwrap();
        assert_eq!(input.path.map(|p| p.value()).as_deref(), Some("charm/charmcraft.yaml"));
        let names: Vec<_> = input.bindings.iter().map(|b| b.endpoint.as_str()).collect();
        assert_eq!(names, ["db", "admin-api-2", "x", "type"]);
        let only = parse("db: Postgres").unwrap();
        assert!(only.path.is_none() && only.bindings.len() == 1);
        let quoted = parse(r#""db": Postgres"#).unwrap();
        assert!(quoted.path.is_none() && quoted.bindings.len() == 1);
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, expected) in [
            (r#""a" db: X"#, "expected `,`"),
            (r#""a", db"#, "expected `:` and the type of the databags of `db`, such as `db: Postgres`"),
            (r#""a", 5: X"#, "expected an endpoint and the type of its databags, such as `db: Postgres`"),
        ] {
            let error = parse(text).err().map(|e| e.to_string());
            assert_eq!(error.as_deref(), Some(expected), "{text}");
        }
    }
}
