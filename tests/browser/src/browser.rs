//! Chromium, driven through ChromeDriver.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    wd::{TimeoutConfiguration, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The time that a change of the page may take.
const PATIENCE: Duration = Duration::from_secs(20);
const BEAT: Duration = Duration::from_millis(50);

/// A browser with one page, of its own profile. It ends when it is dropped.
pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Child,
    _profile: TempDir,
}

/// The directory for what is installed for these tests, and for pictures of pages.
pub(crate) fn directory() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/browser");
    fs::create_dir_all(&path).unwrap();
    path
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed by `make test-browser`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // What it prints later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,900",
            &format!("--user-data-dir={}", profile.path().display()),
        ]
        .map(str::to_owned);
        let options =
            json!({ "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(options) = options else { unreachable!("it is written as an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let patience = TimeoutConfiguration::new(Some(PATIENCE), None, None);
        client.update_timeouts(patience).await.unwrap();
        Self { client, _driver: driver, _profile: profile }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until there is an element that a selector of CSS selects.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let waiting = self.client.wait().at_most(PATIENCE).every(BEAT).for_element(Locator::Css(css));
        waiting.await.unwrap_or_else(|error| panic!("no {css}: {error}"))
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Waits until an expression of JavaScript is true. The page evaluates it before each repaint.
    pub(crate) async fn until(&self, expression: &str) {
        let wait = format!(
            "const done = arguments[0]; \
             const look = () => ({expression}) ? done() : requestAnimationFrame(look); look()"
        );
        if let Err(error) = self.client.execute_async(&wait, vec![]).await {
            let text = self.script("return document.body.innerText").await;
            panic!("never: {expression}: {error}\n{}", text.as_str().unwrap_or_default());
        }
    }

    pub(crate) async fn is(&self, expression: &str) -> bool {
        self.script(&format!("return Boolean({expression})")).await == Value::Bool(true)
    }

    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Presses keys in whatever has the focus.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Saves a picture of the whole page, for people to look at.
    pub(crate) async fn picture(&self, name: &str, width: u32) {
        self.client.set_window_size(width, 900).await.unwrap();
        let height = self.script("return document.documentElement.scrollHeight").await.as_u64().unwrap();
        self.client
            .set_window_size(width, u32::try_from(height).unwrap().clamp(300, 4_000) + 100)
            .await
            .unwrap();
        fs::write(directory().join(format!("{name}-{width}.png")), self.client.screenshot().await.unwrap())
            .unwrap();
        self.client.set_window_size(1_200, 900).await.unwrap();
    }

    /// Emulates a dark or light system.
    pub(crate) async fn colour_scheme(&self, scheme: &str) {
        let parameters = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let command = json!({ "cmd": "Emulation.setEmulatedMedia", "params": parameters });
        self.client.issue_cmd(ChromeCommand { path: "goog/cdp/execute", body: command }).await.unwrap();
    }

    /// Returns the serious and critical findings of axe-core on this page.
    pub(crate) async fn findings(&self) -> Vec<String> {
        let axe = fs::read_to_string(directory().join("axe.min.js"));
        let axe = axe.expect("axe-core is installed by `make test-browser`");
        // The content policy of the page does not hold for scripts of the driver.
        self.script(&axe).await;
        let run = "const done = arguments[0]; axe.run(document).then((r) => done(r.violations), (e) => done(String(e)))";
        let found = self.client.execute_async(run, vec![]).await.unwrap();
        let found = found.as_array().unwrap_or_else(|| panic!("axe failed: {found}"));
        found
            .iter()
            .filter(|finding| {
                ["serious", "critical"].contains(&finding["impact"].as_str().unwrap_or_default())
            })
            .map(|finding| format!("{}: {} {}", finding["id"], finding["help"], finding["nodes"][0]["html"]))
            .collect()
    }

    /// Ends the browser. There must be no message of the console, such as one about the content policy.
    pub(crate) async fn end(self) {
        let messages = self.console().await;
        assert!(messages.is_empty(), "{messages:?}");
        self.client.close().await.unwrap();
    }

    /// Returns the messages of the console since the last call.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = ChromeCommand { path: "se/log", body: json!({ "type": "browser" }) };
        let log = self.client.issue_cmd(log).await.unwrap();
        let log = log.as_array().cloned().unwrap_or_default();
        log.iter().map(|message| message["message"].to_string()).collect()
    }
}

/// A command that is not in the standard.
#[derive(Debug)]
struct ChromeCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
