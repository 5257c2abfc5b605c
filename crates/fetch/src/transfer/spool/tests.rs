use flow::{blobs::BlobKind, testing::memory_blobs::MemoryBlobs};

use super::*;

fn spools(boot_id: Option<&str>) -> SpoolStore {
    let blobs = Arc::new(MemoryBlobs::default());
    SpoolStore {
        blobs,
        boot_id: boot_id.map(str::to_owned),
        min_free: FreeSpaceMin(0),
        checked_at: Arc::default(),
        directory: Arc::default(),
        memory: MemoryBudget::default(),
    }
}

fn open(spools: &SpoolStore) -> Spool {
    Spool::open(spools.clone(), &BlobName::new(BlobKind::Spool, "x".parse().unwrap())).unwrap()
}

fn info(total: Option<u64>) -> BodyInfo {
    BodyInfo {
        url: "http://a/".to_owned(),
        status: Some(200),
        total,
        content_type: None,
        charset: None,
        etag: None,
        last_modified: None,
    }
}

fn begin(spool: &mut Spool, total: Option<u64>) {
    spool.begin(info(total), Some(Validator::Etag("\"1\"".to_owned()))).unwrap();
}

/// A process that was killed after so many bytes.
fn killed_after(spools: &SpoolStore, bytes: u64, total: Option<u64>) {
    let mut spool = open(spools);
    begin(&mut spool, total);
    let chunk = vec![b'x'; 1 << 16];
    for _ in 0..bytes / chunk.len() as u64 {
        spool.append(&chunk).unwrap();
    }
    drop(spool);
}

#[test]
fn a_killed_process_leaves_a_part_from_one_mebibyte_on() {
    let spools = spools(Some("this boot"));
    killed_after(&spools, NOTE_FROM_BYTES / 2, None);
    assert_eq!(open(&spools).partial_body(), None);
    killed_after(&spools, NOTE_FROM_BYTES, None);
    let mut spool = open(&spools);
    assert_eq!(spool.partial_body().unwrap().offset, NOTE_FROM_BYTES);
    spool.reread(|_| ()).unwrap();
    spool.append(b"end").unwrap();
    let whole = [vec![b'x'; 1 << 20], b"end".to_vec()].concat();
    assert_eq!(spool.digest(), Digest { bytes: whole.len() as u64, blake3: blake3::hash(&whole) });
}

#[test]
fn a_part_of_another_boot_or_of_none_is_not_resumed() {
    let blobs = spools(Some("this boot"));
    killed_after(&blobs, NOTE_FROM_BYTES, None);
    let on = |boot_id: Option<&str>| SpoolStore { boot_id: boot_id.map(str::to_owned), ..blobs.clone() };
    assert_eq!(open(&on(Some("another boot"))).partial_body(), None);
    assert_eq!(open(&on(None)).partial_body(), None);
    assert!(open(&on(Some("this boot"))).partial_body().is_some());
    let unknown = spools(None);
    killed_after(&unknown, NOTE_FROM_BYTES, None);
    assert_eq!(open(&unknown).partial_body(), None);
}

#[test]
fn a_part_that_is_all_there_is_fetched_anew() {
    let spools = spools(Some("this boot"));
    killed_after(&spools, NOTE_FROM_BYTES, Some(NOTE_FROM_BYTES));
    assert_eq!(open(&spools).partial_body(), None);
    killed_after(&spools, NOTE_FROM_BYTES, Some(NOTE_FROM_BYTES + 1));
    assert!(open(&spools).partial_body().is_some());
}

fn path_of(spool: &Spool) -> PathBuf {
    match &spool.body {
        SpooledBody::File(staged) => staged.path.clone(),
        SpooledBody::Memory(_) => panic!("it is in memory"),
    }
}

/// Returns whether an error reports a full disk and says what to do.
fn is_full(error: &BlobError) -> bool {
    matches!(error, BlobError::DiskFull { source, .. } if source.to_string().contains("--min-free-space"))
}

