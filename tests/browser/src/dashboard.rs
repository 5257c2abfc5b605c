//! The dashboard, used as an operator would.

use std::time::Duration;

use test_server::Script;

use crate::{browser::Browser, run::Run};

const AT_ONCE: Duration = Duration::ZERO;
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const PAGES: [&str; 7] =
    ["/", "/lanes?state=dead", "/hosts", "/documents", "/documents/t0", "/documents/t1", "/failures"];

/// Returns the URL of a page. The first page has given the browser its cookie.
fn at(url: &str, path: &str) -> String {
    format!("{}{path}", url.split("/?").next().unwrap())
}

#[tokio::test]
async fn figures_change_while_a_pipeline_runs_and_nothing_is_loaded_again() {
    let mut run = Run::of_texts(60, Duration::from_millis(300));
    let url = run.start(&["-j", "2", "-x", "2"]).await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser.find("#lanes-fetch").await;
    assert!(!browser.client.current_url().await.unwrap().as_str().contains("token"));
    browser.script("window.loaded = 1").await;
    browser.until("document.getElementById('link').textContent.startsWith('Up to date')").await;
    let done = "Number(document.querySelector('#lanes-process td:nth-child(3)').textContent)";
    browser.until(&format!("{done} > 3")).await;
    let first = browser.script(&format!("return {done}")).await.as_u64().unwrap();
    browser.until(&format!("{done} > {first}")).await;
    assert!(browser.is("window.loaded === 1").await, "the page was loaded again");
    browser.picture("overview-live", 1_200).await;
    // What is typed stays, and keeps the focus, while the page changes around it.
    browser.open(&at(&url, "/hosts")).await;
    browser.find("input[name=q]").await.send_keys("127").await.unwrap();
    let requests = "Number(document.querySelector('#host tbody td:nth-child(6)').textContent)";
    let first = browser.script(&format!("return {requests}")).await.as_u64().unwrap();
    browser.until(&format!("{requests} > {first}")).await;
    assert!(
        browser.is("document.activeElement.name === 'q' && document.activeElement.value === '127'").await
    );
    drop(run);
    browser.until("document.body.classList.contains('stale')").await;
    browser.console().await;
    browser.end().await;
}

#[tokio::test]
async fn a_failed_document_is_tried_again_and_a_lane_is_paused() {
    let mut run = Run::of_texts(3, AT_ONCE);
    run.server.respond("/t1.txt", Script::empty(404));
    run.server.respond("/t2.txt", Script::empty(500));
    run.finish().await;
    run.server.respond("/t1.txt", Script::file());
    let url = run.look().await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser.until("document.getElementById('state').textContent.includes('2 failed.')").await;
    browser.click("#kinds a[href*='404']").await;
    browser.find("#dead").await;
    assert!(browser.text("#dead").await.contains("404 Not Found"));
    assert!(!browser.text("#dead").await.contains("500"), "only those of the kind are listed");
    // First the answer is no.
    browser.click("#dead button[aria-label='Retry t1']").await;
    assert!(browser.text("#question").await.contains("Retry t1?"));
    browser.click("#ask button[value=no]").await;
    browser.until("document.getElementById('message').textContent === 'Nothing was changed.'").await;
    browser.click("#dead button[aria-label='Retry t1']").await;
    browser.click("#ask button[value=yes]").await;
    browser.until("document.getElementById('message').textContent === '1 job was changed.'").await;
    browser.until("document.getElementById('state').textContent.includes('1 document left')").await;
    browser.until("document.getElementById('state').textContent.includes('1 failed')").await;
    // The pipeline does what the browser asked for.
    run.run(&["pipeline", "--keep-going", "--accept-dead"]).await;
    browser.open(&at(&url, "/documents/t1")).await;
    browser.until("document.getElementById('attempt').innerText.includes('done')").await;
    assert!(browser.text("pre").await.contains("Line one of text 1."));
    browser.open(&at(&url, "/lanes")).await;
    browser.click("button[aria-label='Pause the store lane']").await;
    browser.click("#ask button[value=yes]").await;
    browser.until("document.getElementById('message').textContent === 'The store lane is paused.'").await;
    browser.until("document.querySelector('#lanes-store th').textContent.includes('paused')").await;
    browser.click("button[aria-label='Resume the store lane']").await;
    browser.until("document.getElementById('message').textContent === 'The store lane is running.'").await;
    browser.end().await;
}

