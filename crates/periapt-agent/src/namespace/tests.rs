use std::os::fd::AsRawFd as _;

use super::view::asked;
use super::*;

#[test]
fn isolation_is_named() {
    for (text, expected) in [
        ("off", Some(Isolation::Off)),
        ("programs", Some(Isolation::Programs)),
        ("full", Some(Isolation::Full)),
        ("", None),
        ("on", None),
    ] {
        assert_eq!(Isolation::named(text), expected, "{text}");
        assert!(expected.is_none_or(|isolation| isolation.name() == text), "{text}");
    }
    assert_eq!(Isolation::default(), Isolation::Off, "what a charm mounts and installs is the host's");
}

#[test]
fn what_a_machine_has_itself_is_its_own_and_what_it_only_shows_is_the_hosts() {
    let model = tempfile::tempdir().unwrap();
    let machine = MachineId(3);
    let own = Place::new(model.path(), machine).own_lib();
    let path = |text: &str| own_path(model.path(), machine, Path::new(text));
    assert_eq!(path("/var/lib/periapt-test/x"), None, "without a namespace there is nothing");
    fs::create_dir_all(&own).unwrap();
    Isolation::Full.say(model.path()).unwrap();
    assert_eq!(path("/var/lib/periapt-test/x"), Some(own.join("periapt-test/x")));
    for shared in ["/var/lib", "/var/lib/juju/x", "/var/lib/../x", "/etc/passwd", "relative"] {
        assert_eq!(path(shared), None, "{shared}");
    }
    let of_host = fs::read_dir(VAR_LIB).unwrap().flatten().find(|e| e.path().is_dir()).unwrap();
    let name = of_host.file_name();
    assert_eq!(path(&format!("/var/lib/{}/x", name.display())), None);
    fs::create_dir_all(own.join(&name)).unwrap();
    assert_eq!(path(&format!("/var/lib/{}/x", name.display())), None, "an empty folder is a mount's");
    fs::write(own.join(&name).join("mine"), "").unwrap();
    assert_eq!(path(&format!("/var/lib/{}/x", name.display())), Some(own.join(&name).join("x")));
    // A daemon without namespaces shows hooks the host's, and so everybody else.
    for isolation in [Isolation::Programs, Isolation::Off] {
        drop(Namespaces::new(model.path(), isolation));
        assert_eq!(path("/var/lib/periapt-test/x"), None, "{isolation:?}");
    }
    assert!(!enter_machine(model.path(), machine).unwrap());
}

#[test]
fn only_a_missing_right_sends_machines_to_the_hosts_folders() {
    use rustix::io::Errno;
    for (errno, refused) in [
        (Errno::PERM, true),
        (Errno::ACCESS, true),
        (Errno::NOSYS, true),
        (Errno::INVAL, true),
        (Errno::NOSPC, false),
        (Errno::MFILE, false),
        (Errno::AGAIN, false),
    ] {
        let failure = asked(Err(errno.into())).unwrap_err();
        assert_eq!(matches!(failure, Failure::Refused(_)), refused, "{errno}");
    }
    let model = tempfile::tempdir().unwrap();
    let off = Namespaces::new(model.path(), Isolation::Off);
    assert_eq!(off.start_in(MachineId(0), None, || Ok(7)).unwrap(), 7);
    let refused = Namespaces::new(model.path(), Isolation::Full);
    refused.refused.store(true, Ordering::Relaxed);
    assert_eq!(refused.start_in(MachineId(0), None, || Ok(8)).unwrap(), 8);
    // A machine that has had its own is not sent to the host's: a hook that fails is run again.
    let own = Place::new(model.path(), MachineId(4)).own_lib();
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("../run"), "in the way").unwrap();
    let error = refused.start_in(MachineId(4), None, || Ok(9)).unwrap_err();
    assert!(error.to_string().contains("PERIAPT_NAMESPACES=off"), "{error}");
}

#[test]
fn a_machine_that_fails_leaves_the_others_where_they_are() {
    let model = tempfile::tempdir().unwrap();
    let (living, failing) = (MachineId(0), MachineId(1));
    let full = Namespaces::new(model.path(), Isolation::Full);
    let file = File::open("/proc/self/ns/mnt").unwrap();
    full.lock_made().keep(living, file);
    let machine = Place::new(model.path(), failing).machine;
    fs::create_dir_all(machine.parent().unwrap()).unwrap();
    fs::write(&machine, "in the way").unwrap();
    for _ in 0..2 {
        let error = full.namespace(failing).unwrap_err();
        assert!(error.to_string().contains("machine 1 gets no namespace"), "{error}");
        assert!(full.namespace(living).unwrap().is_some());
    }
    assert!(!full.refused.load(Ordering::Relaxed));
    // Nor does a right that is missing by now.
    full.refused.store(true, Ordering::Relaxed);
    assert!(full.namespace(living).unwrap().is_some());
}

#[test]
fn a_note_that_names_what_is_no_namespace_is_not_followed() {
    let model = tempfile::tempdir().unwrap();
    let place = Place::new(model.path(), MachineId(0));
    fs::create_dir_all(place.machine.join("run")).unwrap();
    let file = File::open("/proc/self/ns/mnt").unwrap();
    let inode = file.metadata().unwrap().ino();
    let note = |descriptor: i32, inode: u64| {
        fs::write(place.note(), format!("{} {descriptor} {inode}\n", std::process::id())).unwrap();
        noted(&place).is_some()
    };
    assert!(note(file.as_raw_fd(), inode));
    assert!(!note(file.as_raw_fd(), inode + 1));
    // To open this for reading would wait for a writer.
    let (_reader, writer) = io::pipe().unwrap();
    assert!(!note(writer.as_raw_fd(), inode));
}

#[test]
fn work_that_panics_keeps_no_other_from_being_done() {
    let model = tempfile::tempdir().unwrap();
    let namespaces = Namespaces::new(model.path(), Isolation::Full);
    let (done, doing) = mpsc::channel();
    namespaces.hand_over(Box::new(|| panic!("on purpose"))).unwrap();
    namespaces.hand_over(Box::new(move || done.send(7).unwrap())).unwrap();
    assert_eq!(doing.recv(), Ok(7));
    // A thread that has ended is started again.
    let (gone, _) = mpsc::channel::<Job>();
    *namespaces.enterer.lock().unwrap() = Some(gone);
    let (done, doing) = mpsc::channel();
    namespaces.hand_over(Box::new(move || done.send(8).unwrap())).unwrap();
    assert_eq!(doing.recv(), Ok(8));
}
