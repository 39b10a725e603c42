//! What is kept is found again, by one run at a time, and nothing is taken for what it is not.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use potstill_base::{CacheEntry, CacheUser, Digest, Lookup};

/// Notes what it is told, and stops when it is told to.
#[derive(Default)]
struct User {
    told: Vec<String>,
    stops: bool,
}

impl CacheUser for User {
    fn message(&mut self, line: &str) {
        self.told.push(line.into());
    }

    fn should_stop(&self) -> bool {
        self.stops
    }
}

fn open(cache: &Path) -> CacheEntry {
    CacheEntry::open(cache, "bank", &Digest::of("seed 1")).expect("a folder can be made")
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn hit(found: &str) -> Lookup<String> {
    Lookup::Hit(found.into())
}

#[test]
fn what_is_finished_is_found_under_its_key_only() {
    let cache = tempfile::tempdir().unwrap();
    let mut entry = open(cache.path());
    let mut user = User::default();
    assert_eq!(entry.lookup(&mut user, text).unwrap(), Lookup::Miss);
    entry.finish(b"weights\nof many lines\n").unwrap();
    let found = open(cache.path()).lookup(&mut user, text).unwrap();
    assert_eq!(found, hit("weights\nof many lines\n"));

    let mut other = CacheEntry::open(cache.path(), "bank", &Digest::of("seed 2")).unwrap();
    assert_eq!(other.lookup(&mut user, text).unwrap(), Lookup::Miss);
    let mut other = CacheEntry::open(cache.path(), "centres", &Digest::of("seed 1")).unwrap();
    assert_eq!(other.lookup(&mut user, text).unwrap(), Lookup::Miss);
    assert_eq!(user.told, Vec::<String>::new());
}

#[test]
fn content_that_was_changed_cut_off_or_moved_is_made_anew_and_said_so() {
    type Damage = fn(&mut Vec<u8>);
    let changed: Damage = |bytes| *bytes.last_mut().unwrap() ^= 1;
    let cut: Damage = |bytes| bytes.truncate(bytes.len() - 1);
    let empty: Damage = Vec::clear;
    let foreign: Damage = |bytes| *bytes = b"{\"epochs\": 3}\n".to_vec();
    let damages = [
        (changed, "its checksum is not that of its content"),
        (cut, "its checksum is not that of its content"),
        (empty, "it is no file of the cache"),
        (foreign, "it is no file of the cache"),
    ];
    for (damage, reason) in damages {
        let cache = tempfile::tempdir().unwrap();
        let mut entry = open(cache.path());
        entry.finish(b"weights").unwrap();
        let path = entry.path("content");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let mut user = User::default();
        assert_eq!(entry.lookup(&mut user, text).unwrap(), Lookup::Miss);
        assert_eq!(user.told, [format!("{} is made anew: {reason}", path.display())]);
        // And then it is as good as ever.
        entry.finish(b"weights").unwrap();
        assert_eq!(entry.lookup(&mut user, text).unwrap(), hit("weights"));
    }
}

#[test]
fn a_file_of_another_entry_is_not_content() {
    let cache = tempfile::tempdir().unwrap();
    let mut other = CacheEntry::open(cache.path(), "bank", &Digest::of("seed 2")).unwrap();
    other.finish(b"weights").unwrap();
    let mut entry = open(cache.path());
    fs::copy(other.path("content"), entry.path("content")).unwrap();
    let mut user = User::default();
    assert_eq!(entry.lookup(&mut user, text).unwrap(), Lookup::Miss);
    assert!(
        user.told[0].ends_with("it was made for something else"),
        "{:?}",
        user.told
    );
}

#[test]
fn content_that_cannot_be_decoded_is_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let mut entry = open(cache.path());
    entry.finish(&[0xff]).unwrap();
    let mut user = User::default();
    assert_eq!(entry.lookup(&mut user, text).unwrap(), Lookup::Miss);
    assert!(
        user.told[0].ends_with("it holds something else"),
        "{:?}",
        user.told
    );
}

#[test]
fn unfinished_work_waits_for_the_next_run_and_goes_when_the_work_is_done() {
    let cache = tempfile::tempdir().unwrap();
    let mut user = User::default();
    let entry = open(cache.path());
    assert_eq!(entry.read_partial("epochs", &mut user), None);
    entry.write_partial("epochs", b"3").unwrap();
    fs::write(entry.path("features.f32"), [0; 64]).unwrap();
    drop(entry);

    let mut entry = open(cache.path());
    assert_eq!(entry.lookup(&mut user, text).unwrap(), Lookup::Miss);
    assert_eq!(entry.read_partial("epochs", &mut user).unwrap(), b"3");
    entry.finish(b"weights").unwrap();
    assert_eq!(entry.read_partial("epochs", &mut user), None);
    assert!(!entry.path("features.f32").exists());
    assert_eq!(user.told, Vec::<String>::new());
}

#[test]
fn of_many_runs_one_makes_the_content_and_the_others_take_it() {
    let cache = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut entry = open(cache.path());
                match entry.lookup(&mut User::default(), text).unwrap() {
                    Lookup::Miss => {
                        made.fetch_add(1, Ordering::Relaxed);
                        thread::sleep(std::time::Duration::from_millis(50));
                        entry.finish(b"weights").unwrap();
                    }
                    found => assert_eq!(found, hit("weights")),
                }
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

#[test]
fn a_run_that_waits_can_be_stopped() {
    let cache = tempfile::tempdir().unwrap();
    let mut first = open(cache.path());
    assert_eq!(first.lookup(&mut User::default(), text).unwrap(), Lookup::Miss);
    let mut user = User {
        stops: true,
        ..User::default()
    };
    assert_eq!(
        open(cache.path()).lookup(&mut user, text).unwrap(),
        Lookup::Cancelled
    );
    assert_eq!(user.told, ["another run is preparing the same: waiting for it"]);
    // A run that is gone without finishing leaves the entry to the next.
    drop(first);
    assert_eq!(open(cache.path()).lookup(&mut user, text).unwrap(), Lookup::Miss);
}

#[test]
fn a_file_where_the_folder_should_be_is_from_an_older_version() {
    let cache = tempfile::tempdir().unwrap();
    let folder = open(cache.path()).path("content").parent().unwrap().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "{\"epochs\": 3}").unwrap();
    let mut entry = open(cache.path());
    assert_eq!(entry.lookup(&mut User::default(), text).unwrap(), Lookup::Miss);
}