#[tokio::test]
async fn titles_of_strangers_are_text_and_documents_are_found() {
    let mut run = Run::of_texts(60, AT_ONCE);
    run.finish().await;
    let url = run.look().await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser.find("#lanes").await;
    browser.open(&at(&url, "/documents/t0")).await;
    assert!(browser.text(".title").await.starts_with("<script>window.broken=1</script>"));
    browser.open(&at(&url, "/documents?q=%3Cscript%3E")).await;
    assert!(browser.text("#document-t0").await.contains("<script>"));
    assert!(browser.is("window.broken === undefined && document.querySelectorAll('img').length === 0").await);
    browser.open(&at(&url, "/documents")).await;
    assert!(browser.text("main").await.contains("60 stored documents"));
    browser.find("input[name=q]").await.send_keys("title 17").await.unwrap();
    browser.click(".filter button").await;
    browser.find("#document-t17").await;
    assert!(browser.text("main").await.contains("Found 1 document"));
    browser.open(&at(&url, "/documents?language=fr")).await;
    assert!(browser.text("main").await.contains("Found 30 documents"));
    browser.open(&at(&url, "/documents")).await;
    browser.client.find(fantoccini::Locator::LinkText("Next page")).await.unwrap().click().await.unwrap();
    browser.until("document.querySelectorAll('#document tbody tr').length === 10").await;
    browser.end().await;
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard() {
    let mut run = Run::of_texts(2, AT_ONCE);
    run.finish().await;
    let url = run.look().await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser.find("#lanes").await;
    let tab_to = async |label: &str| {
        for _ in 0..60 {
            if browser.is(&format!("document.activeElement.ariaLabel === '{label}'")).await {
                return;
            }
            browser.press(TAB).await;
        }
        panic!("{label} is not reached by Tab");
    };
    browser.press(TAB).await;
    assert!(
        browser.is("document.activeElement.className === 'skip'").await,
        "first comes the way past the navigation"
    );
    tab_to("Pause the fetch lane").await;
    browser.press(ENTER).await;
    browser.until("document.getElementById('ask').open").await;
    browser.press(ESCAPE).await;
    browser.until("document.getElementById('message').textContent === 'Nothing was changed.'").await;
    assert!(
        browser.is("document.activeElement.ariaLabel === 'Pause the fetch lane'").await,
        "the focus comes back"
    );
    browser.press(ENTER).await;
    browser.until("document.getElementById('ask').open").await;
    // Cancel has the focus first.
    assert!(browser.is("document.activeElement.value === 'no'").await);
    browser.press(TAB).await;
    browser.press(ENTER).await;
    browser.until("document.getElementById('message').textContent === 'The fetch lane is paused.'").await;
    tab_to("Resume the fetch lane").await;
    browser.press(ENTER).await;
    browser.until("document.getElementById('message').textContent === 'The fetch lane is running.'").await;
    browser.end().await;
}

#[tokio::test]
async fn axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen() {
    let mut run = Run::of_texts(8, AT_ONCE);
    run.server.respond("/t1.txt", Script::empty(404));
    run.server.respond("/t2.txt", Script::empty(429).header("Retry-After", "120"));
    let url = run.start(&["--retry", "3"]).await;
    let browser = Browser::start().await;
    browser.open(&url).await;
    browser.until("document.getElementById('state').textContent.includes('1 failed')").await;
    browser.until("document.querySelector('#held')").await;
    for scheme in ["light", "dark"] {
        browser.colour_scheme(scheme).await;
        for path in PAGES {
            browser.open(&at(&url, path)).await;
            browser.find("#content").await;
            let findings = browser.findings().await;
            assert!(findings.is_empty(), "{path} {scheme}: {findings:#?}");
            browser.client.set_window_size(390, 900).await.unwrap();
            assert!(
                browser
                    .is("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
                    .await,
                "{path} is wider than a telephone"
            );
            let name = path.split('?').next().unwrap().trim_matches('/').replace('/', "-");
            let name = if name.is_empty() { "overview" } else { &name };
            for width in [390, 1_600] {
                browser.picture(&format!("{name}-{scheme}"), width).await;
            }
        }
    }
    let loaded = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))\
        .reduce((sum, entry) => sum + (entry.name.endsWith('/events') ? 0 : entry.decodedBodySize), 0)";
    browser.open(&at(&url, "/")).await;
    let bytes = browser.script(&format!("return {loaded}")).await.as_u64().unwrap();
    assert!((1..150_000).contains(&bytes), "{bytes} bytes for the first page");
    browser.end().await;
}

#[tokio::test]
async fn without_the_token_there_is_nothing_to_see() {
    let mut run = Run::of_texts(1, AT_ONCE);
    run.finish().await;
    let url = run.look().await;
    let browser = Browser::start().await;
    browser.open(&at(&url, "/")).await;
    assert!(browser.text("body").await.contains("the token is missing or wrong"));
    assert!(browser.client.get_all_cookies().await.unwrap().is_empty());
    browser.console().await;
    browser.end().await;
}
