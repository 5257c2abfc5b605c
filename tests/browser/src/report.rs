//! The report, opened as a file.

use std::time::Duration;

use crate::{browser::Browser, run::Run};

#[tokio::test]
async fn a_report_needs_neither_network_nor_script_and_axe_finds_nothing_serious() {
    let run = Run::of_texts(8, Duration::ZERO);
    run.finish().await;
    run.run(&["report"]).await;
    let browser = Browser::start().await;
    browser.open(&format!("file://{}", run.out().join("report.html").display())).await;
    browser.find("h1").await;
    assert!(
        browser
            .is("document.scripts.length === 0 && performance.getEntriesByType('resource').length === 0")
            .await
    );
    for scheme in ["light", "dark"] {
        browser.colour_scheme(scheme).await;
        let findings = browser.findings().await;
        assert!(findings.is_empty(), "{scheme}: {findings:#?}");
        browser.picture(&format!("report-{scheme}"), 390).await;
        browser.picture(&format!("report-{scheme}"), 1_600).await;
    }
    browser.client.set_window_size(390, 900).await.unwrap();
    assert!(browser.is("document.documentElement.scrollWidth <= document.documentElement.clientWidth").await);
    browser.end().await;
}
