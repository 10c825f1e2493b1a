//! Finds out how to link the hook program without a dynamic loader.
//!
//! Most of what a small process costs at its start is the loading of shared libraries: linked statically, the whole hook
//! program takes less time than `/bin/true`. Cargo can ask for a static C library (`+crt-static`) only for all programs at
//! once, and the others here must not have one. So this script writes a folder of linker scripts that stand in for the shared C
//! libraries and name the static ones, which a single program can be given with `-L`. It then links and runs a small program to
//! see that this toolchain can do it; if not (some systems package the static C library apart), the hook program is linked as
//! any other.
//!
//! The folder's path goes to the `periapt` package, which makes the installed program, as `DEP_PERIAPT_HOOK_STATIC_LIBS`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// The shared libraries that the Rust standard library asks for on Linux with glibc, and what stands in for each.
const LIBRARIES: [(&str, &str); 7] = [
    ("c", "-l:libc.a -l:libgcc.a -l:libgcc_eh.a"),
    ("gcc_s", "-l:libgcc_eh.a -l:libgcc.a -l:libc.a"),
    ("util", "-l:libutil.a"),
    ("rt", "-l:librt.a"),
    ("pthread", "-l:libpthread.a"),
    ("m", "-l:libm.a"),
    ("dl", "-l:libdl.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let var = |name| env::var(name).unwrap_or_default();
    let glibc = var("CARGO_CFG_TARGET_OS") == "linux" && var("CARGO_CFG_TARGET_ENV") == "gnu";
    let already_static = var("CARGO_CFG_TARGET_FEATURE").split(',').any(|f| f == "crt-static");
    if !glibc || already_static {
        return;
    }
    match static_libraries(Path::new(&var("OUT_DIR"))) {
        Ok(folder) => {
            let folder = folder.display();
            println!("cargo::metadata=STATIC_LIBS={folder}");
            println!("cargo::rustc-link-arg-bin=hook=-L{folder}");
            println!("cargo::rustc-link-arg-bin=hook=-static-pie");
            println!("cargo::rustc-env=PERIAPT_HOOK_STATIC=1");
        }
        Err(error) => println!(
            "cargo::warning=hook commands will start more slowly: no static C library to link with ({error})"
        ),
    }
}

/// Writes the linker scripts and tries them.
fn static_libraries(out: &Path) -> io::Result<PathBuf> {
    let folder = out.join("static-libs");
    fs::create_dir_all(&folder)?;
    for (name, members) in LIBRARIES {
        fs::write(folder.join(format!("lib{name}.so")), format!("GROUP({members})\n"))?;
    }

    let source = out.join("probe.rs");
    let program = out.join("probe");
    fs::write(&source, "fn main() { std::process::exit(std::env::args_os().len() as i32 - 1) }\n")?;
    let target = env::var_os("TARGET").unwrap_or_default();
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--crate-type=bin", "--edition=2024", "--target"]).arg(&target);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("-Clinker=");
        option.push(linker);
        rustc.arg(option);
    }
    if let Ok(flags) = env::var("CARGO_ENCODED_RUSTFLAGS") {
        rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    }
    rustc.arg(format!("-Clink-arg=-L{}", folder.display())).arg("-Clink-arg=-static-pie");
    let linked = rustc.arg(&source).arg("-o").arg(&program).output()?;
    if !linked.status.success() {
        return Err(io::Error::other("the linker refused"));
    }
    let runs_here = env::var_os("HOST").is_some_and(|host| host == target);
    if runs_here && !Command::new(&program).status()?.success() {
        return Err(io::Error::other("the linked program does not run"));
    }
    Ok(folder)
}
