//! Several URLs of one text.

use flow::{
    failure::Reason,
    payload::FetchJob,
    stage::{Ending, Requeue},
};
use test_server::Script;

use crate::harness::{Harness, Report, Result, fatal, retry};

fn rerouted<T: std::fmt::Debug>(result: Result<T>) -> (Reason, FetchJob) {
    match result {
        Err(Report {
            ending: Ending::Requeue(Requeue::Rerouted { failure, after_ms: 0, job: revised }),
            ..
        }) => (failure.reason, *revised),
        other => panic!("not rerouted: {other:?}"),
    }
}

#[tokio::test]
async fn a_mirror_takes_over_where_a_host_has_not_the_text() {
    let rig = Harness::new();
    rig.server.respond("/2.txt", Script::bytes("words"));
    let job =
        rig.job(&[&rig.server.url("/1.txt"), "http://10.0.0.1/x", "nonsense", &rig.server.url("/2.txt")]);
    let (reason, job) = rerouted(rig.attempt(job, 0).await);
    assert_eq!((reason, job.candidate, job.host.as_deref()), (Reason::HttpStatus, 1, Some("10.0.0.1")));
    let (reason, job) = rerouted(rig.attempt(job, 0).await);
    assert_eq!((reason, job.candidate, job.host.as_deref()), (Reason::ForbiddenAddress, 2, None));
    let (reason, job) = rerouted(rig.attempt(job, 0).await);
    assert_eq!((reason, job.candidate), (Reason::Internal, 3));
    assert_eq!(job.host, Some(rig.server.addr().to_string()));
    let done = rig.attempt(job, 0).await.unwrap();
    assert_eq!(rig.spooled(&done.fetched), b"words");
    assert_eq!(done.fetched.url, rig.server.url("/2.txt"));
}

#[tokio::test]
async fn a_candidate_is_tried_twice_where_it_may_go_better() {
    let rig = Harness::new();
    rig.server.respond("/1.txt", Script::empty(500));
    let job = rig.job(&[&rig.server.url("/1.txt"), &rig.server.url("/2.txt")]);
    assert_eq!(retry(rig.attempt(job.clone(), 0).await).0, Reason::HttpStatus);
    let (_, job) = rerouted(rig.attempt(job, 1).await);
    assert_eq!(job.candidate, 1);
    assert_eq!(fatal(rig.attempt(job, 0).await), Reason::HttpStatus);
}

#[tokio::test]
async fn a_job_queued_under_another_host_contacts_nobody() {
    let mut rig = Harness::new();
    rig.server.respond("/x.txt", Script::bytes("words"));
    let job = rig.job(&["http://books.example/x.txt"]);
    assert_eq!(job.host.as_deref(), Some("books.example"));
    rig.config.mirrors = vec![format!("http://books.example={}", rig.server.base_url()).parse().unwrap()];
    let Err(Report { ending: Ending::Requeue(Requeue::Moved { job: revised, .. }), .. }) =
        rig.attempt(job, 0).await
    else {
        panic!("it is not moved")
    };
    let job = *revised;
    assert_eq!((job.candidate, &job.host), (0, &Some(rig.server.addr().to_string())));
    assert_eq!(rig.server.request_count(), 0);
    assert_eq!(rig.spooled(&rig.attempt(job, 0).await.unwrap().fetched), b"words");
}

#[tokio::test]
async fn what_is_no_url_fails_with_its_text() {
    let rig = Harness::new();
    for url in ["nonsense", "ftp://a.example/x", "http://"] {
        let Err(Report { ending: Ending::Dead(failure), .. }) = rig.fetch(url).await else { panic!("{url}") };
        assert!(failure.message.contains(url), "{failure}");
    }
    let mut job = rig.job(&["http://a.example/"]);
    job.candidate = 7;
    assert_eq!(fatal(rig.attempt(job, 0).await), Reason::Internal);
}
