//! `Content-Encoding` undone. The first byte says which codings, the second how it is cut, the rest is the
//! body.
//!
//! * No more comes out than the caps allow, whatever comes in; a fault ends it.
//! * What decodes is the same however it is cut, and so is whether it decodes; which of several faults is met
//!   first is not.
//! * What the encoders of other hands make of any bytes decodes to them; cut short, it does not decode.
#![no_main]

use std::io::{BufReader, Write};

use fetch::coding::{
    codings::Codings,
    decoder::{Decoder, Fault, RATIO_FROM_BYTES, RATIO_MAX},
};
use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use libfuzzer_sys::fuzz_target;

const CODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, gzip", "br, deflate", "zstd, br, gzip", "identity"];
const BYTES_MAX: u64 = 3 << 20;
const CUTS: [usize; 6] = [1, 2, 7, 64, 4096, 1 << 20];

fuzz_target!(|bytes: &[u8]| {
    let [which, cut, body @ ..] = bytes else { return };
    let codings = CODINGS[usize::from(*which) % CODINGS.len()];
    let cut = CUTS[usize::from(*cut) % CUTS.len()];
    hostile(codings, cut, body);
    if *which >= 128 {
        round_trip(*which, cut, body);
    }
});

fn decode(codings: &str, body: &[u8], cut: usize, bytes_max: u64) -> (Vec<u8>, Option<Fault>) {
    let codings = Codings::parse([codings.as_bytes()]).expect("they are known");
    let mut decoder = Decoder::new(&codings, bytes_max, BufReader::with_capacity(cut, body));
    let mut decoded = Vec::new();
    loop {
        match decoder.chunk() {
            Ok([]) => return (decoded, None),
            Ok(chunk) => {
                decoded.extend_from_slice(chunk);
                let bytes = chunk.len();
                decoder.consume(bytes);
            }
            Err(fault) => return (decoded, Some(fault)),
        }
    }
}

fn hostile(codings: &str, cut: usize, body: &[u8]) {
    let (decoded, fault) = decode(codings, body, cut, BYTES_MAX);
    if codings != "identity" {
        let made_max = RATIO_FROM_BYTES.max(RATIO_MAX * body.len() as u64).min(BYTES_MAX);
        assert!(decoded.len() as u64 <= made_max, "{} of {}", decoded.len(), body.len());
    }
    let (again, whole_fault) = decode(codings, body, 1 << 20, BYTES_MAX);
    // How much has come when a bomb is noticed depends on the cut.
    if !matches!((&fault, &whole_fault), (Some(Fault::Bomb), _) | (_, Some(Fault::Bomb))) {
        let is_same = fault.is_some() == whole_fault.is_some();
        assert!(is_same, "{codings} in pieces of {cut}: {fault:?}, whole: {whole_fault:?}");
        assert!(fault.is_some() || decoded == again);
    }
    if fault.is_none() && !decoded.is_empty() && codings != "identity" {
        let (_, capped) = decode(codings, body, cut, decoded.len() as u64 - 1);
        assert!(matches!(capped, Some(Fault::TooLarge { .. })), "{capped:?}");
    }
}

fn round_trip(which: u8, cut: usize, body: &[u8]) {
    let level = Compression::new(u32::from(which) % 10);
    let written = "writing to memory does not fail";
    let (codings, coded) = match which % 5 {
        0 => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).expect(written);
            ("gzip", encoder.finish().expect(written))
        }
        1 => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).expect(written);
            ("deflate", encoder.finish().expect(written))
        }
        2 => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(body).expect(written);
            ("deflate", encoder.finish().expect(written))
        }
        3 => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, u32::from(which) % 6, 16);
            encoder.write_all(body).expect(written);
            ("br", encoder.into_inner())
        }
        _ => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect(written);
            encoder.include_checksum(true).expect("a known parameter");
            encoder.write_all(body).expect(written);
            ("zstd", encoder.finish().expect(written))
        }
    };
    let (decoded, fault) = decode(codings, &coded, cut, BYTES_MAX);
    assert!(fault.is_none() && decoded == body, "{codings}: {fault:?}");
    let (_, fault) = decode(codings, &coded[..coded.len() - 1], cut, BYTES_MAX);
    assert!(matches!(fault, Some(Fault::Truncated(_))), "{codings}: {fault:?}");
}
