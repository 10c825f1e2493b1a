//! Charms from archives that were made to do harm, and files for resources that are none.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::arguments::{daemon_faults, fault, run, snapshot, work};
use crate::common::{Bench, shell_charm};

type Zip = ZipWriter<std::fs::File>;

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().unix_permissions(0o644)
}

fn file(zip: &mut Zip, name: &str, content: &[u8]) {
    zip.start_file(name, options()).expect("an entry");
    zip.write_all(content).expect("its content");
}

fn archive(folder: &Path, name: &str, write: impl FnOnce(&mut Zip)) -> PathBuf {
    let path = folder.join(format!("{name}.charm"));
    let mut zip = ZipWriter::new(std::fs::File::create(&path).expect("a file"));
    file(&mut zip, "metadata.yaml", b"name: target\nsummary: s\ndescription: d\n");
    write(&mut zip);
    zip.finish().expect("an archive");
    path
}

/// Changes every occurrence of some bytes: what no library writes.
fn patched(path: &Path, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(path).expect("the archive");
    let mut changed = 0;
    for place in 0..bytes.len() - from.len() {
        if bytes[place..].starts_with(from) {
            bytes[place..place + from.len()].copy_from_slice(to);
            changed += 1;
        }
    }
    assert!(changed > 0, "nothing to change in {}", path.display());
    std::fs::write(path, bytes).expect("the archive");
}

/// The archives, each with words of what is to be said of it.
fn archives(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut all = vec![
        (archive(folder, "up", |zip| file(zip, "../evil", b"x")), "does not stay inside"),
        (archive(folder, "far-up", |zip| file(zip, "a/../../../../evil", b"x")), "does not stay inside"),
        (archive(folder, "absolute", |zip| file(zip, "/evil", b"x")), "does not stay inside"),
        (archive(folder, "backslash", |zip| file(zip, "..\\evil", b"x")), "does not stay inside"),
        (
            archive(folder, "link-out", |zip| {
                zip.add_symlink("out", "../../../../etc", options()).expect("a link")
            }),
            "outside the charm",
        ),
        (
            archive(folder, "link-absolute", |zip| {
                zip.add_symlink("out", "/etc", options()).expect("a link")
            }),
            "outside the charm",
        ),
        (
            archive(folder, "through-a-link", |zip| {
                zip.add_symlink("out", "/etc", options()).expect("a link");
                file(zip, "out/evil", b"x");
            }),
            "ERROR",
        ),
        (
            archive(folder, "links-in-turn", |zip| {
                zip.add_directory("a", options()).expect("a folder");
                zip.add_symlink("a/b", ".", options()).expect("a link");
                zip.add_symlink("c", "a/b/../../..", options()).expect("a link");
            }),
            "outside the charm",
        ),
        (
            archive(folder, "a-file-and-below-it", |zip| {
                file(zip, "a", b"x");
                file(zip, "a/b", b"x");
            }),
            "not a directory",
        ),
        (
            archive(folder, "bomb", |zip| {
                zip.start_file("bomb", options()).expect("an entry");
                let zeros = vec![0; 1 << 20];
                (0..400).for_each(|_| zip.write_all(&zeros).expect("its content"));
            }),
            "unpacks to more than",
        ),
        (archive(folder, "control", |zip| file(zip, "../\u{1b}[2J\n", b"x")), "does not stay inside"),
    ];
    let twice = archive(folder, "twice", |zip| {
        file(zip, "first", b"x");
        file(zip, "other", b"y");
    });
    patched(&twice, b"other", b"first");
    all.push((twice, "two entries"));
    // A character device: 0o020000 for 0o100000 in what the entry says of its mode.
    let device = archive(folder, "device", |zip| file(zip, "device", b""));
    patched(&device, &[0xa4, 0x81], &[0xa4, 0x21]);
    all.push((device, "neither a file"));
    let cut = archive(folder, "cut", |zip| file(zip, "a", b"x"));
    let bytes = std::fs::read(&cut).expect("the archive");
    std::fs::write(&cut, &bytes[..bytes.len() - 30]).expect("the archive");
    all.push((cut, "not a charm archive"));
    let empty = folder.join("empty.charm");
    std::fs::write(&empty, "").expect("a file");
    all.push((empty, "not a charm archive"));
    let pipe = folder.join("pipe.charm");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
    all.push((pipe, "neither a folder nor a file"));
    all
}

#[test]
fn archives_and_files_that_do_harm_are_refused() {
    let bench = Bench::new();
    let work = work(&bench);
    let charm = shell_charm(
        bench.path(),
        "target",
        "resources:\n  blob: {type: file, filename: blob}\n",
        &[("install", "status-set active installed")],
    );
    bench.ok(&["deploy", &charm]);
    bench.settle();
    let folder = bench.path().join("archives");
    std::fs::create_dir(&folder).expect("a folder");
    let archives = archives(&folder);
    let (daemon, before, home) = (bench.daemon_pid(), snapshot(&bench), disk(&bench.home()));
    let mut wrong = Vec::new();
    let mut refuse = |words: &[&str], wanted: &str| {
        let Some(said) = run(bench.command().current_dir(&work).args(words)) else {
            return wrong.push(format!("{words:?} does not end"));
        };
        let stderr = String::from_utf8_lossy(&said.stderr);
        if said.status.success() || !stderr.contains(wanted) {
            wrong.push(format!("{words:?} wanted {wanted:?}: {:?} {stderr}", said.status));
        }
        wrong.extend(
            fault(said.status.code(), &said.stdout, &said.stderr).map(|fault| format!("{words:?}: {fault}")),
        );
    };
    for (path, wanted) in &archives {
        let path = path.display().to_string();
        refuse(&["deploy", &path, "other"], wanted);
        refuse(&["refresh", "target", "--path", &path], wanted);
        refuse(&["publish", &path], "ERROR");
    }
    let pipe = folder.join("pipe.charm").display().to_string();
    let big = bench.path().join("big");
    // Holes only: it has no blocks of its own, but a copy would.
    std::fs::File::create(&big).and_then(|file| file.set_len(1 << 43)).expect("a file");
    let big = format!("blob={}", big.display());
    for (file, wanted) in [
        ("blob=/dev/zero", "a resource is a file"),
        ("blob=/etc", "a resource is a file"),
        (&format!("blob={pipe}"), "a resource is a file"),
        ("blob=/proc/self/mem", "ERROR"),
        ("../blob=/etc/hosts", "not a valid"),
        (&big, "room"),
    ] {
        refuse(&["attach-resource", "target", file], wanted);
        refuse(&["deploy", &charm, "other", "--resource", file], wanted);
    }
    wrong.extend(daemon_faults(&bench));
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert!(
        !bench.path().join("evil").exists()
            && !Path::new("/evil").exists()
            && !Path::new("/etc/evil").exists()
    );
    assert_eq!(bench.daemon_pid(), daemon, "the daemon is another");
    assert_eq!(snapshot(&bench), before);
    let left: Vec<PathBuf> = disk(&bench.home()).into_iter().filter(|path| !home.contains(path)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// What lies in a home, but for logs and what the store itself makes of its folder.
fn disk(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let passing = ["logs", "periapt.db-wal", "periapt.db-shm", "cache"];
        if passing.contains(&entry.file_name().to_string_lossy().as_ref()) {
            continue;
        }
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(disk(&path));
        } else {
            all.push(path);
        }
    }
    all
}
