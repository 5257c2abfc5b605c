//! Tests the start, the number and the end of children.

use super::*;
use crate::schedule::busy_time::imbalance;

#[tokio::test]
async fn a_command_that_exits_after_each_document_processes_all() {
    let harness = Harness::new(&format!("head -n 1 | {{ {}\n}}", each(NUMBER)));
    for number in 1..6 {
        harness.run(number, "text\n").await.unwrap();
    }
}

#[tokio::test]
async fn at_the_end_the_stage_closes_the_input_of_children_and_waits_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("end");
    let harness = Harness::new(&format!("{}; echo bye >'{}'", each(NUMBER), path.display()));
    let number = harness.token(1, "text\n").await;
    assert!(!path.exists());
    harness.exec.end(PATIENT).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "bye\n");
    until_gone(&number).await;
}

#[tokio::test]
async fn a_child_that_does_not_exit_after_its_input_is_stopped() {
    let harness = Harness::new(&format!("{}; exec tail -f /dev/null", each(NUMBER)));
    let number = harness.token(1, "text\n").await;
    harness.exec.end(Duration::ZERO).await;
    until_gone(&number).await;
}

#[tokio::test]
async fn a_document_whose_caller_is_dropped_kills_its_child() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("number");
    let harness = Harness::new(&each(&format!("echo $$ >'{}'; tail -f /dev/null", path.display())));
    let number = tokio::select! {
        ended = harness.run(1, "text\n") => panic!("{ended:?}"),
        number = until_written(&path) => number,
    };
    until_gone(&number).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn children_inherit_no_open_files() {
    // The same files as in a shell that this test starts directly.
    let list = r#"open=; for file in /proc/$$/fd/*; do open="$open ${file##*/}"; done"#;
    let body = format!(r#"{list}; printf '{{"id":"%s","tokens":["%s"]}}\n' "$id" "$open""#);
    let alone = std::process::Command::new("sh").args(["-c", &format!("{list}; echo \"$open\"")]).output();
    let alone = String::from_utf8(alone.unwrap().stdout).unwrap();
    let harness = Harness::of(&each(&body), 3, PATIENT, Options::default());
    let (first, second) = tokio::join!(harness.token(1, "text\n"), harness.token(2, "text\n"));
    assert_eq!((first.trim(), second.trim()), (alone.trim(), alone.trim()));
}

#[tokio::test]
async fn many_documents_are_shared_by_as_many_children_as_there_are_threads() {
    let harness = Harness::of(&each(NUMBER), 3, PATIENT, Options::default());
    let mut running = tokio::task::JoinSet::new();
    for number in 1..=40 {
        let (job, exec) = (harness.put(number, "text\n"), Arc::clone(&harness.exec));
        running.spawn(async move {
            exec.run(job, Attempt { number: 1, failures: 0 }).await.into_result().map(|_| ())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap().unwrap();
    }
    let children: std::collections::BTreeSet<String> =
        (1..=40).map(|number| read(&harness.blobs, BlobKind::Tokens, number)).collect();
    assert!((1..=3).contains(&children.len()), "{children:?}");
    assert_eq!((harness.exec.threads(), harness.exec.busy().len()), (3, 3));
    assert!(imbalance(&harness.exec.busy()).is_some());
}
