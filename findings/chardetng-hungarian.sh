#!/usr/bin/env bash
# chardetng 1.0.0 (with encoding_rs 0.8.35) detects ordinary Hungarian prose in windows-1250 or ISO-8859-2 as
# windows-1252 (here: 9 KB of prose), so ő and ű become õ and û in words that still look right. If the caller
# names the country .hu, it detects ISO-8859-2 for both. That is correct, because all Hungarian letters have
# the same bytes in both encodings. For Polish and Czech in the same two encodings, chardetng needs no such
# hint.
#
# Output seen:
#   hungarian windows-1250: alone windows-1252, with hu ISO-8859-2
#   hungarian ISO-8859-2: alone windows-1252, with hu ISO-8859-2
#   polish windows-1250: alone windows-1250
#   polish ISO-8859-2: alone ISO-8859-2
#   czech windows-1250: alone windows-1250
#   czech ISO-8859-2: alone ISO-8859-2
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
cargo init --quiet --name probe --vcs none
cat >> Cargo.toml <<'TOML'
chardetng = "=1.0.0"
encoding_rs = "=0.8.35"
TOML
cat > src/main.rs <<'RUST'
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250};

const HUNGARIAN: &str = "Az öreg malom fölött sötét felhők gyűltek, és a szél esőt hozott a hegyek felől. A kertből őszi füst \
    szállt a tető fölé; a nő az ajtóban állt, és a hűvös estében a tűz fényét figyelte. Később megjött az erdész is. ";
const POLISH: &str = "Nad starym młynem zbierały się ciemne chmury, a wiatr niósł deszcz od strony gór. Z ogrodu unosił się \
    jesienny dym; kobieta stała w drzwiach i patrzyła na ogień. Później przyszedł też leśniczy. ";
const CZECH: &str = "Nad starým mlýnem se stahovaly tmavé mraky a vítr přinášel déšť od hor. Ze zahrady stoupal podzimní \
    kouř; žena stála ve dveřích a dívala se na oheň. Později přišel také hajný. ";

fn guess(bytes: &[u8], country: Option<&[u8]>) -> &'static str {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(country, Utf8Detection::Deny).name()
}

fn main() {
    for (name, text, country) in
        [("hungarian", HUNGARIAN, Some(&b"hu"[..])), ("polish", POLISH, None), ("czech", CZECH, None)]
    {
        for encoding in [WINDOWS_1250, ISO_8859_2] as [&Encoding; 2] {
            let text = text.repeat(40);
            let (bytes, _, failed) = encoding.encode(&text);
            assert!(!failed);
            print!("{name} {}: alone {}", encoding.name(), guess(&bytes, None));
            match country {
                Some(country) => println!(", with hu {}", guess(&bytes, Some(country))),
                None => println!(),
            }
        }
    }
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
hungarian windows-1250: alone windows-1252, with hu ISO-8859-2
hungarian ISO-8859-2: alone windows-1252, with hu ISO-8859-2
polish windows-1250: alone windows-1250
polish ISO-8859-2: alone ISO-8859-2
czech windows-1250: alone windows-1250
czech ISO-8859-2: alone ISO-8859-2
SEEN
