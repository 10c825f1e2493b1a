//! Texts of the metadata as doc comments.

use proc_macro2::TokenStream;
use quote::quote;

/// Doc attributes, one for each line. The text is meant for operators, not for rustdoc: what would make links, HTML or
/// code of it (code would even be run as a test) is escaped; code within a line may stay.
pub(crate) fn doc(text: &str) -> TokenStream {
    let lines = text.trim().lines().map(|line| {
        let line = line.trim();
        let fence = line.starts_with("```") || line.starts_with("~~~");
        let mut out = String::from(" ");
        for c in line.chars() {
            if matches!(c, '<' | '[' | ']') || (fence && matches!(c, '`' | '~')) {
                out.push('\\');
            }
            out.push(c);
        }
        out.trim_end().to_owned()
    });
    quote!(#(#[doc = #lines])*)
}

/// A doc line of the macro's own, which may have Markdown in it, and the text under it.
pub(crate) fn titled(title: &str, text: &str) -> TokenStream {
    let title = format!(" {title}");
    if text.trim().is_empty() {
        return quote!(#[doc = #title]);
    }
    let text = doc(text);
    quote!(#[doc = #title] #[doc = ""] #text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_description_is_markdown() {
        let tokens = doc("  see [x] <b>\n\n    code\n```\nuse `a`").to_string();
        for part in
            [r#"" see \\[x\\] \\<b>""#, r#"" use `a`""#, r#"[doc = ""]"#, r#"" code""#, r#"" \\`\\`\\`""#]
        {
            assert!(tokens.contains(part), "{part} is not in {tokens}");
        }
    }
}
