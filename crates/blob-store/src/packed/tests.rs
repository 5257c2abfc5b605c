use std::sync::Mutex;

use flow::testing::blob_contract::blob_contract;

use super::*;

fn open(dir: &Path) -> PackedBlobs {
    PackedBlobs::open(dir, Durability::Power).unwrap()
}

#[test]
fn blobs_in_segments_keep_the_contract() {
    for durability in [Durability::Power, Durability::Process] {
        let dirs = Mutex::new(Vec::new());
        blob_contract(|| {
            let dir = tempfile::tempdir().unwrap();
            let blobs = PackedBlobs::open(&dir.path().join("a/run"), durability).unwrap();
            dirs.lock().unwrap().push(dir);
            Arc::new(blobs)
        });
    }
}
