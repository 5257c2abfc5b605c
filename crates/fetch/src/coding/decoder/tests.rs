use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use super::*;

const SHORT: &[u8] = b"It is a truth universally acknowledged, that it is a truth.\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(bytes).unwrap();
    encoder.into_inner()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Every coding, with what it makes of some bytes.
fn all(bytes: &[u8]) -> [(&'static str, Vec<u8>); 6] {
    [
        ("gzip", gzip(bytes)),
        ("deflate", zlib(bytes)),
        ("deflate", bare_deflate(bytes)),
        ("br", brotli(bytes)),
        ("zstd", zstd(bytes)),
        ("deflate, gzip, br", brotli(&gzip(&zlib(bytes)))),
    ]
}

fn decode_in(codings: &str, coded: &[u8], chunk_bytes: usize, bytes_max: u64) -> (Vec<u8>, Option<Fault>) {
    let codings = Codings::parse([codings.as_bytes()]).unwrap();
    let mut decoder = Decoder::new(&codings, bytes_max, BufReader::with_capacity(chunk_bytes, coded));
    let mut decoded = Vec::new();
    loop {
        match decoder.chunk() {
            Ok([]) => return (decoded, None),
            Ok(bytes) => decoded.extend_from_slice(bytes),
            Err(fault) => return (decoded, Some(fault)),
        }
        let taken = decoder.chunk().unwrap().len();
        decoder.consume(taken);
    }
}

fn decode(codings: &str, coded: &[u8]) -> Result<Vec<u8>, Fault> {
    let (decoded, fault) = decode_in(codings, coded, 4096, u64::MAX);
    fault.map_or(Ok(decoded), Err)
}

#[test]
fn what_was_coded_is_decoded_however_it_is_cut_into_chunks() {
    let long: Vec<u8> = (0..60_000_u32).flat_map(|n| format!("{n} bottles\n").into_bytes()).collect();
    for text in [SHORT, &long, b"x"] {
        for (codings, coded) in all(text) {
            for chunk_bytes in [1, 7, 1000, coded.len()] {
                let (decoded, fault) = decode_in(codings, &coded, chunk_bytes, u64::MAX);
                assert!(fault.is_none(), "{codings}: {fault:?}");
                assert!(decoded == text, "{codings} in chunks of {chunk_bytes}");
            }
        }
    }
    assert_eq!(decode("identity", SHORT).unwrap(), SHORT);
}

#[test]
fn a_stream_that_is_cut_anywhere_ends_early() {
    for (codings, coded) in all(SHORT) {
        for cut in 0..coded.len() {
            let cut_off = decode(codings, &coded[..cut]);
            assert!(matches!(cut_off, Err(Fault::Truncated(_))), "{codings} at {cut}: {cut_off:?}");
        }
    }
}

#[test]
fn no_flipped_bit_changes_a_text_that_has_a_checksum() {
    let checked = all(SHORT).into_iter().filter(|(codings, _)| *codings != "br");
    let mut refused = 0;
    for (codings, coded) in checked.filter(|(_, coded)| *coded != bare_deflate(SHORT)) {
        for bit in 0..coded.len() * 8 {
            let mut flipped = coded.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match decode(codings, &flipped) {
                Ok(decoded) => assert_eq!(decoded, SHORT, "{codings} with bit {bit} flipped"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_wrong_checksum_or_length_is_corrupt() {
    let last = |mut coded: Vec<u8>, back: usize| {
        let at = coded.len() - back;
        coded[at] ^= 0x55;
        coded
    };
    for (codings, coded) in [
        ("gzip", last(gzip(SHORT), 8)),
        ("gzip", last(gzip(SHORT), 1)),
        ("deflate", last(zlib(SHORT), 1)),
        ("zstd", last(zstd(SHORT), 1)),
    ] {
        let fault = decode(codings, &coded);
        assert!(matches!(fault, Err(Fault::Corrupt { .. })), "{codings}: {fault:?}");
    }
}

#[test]
fn nothing_but_members_frames_and_padding_may_follow() {
    let twice = [SHORT, SHORT].concat();
    assert_eq!(decode("gzip", &[gzip(SHORT), gzip(b""), gzip(SHORT)].concat()).unwrap(), twice);
    assert_eq!(decode("gzip", &[gzip(SHORT), vec![0; 10_000]].concat()).unwrap(), SHORT);
    assert_eq!(decode("zstd", &[zstd(SHORT), zstd(SHORT)].concat()).unwrap(), twice);
    for (codings, coded) in all(SHORT) {
        let more = decode(codings, &[coded, b"more".to_vec()].concat());
        assert!(matches!(more, Err(Fault::Corrupt { .. })), "{codings}: {more:?}");
    }
    let after_padding = decode("gzip", &[gzip(SHORT), vec![0; 9], gzip(SHORT)].concat());
    assert!(matches!(after_padding, Err(Fault::Corrupt { .. })), "{after_padding:?}");
    for codings in ["deflate", "br"] {
        let padded =
            decode(codings, &[if codings == "br" { brotli(SHORT) } else { zlib(SHORT) }, vec![0]].concat());
        assert!(matches!(padded, Err(Fault::Corrupt { .. })), "{codings}: {padded:?}");
    }
}

#[test]
fn codings_are_undone_in_the_reverse_order() {
    let coded = brotli(&gzip(SHORT));
    assert_eq!(decode("gzip, br", &coded).unwrap(), SHORT);
    assert!(decode("br, gzip", &coded).is_err());
    assert!(matches!(decode("gzip", SHORT), Err(Fault::Corrupt { coding: Coding::Gzip, .. })));
}

#[test]
fn a_bomb_is_noticed_as_it_goes_off() {
    let zeros = vec![0; 16 << 20];
    for (codings, coded) in all(&zeros) {
        let (made, fault) = decode_in(codings, &coded, 4096, u64::MAX);
        assert!(matches!(fault, Some(Fault::Bomb)), "{codings}: {fault:?} after {}", made.len());
        let made_max = RATIO_FROM_BYTES.max(RATIO_MAX * coded.len() as u64) + BUFFER_BYTES as u64;
        assert!((made.len() as u64) <= made_max, "{codings}: {} from {}", made.len(), coded.len());
    }
    // What is small may be as dense as it likes.
    let small = &zeros[..1 << 20];
    for (codings, coded) in all(small) {
        assert!(decode(codings, &coded).unwrap() == small, "{codings}");
    }
}

#[test]
fn a_bomb_within_that_decodes_to_nothing_is_noticed_too() {
    let nothing = gzip(b"").repeat(200_000);
    let coded = brotli(&nothing);
    assert!(coded.len() < 10_000, "{}", coded.len());
    assert!(matches!(decode("gzip, br", &coded), Err(Fault::Bomb)));
    let (_, fault) = decode_in("gzip, br", &coded, 4096, 500_000);
    assert!(matches!(fault, Some(Fault::TooLarge { bytes_max: 500_000 })), "{fault:?}");
}

#[test]
fn the_limit_holds_for_what_is_decoded() {
    let bytes = SHORT.len() as u64;
    for (codings, coded) in all(SHORT) {
        if coded.len() as u64 > bytes {
            continue;
        }
        assert!(decode_in(codings, &coded, 4096, bytes).1.is_none(), "{codings}");
        let (_, fault) = decode_in(codings, &coded, 4096, bytes - 1);
        assert!(matches!(fault, Some(Fault::TooLarge { .. })), "{codings}: {fault:?}");
    }
}

#[test]
fn a_zstd_window_over_eight_mebibytes_is_refused() {
    // Magic, no flags, a window of 2^(10 + n/8) bytes, one last raw block without content.
    let frame = |window: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0];
    assert_eq!(decode("zstd", &frame(13 << 3)).unwrap(), b"");
    assert!(matches!(decode("zstd", &frame(13 << 3 | 1)), Err(Fault::Corrupt { .. })));
    assert!(matches!(decode("zstd", &frame(0xff)), Err(Fault::Corrupt { .. })));
}

#[test]
fn a_zstd_frame_must_be_as_long_as_it_says() {
    // Magic, a single segment of so many bytes, one last raw block of two.
    let frame = |announced: u8| [0x28, 0xb5, 0x2f, 0xfd, 0x20, announced, 17, 0, 0, b'h', b'i'];
    assert_eq!(decode("zstd", &frame(2)).unwrap(), b"hi");
    assert!(matches!(decode("zstd", &frame(3)), Err(Fault::Corrupt { .. })));
}

#[test]
fn an_input_that_fails_is_told_as_it_is() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the cable is cut"))
        }
    }
    for codings in ["identity", "gzip", "deflate", "br", "zstd", "gzip, br, zstd"] {
        let codings = Codings::parse([codings.as_bytes()]).unwrap();
        let input = BufReader::new(Broken);
        let mut decoder = Decoder::new(&codings, u64::MAX, input);
        let Err(Fault::Input(error)) = decoder.chunk() else { panic!("{codings:?}") };
        assert_eq!(error.to_string(), "the cable is cut");
    }
}
