use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

const SMALL: Limits = Limits::SMALL;

fn trim(limits: Limits, pieces: &[&str]) -> (String, Trimmed) {
    trim_as(Strip::Full, limits, pieces)
}

fn trim_as(strip: Strip, limits: Limits, pieces: &[&str]) -> (String, Trimmed) {
    let mut text = String::new();
    let mut held = "left by the text before".to_owned();
    let mut trimmer = Trimmer::new(limits, strip, &mut held, |piece: &str| {
        text.push_str(piece);
        Ok::<(), Infallible>(())
    });
    for piece in pieces {
        trimmer.push(piece).unwrap();
    }
    let trimmed = trimmer.finish().unwrap();
    (text, trimmed)
}

/// Returns the lines of the input that were not removed.
fn without_cuts(input: &str, cuts: &[RemovedSpan]) -> String {
    let cut = |line: u64| cuts.iter().any(|cut| (cut.first_line..=cut.last_line).contains(&line));
    input.split_inclusive('\n').zip(1..).filter(|(_, line)| !cut(*line)).map(|(text, _)| text).collect()
}

fn rules(trimmed: &Trimmed) -> Vec<Rule> {
    trimmed.removed.iter().map(|cut| cut.rule).collect()
}

const START: &str = "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n";
const END: &str = "*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n";

#[test]
fn no_more_is_removed_than_was_asked_for() {
    let notice = "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\nSHAKESPEARE IS COPYRIGHT>>\n";
    let body = format!("Produced by Y\n\nOnce\n{notice}\nEnd of Project Gutenberg's X\n");
    let input = format!("Title: X\n\n{START}{body}{END}licence\n");
    for limits in [Limits::default(), SMALL] {
        let trim_with = |strip| trim_as(strip, limits, &[&input]);
        assert_eq!(trim_with(Strip::Full).0, "Once\n");
        let (text, trimmed) = trim_with(Strip::Markers);
        assert_eq!((text, rules(&trimmed)), (body.clone(), vec![Rule::StartMarker, Rule::EndMarker]));
        let (text, trimmed) = trim_with(Strip::Off);
        assert_eq!((text.as_str(), rules(&trimmed)), (input.as_str(), vec![]));
        assert_eq!(trimmed.header.title.as_deref(), Some("X"), "the header is read all the same");
    }
}

#[test]
fn a_text_shorter_than_head_and_tail_is_judged_whole() {
    let input = format!(
        "Title: X\n\n{START}\n\nProduced by Y\n\n\nOnce\n\nEnd of Project Gutenberg's X\n\n{END}licence"
    );
    let (text, trimmed) = trim(Limits::default(), &[&input]);
    assert_eq!(text, "Once\n");
    assert_eq!(rules(&trimmed), [Rule::StartMarker, Rule::Credits, Rule::Footer, Rule::EndMarker]);
    assert_eq!(trimmed.header.title.as_deref(), Some("X"));
    let lines: Vec<_> = trimmed.removed.iter().map(|cut| (cut.first_line, cut.last_line)).collect();
    assert_eq!(lines, [(1, 5), (6, 8), (10, 12), (13, 14)]);
}

#[test]
fn markers_far_apart_are_found_while_the_text_streams() {
    let body = "It was a dark and stormy night.\n".repeat(20_000);
    let licence = "All about Project Gutenberg.\n".repeat(730);
    let input = format!("{START}{body}{END}{licence}");
    let (text, trimmed) = trim(Limits::default(), &[&input]);
    assert_eq!(licence.len() / 1000, 21);
    assert_eq!(text, body);
    assert_eq!(rules(&trimmed), [Rule::StartMarker, Rule::EndMarker]);
    assert_eq!(trimmed.removed[1].first_line, 20_002);
}

const LICENCE: &str = "\nUpdated editions will replace the previous one--the old editions\nwill be renamed.\n\n\
                       subscribe to our email newsletter to hear about new eBooks.\n";

#[test]
fn all_parts_of_a_file_are_kept_wherever_their_border_stands() {
    for lines in [10, 3_000, 6_000, 100_000, 270_000] {
        let body = "It was a dark and stormy night.\n".repeat(lines);
        let part = |title: &str| {
            let marker = |kind: &str| format!("*** {kind} OF THIS PROJECT GUTENBERG EBOOK {title} ***\n");
            let header = format!("The Project Gutenberg EBook of {title}\n\nTitle: {title}\n\n");
            let footer = format!("\nEnd of Project Gutenberg's {title}, by X\n\n");
            format!(
                "{header}{}\nProduced by A. Person\n\n{body}{footer}{}{LICENCE}\n",
                marker("START"),
                marker("END")
            )
        };
        let input = part("A") + &part("B");
        for pieces in [vec![input.as_str()], input.split_inclusive("night.\nIt").collect()] {
            let (text, trimmed) = trim(Limits::default(), &pieces);
            assert!(text == format!("{body}{body}"), "{lines} lines: {} bytes are left", text.len());
            let part = [Rule::StartMarker, Rule::Credits, Rule::Footer, Rule::EndMarker];
            assert_eq!(rules(&trimmed), [part, part].concat());
        }
    }
}

