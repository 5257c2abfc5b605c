//! robots.txt, asked for once and heeded.

use std::time::Duration;

use fetch::stage::Fetch;
use flow::{
    failure::Reason,
    payload::{FetchJob, StoreJob},
    stage::{Attempt, Ending, Requeue, Stage},
};
use test_server::{Script, Server};

use crate::harness::{Harness, Report, Result, fatal, retry, run};

const ROBOTS: &str = "/robots.txt";

fn heeding() -> Harness {
    let mut rig = Harness::new();
    rig.config.obey_robots = true;
    rig.server.respond("/x.txt", Script::bytes("words"));
    rig
}

fn asked(rig: &Harness) -> Vec<String> {
    rig.server.requests().into_iter().map(|request| request.path).collect()
}

/// One try of a job, as the queue would make it.
async fn attempt(stage: &Fetch, job: FetchJob) -> Result<Vec<StoreJob>> {
    run(stage, job, Attempt { number: 1, failures: 0 }).await
}

#[tokio::test]
async fn the_first_try_asks_for_robots_txt_and_the_second_for_the_text() {
    let rig = heeding();
    rig.server.respond(ROBOTS, Script::bytes("User-agent: *\nDisallow: /private\nCrawl-delay: 7\n"));
    let stage = rig.stage();
    let job = rig.job(&[&rig.server.url("/x.txt")]);
    match attempt(&stage, job.clone()).await {
        Err(Report {
            ending: Ending::Requeue(Requeue::Unchanged),
            group_pause_ms: 7_000,
            request: Some(_),
        }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(asked(&rig), [ROBOTS]);
    let Report { ending, group_pause_ms, .. } = stage.run(job, Attempt { number: 1, failures: 0 }).await;
    let Ending::Done(next) = ending else { panic!("{ending:?}") };
    assert_eq!((next.len(), asked(&rig).len()), (1, 2));
    assert!((1..=7_000).contains(&group_pause_ms), "{group_pause_ms}");
    assert_eq!(fatal(attempt(&stage, rig.job(&[&rig.server.url("/private/x.txt")])).await), Reason::Robots);
    assert_eq!(asked(&rig), [ROBOTS, "/x.txt"]);
    let agent = rig.server.requests()[0].header("user-agent").map(str::to_owned);
    assert_eq!(agent.as_deref(), Some(rig.config.user_agent.as_str()));
}

#[tokio::test]
async fn rules_are_shared_by_processes_and_runs() {
    let mut rig = heeding();
    rig.config.hosts_directory = Some(rig.root.path().join("hosts"));
    rig.server.respond(ROBOTS, Script::bytes("User-agent: juggle\nDisallow: /x"));
    let job = || rig.job(&[&rig.server.url("/x.txt")]);
    assert_eq!(fatal(attempt(&rig.stage(), job()).await), Reason::Robots);
    assert_eq!(fatal(attempt(&rig.stage(), job()).await), Reason::Robots);
    assert_eq!(asked(&rig), [ROBOTS]);
}

#[tokio::test]
async fn many_tries_at_once_ask_once() {
    let rig = heeding();
    rig.server.respond(ROBOTS, Script::bytes("").throttle(1, Duration::from_millis(50)));
    let stage = rig.stage();
    let job = rig.job(&[&rig.server.url("/x.txt")]);
    let tries = futures_util::future::join_all((0..8).map(|_| attempt(&stage, job.clone()))).await;
    let deferred = tries
        .iter()
        .filter(|tried| matches!(tried, Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })))
        .count();
    assert_eq!((deferred, rig.server.count(ROBOTS)), (1, 1));
}

#[tokio::test]
async fn without_robots_txt_nothing_is_forbidden() {
    for status in [400, 401, 403, 404, 410, 418, 451] {
        let rig = heeding();
        rig.server.respond(ROBOTS, Script::empty(status));
        let stage = rig.stage();
        let job = rig.job(&[&rig.server.url("/x.txt")]);
        assert!(
            matches!(
                attempt(&stage, job.clone()).await,
                Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })
            ),
            "{status}"
        );
        assert!(attempt(&stage, job).await.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn while_robots_txt_cannot_be_had_everything_is_forbidden_and_tried_again() {
    let rig = heeding();
    let get = || async { attempt(&rig.stage(), rig.job(&[&rig.server.url("/x.txt")])).await };
    for status in [500, 503, 599, 429] {
        rig.server.respond(ROBOTS, Script::empty(status).header("retry-after", "20"));
        let (reason, ..) = retry(get().await);
        assert_eq!(reason, Reason::Robots, "{status}");
    }
    rig.server.respond(ROBOTS, Script::bytes("User-agent: *\nDisallow: /").cut_after(5));
    assert_eq!(retry(get().await).0, Reason::Truncated);
    assert_eq!(rig.server.count("/x.txt"), 0);
}

#[tokio::test]
async fn redirects_of_robots_txt_are_followed_five_times_to_allowed_hosts() {
    let rig = heeding();
    rig.server.respond(ROBOTS, Script::redirect("/1"));
    for n in 1..5 {
        rig.server.respond(&format!("/{n}"), Script::redirect(&format!("/{}", n + 1)));
    }
    rig.server.respond("/5", Script::bytes("User-agent: *\nDisallow: /x"));
    let get = || async { attempt(&rig.stage(), rig.job(&[&rig.server.url("/x.txt")])).await };
    assert_eq!(fatal(get().await), Reason::Robots);
    rig.server.respond("/5", Script::redirect("/6"));
    assert!(matches!(get().await, Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })));
    assert_eq!(rig.server.count("/6"), 0);
    let canary = Server::start(rig.root.path()).unwrap();
    rig.server.respond(ROBOTS, Script::redirect(&canary.url("/robots.txt")));
    assert!(matches!(get().await, Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })));
    assert_eq!(canary.request_count(), 0);
}

#[tokio::test]
async fn an_endless_robots_txt_is_read_up_to_its_bound() {
    let rig = heeding();
    let rules = format!("User-agent: *\nDisallow: /x\n{}", "# more\n".repeat(100_000));
    rig.server.respond(ROBOTS, Script::bytes(rules));
    let stage = rig.stage();
    assert_eq!(fatal(attempt(&stage, rig.job(&[&rig.server.url("/x.txt")])).await), Reason::Robots);
}

#[tokio::test]
async fn rules_hold_for_where_a_redirect_leads() {
    let mut rig = heeding();
    let other = Server::start(rig.root.path()).unwrap();
    rig.allow(&other);
    other.respond(ROBOTS, Script::bytes("User-agent: *\nDisallow: /closed"));
    rig.server.respond("/x.txt", Script::redirect(&other.url("/closed/x.txt")));
    let stage = rig.stage();
    let mut job = rig.job(&[&rig.server.url("/x.txt")]);
    assert!(matches!(
        attempt(&stage, job.clone()).await,
        Err(Report { ending: Ending::Requeue(Requeue::Unchanged), .. })
    ));
    match attempt(&stage, job).await {
        Err(Report { ending: Ending::Requeue(Requeue::Moved { job: revised, .. }), .. }) => job = *revised,
        other => panic!("{other:?}"),
    }
    assert_eq!(job.host.as_deref(), Some(other.addr().to_string().as_str()));
    assert_eq!(fatal(attempt(&stage, job).await), Reason::Robots);
    assert_eq!(other.request_count(), 1);
}
