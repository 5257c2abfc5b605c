//! robots.txt: any text, any path. The first line of the input is the path, the rest is the text.
//!
//! * A verdict is the same however often it is asked for, and a delay is within its cap.
//! * `/robots.txt` itself and every path under an empty text may be fetched.
//! * Line ends and a comment at the end do not matter.
//! * A text far over the 500 KiB that are read takes bounded time: libFuzzer's `-timeout` watches that.
#![no_main]

use fetch::{fuzzing::robots, politeness::robots::RobotsAccess};
use libfuzzer_sys::fuzz_target;
use url::Url;

const AGENT: &str = "juggle/1.0 (+fuzz@example.org)";
const CRAWL_DELAY_MAX_MS: u64 = 600_000;
const READ_BYTES_MAX: usize = 500 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let input = String::from_utf8_lossy(bytes);
    let (path, text) = input.split_once('\n').unwrap_or((&input, ""));
    let Ok(url) = Url::parse("http://host.example").and_then(|origin| origin.join(path)) else { return };
    if !matches!(url.scheme(), "http" | "https") {
        return;
    }
    let verdict = robots(text, AGENT, &url);
    if let RobotsAccess::Allowed { crawl_delay_ms } = verdict {
        assert!(crawl_delay_ms <= CRAWL_DELAY_MAX_MS, "{crawl_delay_ms}");
    }
    assert_eq!(robots(text, AGENT, &url), verdict);
    assert_eq!(robots("", AGENT, &url), RobotsAccess::Allowed { crawl_delay_ms: 0 });
    assert_eq!(robots(&format!("{text}\n# the end"), AGENT, &url), verdict, "a comment at the end");
    let itself = url.join("/robots.txt").expect("a path");
    assert_ne!(robots(text, AGENT, &itself), RobotsAccess::Forbidden, "robots.txt itself");
    if !text.contains('\r') {
        assert_eq!(robots(&text.replace('\n', "\r\n"), AGENT, &url), verdict, "line ends");
    }
    // Only the first 500 KiB count: a repeated text is as long as a server can make it.
    if !text.is_empty() && bytes.len() % 16 == 0 {
        let mut long = format!("{text}\n").repeat(READ_BYTES_MAX / (text.len() + 1) + 2);
        long.truncate(long.floor_char_boundary(READ_BYTES_MAX));
        let cut = robots(&long, AGENT, &url);
        let more = robots(&format!("{long}\nUser-agent: *\nDisallow: /\n"), AGENT, &url);
        assert!(more == cut || long.len() < READ_BYTES_MAX, "what stands behind the limit counts");
    }
});
