//! The whole expansion.

use std::path::PathBuf;

use periapt_model::charm::{self, Diagnostic, Severity};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use crate::files::{self, Files};
use crate::input::Input;
use crate::{actions, config, handles, report, salvage};

/// What `charm!` stands for. Mistakes become errors of the compiler beside whatever can be made all the same.
pub(crate) fn expand(input: &Input, folders: &[PathBuf]) -> TokenStream {
    let named = input.path.as_ref().map(syn::LitStr::value);
    match files::find(named.as_deref(), folders) {
        Ok(files) => expand_files(input, &files),
        Err(message) => {
            let error = syn::Error::new(input.span(), message).into_compile_error();
            let rest = items(input, &salvage::salvage(&Files::default()), &Files::default(), &mut Vec::new());
            quote!(#error #rest)
        }
    }
}

/// The same of files that have been read.
pub(crate) fn expand_files(input: &Input, files: &Files) -> TokenStream {
    let mut errors = Vec::new();
    let error = |diagnostic: &Diagnostic| syn::Error::new(input.span(), report::render(diagnostic, files));
    match charm::parse(&files.to_charm_files()) {
        Ok(parsed) => {
            let warnings = warn(parsed.warnings.iter(), files, input.span());
            let items = items(input, &parsed.meta, files, &mut errors);
            let errors = errors.iter().map(syn::Error::to_compile_error);
            quote!(#(#errors)* #warnings #items)
        }
        Err(diagnostics) => {
            let mut errors: Vec<_> =
                diagnostics.iter().filter(|d| d.severity == Severity::Error).map(error).collect();
            // Mistakes that follow from these, such as a binding to an endpoint that could not be read, are not told.
            let items = items(input, &salvage::salvage(files), files, &mut Vec::new());
            let warnings =
                warn(diagnostics.iter().filter(|d| d.severity == Severity::Warning), files, input.span());
            errors.truncate(MOST_ERRORS);
            let errors = errors.iter().map(syn::Error::to_compile_error);
            quote!(#(#errors)* #warnings #items)
        }
    }
}

/// More than these at once help nobody.
const MOST_ERRORS: usize = 20;

fn items(input: &Input, meta: &charm::CharmMeta, files: &Files, errors: &mut Vec<syn::Error>) -> TokenStream {
    let metadata = handles::meta(meta, files).unwrap_or_else(|error| error.into_compile_error());
    let (constants, mistakes) = handles::constants(meta, &input.bindings);
    errors.extend(mistakes);
    let config = config::expand(meta);
    let (actions, misfits) = actions::expand(meta, files);
    errors.extend(misfits.iter().map(|misfit| syn::Error::new(input.span(), report::render(misfit, files))));
    quote!(#metadata #constants #config #actions)
}

/// Warnings, in the one way that a macro has to give them: the use of something deprecated. The compiler puts `use of deprecated
/// constant` and its name in front, so the name says what it is about (`periapt-build` knows it, too).
fn warn<'a>(diagnostics: impl Iterator<Item = &'a Diagnostic>, files: &Files, span: Span) -> TokenStream {
    let uses = diagnostics.map(|diagnostic| {
        let note = report::render(diagnostic, files);
        quote_spanned! {span=>
            const _: () = {
                #[deprecated(note = #note)]
                const CHECK_THE_CHARMS_YAML: () = ();
                CHECK_THE_CHARMS_YAML
            };
        }
    });
    quote!(#(#uses)*)
}
