//! Links the hook program statically where `periapt-hook`'s build script found that this toolchain can; it says there why.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DEP_PERIAPT_HOOK_STATIC_LIBS");
    if let Ok(folder) = std::env::var("DEP_PERIAPT_HOOK_STATIC_LIBS") {
        println!("cargo::rustc-link-arg-bin=periapt-hook=-L{folder}");
        println!("cargo::rustc-link-arg-bin=periapt-hook=-static-pie");
    }
}