#[test]
fn a_min_free_above_what_is_free_leaves_nothing_new_and_keeps_what_is_there() {
    let roomy = spools(Some("this boot"));
    let full = SpoolStore { min_free: FreeSpaceMin(1 << 60), ..roomy.clone() };
    let name = BlobName::new(BlobKind::Spool, "x".parse().unwrap());
    let path = path_of(&open(&roomy));
    fs::remove_file(&path).unwrap();
    assert!(is_full(&Spool::open(full.clone(), &name).err().unwrap()));
    assert!(!path.exists());
    killed_after(&roomy, NOTE_FROM_BYTES, None);
    assert!(is_full(&Spool::open(full, &name).err().unwrap()));
    assert_eq!(open(&roomy).partial_body().unwrap().offset, NOTE_FROM_BYTES);
}

#[test]
fn the_min_free_holds_for_an_announced_length_and_while_a_body_grows() {
    let spools = spools(Some("this boot"));
    let mut spool = open(&spools);
    let free = crate::free_space::free_bytes(&path_of(&spool)).unwrap().unwrap();
    spool.spools.min_free = FreeSpaceMin(1);
    assert!(is_full(&spool.begin(info(Some(free.saturating_mul(2))), None).unwrap_err()));
    spool.begin(info(None), None).unwrap();
    spool.spools.min_free = FreeSpaceMin(1 << 60);
    let chunk = vec![b'x'; 1 << 20];
    let mut appended = 0;
    let full = loop {
        match spool.append(&chunk) {
            Ok(()) => appended += chunk.len() as u64,
            Err(error) => break error,
        }
    };
    assert!(is_full(&full) && appended + 1_048_576 == CHECK_EVERY_BYTES, "{full} after {appended}");
}

#[test]
fn a_note_never_outlives_its_bytes() {
    let spools = spools(Some("this boot"));
    let note = note_path(&path_of(&open(&spools)));
    killed_after(&spools, NOTE_FROM_BYTES, None);
    assert!(note.exists());
    begin(&mut open(&spools), None);
    assert!(!note.exists());
    killed_after(&spools, NOTE_FROM_BYTES, None);
    open(&spools).publish().unwrap().wait().unwrap();
    assert!(!note.exists());
    fs::write(&note, "not a note").unwrap();
    assert_eq!(open(&spools).partial_body(), None);
}

#[test]
fn a_small_body_is_in_memory_until_it_is_published_grows_or_is_suspended() {
    let spools = spools(Some("this boot"));
    let name = BlobName::new(BlobKind::Spool, "x".parse().unwrap());
    let begun = |bytes: u64| {
        let mut spool = Spool::in_memory(spools.clone(), &name);
        begin(&mut spool, None);
        spool.append(&vec![b'x'; bytes as usize]).unwrap();
        spool
    };
    let part = || open(&spools).partial_body().map(|part| part.offset);
    // Nothing that was there before is a part of it.
    killed_after(&spools, NOTE_FROM_BYTES, None);

    let mut small = begun(3);
    assert_eq!(small.sha256().unwrap(), "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860");
    small.publish().unwrap().wait().unwrap();
    assert_eq!(spools.blobs.read(&name, 10).unwrap(), b"xxx");
    assert_eq!(part(), Some(NOTE_FROM_BYTES));

    begun(PART_BYTES_MIN).suspend().unwrap();
    assert_eq!(part(), Some(PART_BYTES_MIN));

    let mut grown = begun(MEMORY_BYTES_MAX);
    grown.append(b"y").unwrap();
    assert_eq!(fs::metadata(path_of(&grown)).unwrap().len(), MEMORY_BYTES_MAX + 1);
    grown.publish().unwrap().wait().unwrap();
    let published = spools.blobs.read(&name, 2 * MEMORY_BYTES_MAX).unwrap();
    assert!(published.len() as u64 == MEMORY_BYTES_MAX + 1 && published.ends_with(b"xy"));
}

#[test]
fn the_min_free_holds_for_a_body_in_memory() {
    let full = SpoolStore { min_free: FreeSpaceMin(1 << 60), ..spools(Some("this boot")) };
    let name = BlobName::new(BlobKind::Spool, "x".parse().unwrap());
    // An earlier check has found room.
    full.directory.set(std::env::temp_dir()).unwrap();
    let mut spool = Spool::in_memory(full, &name);
    assert!(is_full(&spool.begin(info(Some(10)), None).unwrap_err()));
}
