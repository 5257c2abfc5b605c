//! Tests children that exit, hang or answer badly.

use super::*;

#[tokio::test]
async fn a_child_that_exits_during_a_document_is_replaced_and_the_document_is_retried() {
    for (end, expected) in [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")] {
        let body = format!(r#"case $text in boom*) echo 'no luck' >&2; {end};; *) {NUMBER};; esac"#);
        let harness = Harness::new(&each(&body));
        let failure = harness.retry(1, "boom\n").await;
        assert_eq!(failure.reason, Reason::Command);
        assert!(
            failure.message.contains(expected) && failure.message.contains("last on standard error: no luck"),
            "{failure}"
        );
        let number = harness.token(2, "fine\n").await;
        harness.retry(1, "boom\n").await;
        assert_ne!(harness.token(3, "fine\n").await, number);
        assert_eq!(harness.blobs.names().len(), 3 + 2 * 3);
    }
}

#[tokio::test]
async fn an_invalid_answer_fails_only_its_document_for_good() {
    for (answer, expected) in [
        ("garbage", "it begins 'garbage'"),
        (r#"{"id":"PG7","tokens":[]}"#, "its id is 'PG7', not 'PG2'"),
        (r#"{"id":"PG2","tokens":["a",""]}"#, "token 2 is empty"),
        (r#"{"id":"PG2","tokens":["a\nb"]}"#, "contains a line feed"),
        (r#"{"id":"PG2"}"#, "one of tokens, text and error"),
        ("", "EOF"),
    ] {
        let body = format!("case $text in bad*) printf '%s\\n' '{answer}';; *) {NUMBER};; esac");
        let harness = Harness::new(&each(&body));
        let number = harness.token(1, "good\n").await;
        let failure = harness.fatal(2, "bad\n").await;
        assert_eq!(failure.reason, Reason::Command);
        assert!(failure.message.contains(expected), "{failure}");
        until_gone(&number).await;
        assert_ne!(harness.token(3, "good\n").await, number);
    }
}

#[tokio::test]
async fn unexpected_output_fails_no_other_document() {
    for body in [format!("{NUMBER}; {NUMBER}"), format!("{NUMBER}; echo done")] {
        let harness = Harness::new(&each(&body));
        for number in 1..10 {
            harness.run(number, "text\n").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_child_that_hangs_is_killed_with_all_its_processes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("numbers");
    let hang = format!("tail -f /dev/null & echo $$ $! >'{}'; wait", path.display());
    let harness = Harness::hasty(&each(&format!("case $text in hang*) {hang};; *) {ECHO};; esac")));
    let failure = harness.fatal(1, "hang\n").await;
    assert_eq!(failure.reason, Reason::Timeout);
    assert!(failure.message.contains("within 0.3 s") && failure.message.contains("flush"), "{failure}");
    for number in until_written(&path).await.split_whitespace() {
        until_gone(number).await;
    }
}

#[tokio::test]
async fn a_child_that_never_reads_is_killed_after_the_timeout() {
    let harness = Harness::hasty("exec tail -f /dev/null");
    let failure = harness.fatal(1, &"a long text\n".repeat(100_000)).await;
    assert_eq!(failure.reason, Reason::Timeout);
}

#[tokio::test]
async fn a_child_that_closes_its_input_or_output_counts_as_exited() {
    let long = "a long text\n".repeat(100_000);
    for command in ["exec <&-", "exec >&-; while read -r line; do :; done", "exec >&- <&-"] {
        let failure = Harness::new(command).retry(1, &long).await;
        assert!(failure.message.contains("ended with exit status 0"), "{command}: {failure}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let harness = Harness::new(&each("tr '\\0' x </dev/zero"));
    let failure = harness.fatal(1, "text\n").await;
    assert!(failure.message.contains("more than 1048616 bytes"), "{failure}");
}

#[tokio::test]
async fn a_command_that_cannot_work_halts_the_stage_with_the_reason() {
    for (command, expected) in [
        ("exec no-such-command-anywhere", "127"),
        ("echo 'cannot import' >&2; exit 1", "cannot import"),
        ("if", "exit status 2"),
    ] {
        let failure = Harness::new(command).halt(1, "text\n").await;
        assert_eq!(failure.reason, Reason::Command);
        assert!(failure.message.contains("does not work") && failure.message.contains(expected), "{failure}");
    }
    let harness = Harness::new("true");
    harness.retry(1, "text\n").await;
    harness.retry(2, "text\n").await;
    let failure = harness.halt(3, "text\n").await;
    assert!(failure.message.contains("3 times with documents in a row"), "{failure}");
}