#[test]
fn a_quoted_marker_stays_wherever_it_stands() {
    let quote = "*** END OF THIS PROJECT GUTENBERG EBOOK ALICE ***\n\nSo Project Gutenberg ends its books.\n";
    for lines in [10, 6_000, 20_000] {
        let prose = "It was a dark and stormy night.\n".repeat(lines);
        let body = format!("{prose}\n{quote}{prose}");
        assert!(
            trim(Limits::default(), &[&format!("{START}{body}{END}{LICENCE}")]).0 == body,
            "{lines} lines"
        );
    }
}

#[test]
fn an_end_marker_before_the_start_is_not_the_end() {
    let input = format!("{END}\n{START}Once\n");
    assert_eq!(trim(SMALL, &[&input]).0, "Once\n");
}

#[test]
fn one_endless_line_goes_through() {
    let line = "é".repeat(50_000);
    let (text, trimmed) = trim(SMALL, &line.split_inclusive('é').collect::<Vec<_>>());
    assert_eq!(text, line);
    assert_eq!(trimmed.removed, []);
    let (text, trimmed) = trim(SMALL, &[&line, "\n", END, "licence"]);
    assert_eq!(text, format!("{line}\n"));
    assert_eq!((trimmed.removed[0].first_line, trimmed.removed[0].last_line), (2, 3));
    let (text, _) = trim(SMALL, &[&line, &line, END]);
    assert_eq!(text, format!("{line}{line}{END}"), "a marker in the middle of a line is none");
}

#[test]
fn nothing_in_is_nothing_out() {
    assert_eq!(trim(SMALL, &[]), (String::new(), Trimmed::default()));
}

fn line() -> impl Strategy<Value = String> {
    let boilerplate = prop::sample::select(vec![
        START,
        END,
        "***START OF THE PROJECT GUTENBERG EBOOK A LONG\nTITLE***\n",
        "*** START OF THE PROJECT GUTENBERG EBOOK A\n",
        "*** END OF THE PROJECT GUTENBERG EBOOK A\n",
        "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\n",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n",
        "this \"Small Print!\" statement\n",
        "\nEnd of Project Gutenberg's X, by\nY\n\n",
        "\nProduced by Y\n\n",
        "Produced by Y\n",
        "*** START: FULL LICENSE ***\n",
        "The Project Gutenberg License\n",
        "*** START VAN DIT PROJECT GUTENBERG EBOEK X ***\n",
        "The \"legal small print\" and other information about this book\nrestrictions in how the file may be used.\n",
        "\nThis Etext is in German.\n\n",
        "\nEnde dieses Projekt Gutenberg Etextes\n\n",
        "\nEnd of\nProject Gutenberg's X\n\n",
        "Title: X\n",
        "*** END OF THIS PROJECT GUTENBERG EBOOK ALICE ***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK ALICE ***\n",
        "\nUpdated editions will replace the previous one--the old editions\n\n",
        "newsletter to hear about new eBooks.\n",
        "The Project Gutenberg EBook of X\n\nTitle: X\n\n",
        "\nNote: Project Gutenberg also has an HTML version of this file.\n\n(http://www.gutenberg.org/1)\n\n",
        "WARNING:root:External link in file:///x\n",
        "  WARNING:root:External link in file:///x\n",
        "The Project Gutenberg Etext of X, by Y\n\nMay, 1999  [Etext #1750]\n\n",
        "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\n",
        "The Project Gutenberg Etext of X, by Y\n\nMay, 1999  [Etext #1]\n\n*END*THE SMALL PRINT! FOR X*END*\n\n",
        "\nTHE FULL PROJECT GUTENBERG LICENSE\n\nPLEASE READ THIS BEFORE YOU DISTRIBUTE OR USE THIS WORK\n\n",
        "Executive Director's Notes:\n",
        "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\nSHAKESPEARE IS COPYRIGHT>>\n",
        "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\n",
        ">>\n",
    ]);
    prop_oneof![
        2 => boilerplate.prop_map(str::to_owned),
        2 => Just("\n".to_owned()),
        6 => "[a-zA-Zéß ,.—*]{0,60}\n",
        1 => "[a-zü ]{200,500}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn text_and_cuts_are_all_lines_whatever_comes(
        lines in prop::collection::vec(line(), 0..120),
        cuts_at in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let input = lines.concat();
        let mut at: Vec<_> =
            cuts_at.iter().map(|index| input.floor_char_boundary(index.index(input.len() + 1))).collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();

        let (text, trimmed) = trim(SMALL, &pieces);
        prop_assert_eq!(&text, &without_cuts(&input, &trimmed.removed));
        let cut: u64 = trimmed.removed.iter().map(|cut| cut.bytes).sum();
        prop_assert_eq!(cut + text.len() as u64, input.len() as u64);
        prop_assert!(trimmed.removed.windows(2).all(|pair| pair[0].last_line < pair[1].first_line));

        prop_assert_eq!(trim(SMALL, &[&input]), (text, trimmed), "pieces change nothing");
    }
}
