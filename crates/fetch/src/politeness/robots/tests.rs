use super::*;

fn verdict(text: &str, path: &str) -> RobotsAccess {
    says(text, "juggle/1.0 (+x)", &format!("http://h{path}").parse().unwrap())
}

fn allowed(text: &str, path: &str) -> bool {
    verdict(text, path) != RobotsAccess::Forbidden
}

#[test]
fn the_rules_are_those_of_rfc_9309() {
    let text =
        "User-agent: *\nDisallow: /\n\nUSER-AGENT: Juggle\nDisallow: /a\nAllow: /a/b\nDisallow: /*.zip$\n";
    for (path, is_allowed) in [
        ("/", true),
        ("/a", false),
        ("/a/c", false),
        ("/a/b", true),
        ("/a/b/c?d", true),
        ("/x.zip", false),
        ("/x.zip?y", true),
        ("/%61", false),
        ("/robots.txt", true),
    ] {
        assert_eq!(allowed(text, path), is_allowed, "{path}");
    }
    assert!(!allowed("User-agent: *\nDisallow: /", "/x"));
    assert!(allowed("User-agent: other\nDisallow: /", "/x"));
    assert!(allowed("", "/x") && allowed("<html>Not found</html>", "/x"));
    assert!(!allowed("\u{feff}User-agent: *\r\nDisallow: /x\r\n", "/x?q"));
    assert!(!allowed("User-agent: *\nDisallow: /x?q", "/x?q=1"));
}

#[test]
fn a_crawl_delay_is_obeyed_up_to_its_bound() {
    let delay = |value: &str| match verdict(&format!("User-agent: *\nCrawl-delay: {value}"), "/") {
        RobotsAccess::Allowed { crawl_delay_ms } => crawl_delay_ms,
        RobotsAccess::Forbidden => panic!("nothing is forbidden"),
    };
    assert_eq!(delay("10"), 10_000);
    assert_eq!(delay("0.5"), 500);
    assert_eq!(delay("86400"), 600_000);
    for nonsense in ["", "-1", "soon", "NaN"] {
        assert_eq!(delay(nonsense), 0, "{nonsense}");
    }
}

#[tokio::test]
async fn old_rules_are_used_where_new_ones_cannot_be_had_and_not_asked_for_at_every_try() {
    let directory = tempfile::tempdir().unwrap();
    let server = test_server::Server::start(directory.path()).unwrap();
    server.respond("/robots.txt", test_server::Script::empty(503));
    let files = Arc::new(HostCache::new(Some(directory.path().join("hosts"))));
    let text = "User-agent: *\nDisallow: /closed".to_owned();
    files.write(
        CacheKind::Robots,
        &server.base_url(),
        &CachedRobots { origin: server.base_url(), at_ms: 1, text },
    );
    let allow_hosts = vec![server.addr().to_string().parse().unwrap()];
    let requester = Requester::new(&FetchConfig { allow_hosts, ..FetchConfig::default() }).unwrap();
    let book = RobotsCache::new(&FetchConfig::default(), files, Clock::start());
    let open = RobotsAccess::Allowed { crawl_delay_ms: 0 };
    for (path, expected) in [
        ("/open", (open, RulesSource::Requested)),
        ("/open", (open, RulesSource::Cached)),
        ("/closed", (RobotsAccess::Forbidden, RulesSource::Cached)),
    ] {
        let url = server.url(path).parse().unwrap();
        assert_eq!(book.check(&url, &requester).await.unwrap(), expected, "{path}");
    }
    assert_eq!(server.count("/robots.txt"), 1);
}

#[test]
fn the_product_token_is_the_name_without_version() {
    for (agent, token) in
        [("juggle/0.1 (+a@b.c)", "juggle"), ("My-Bot_x 2", "My-Bot_x"), ("Bot", "Bot"), ("7up", "")]
    {
        assert_eq!(product_token(agent), token);
    }
}
