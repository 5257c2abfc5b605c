//! Paragraphs that say in which language an e-text is and what it was made from, beside its credits.
//!
//! A form is the beginning of a paragraph and a word that it must hold, both in lower case, so that a book that begins
//! with the same words keeps them. They are what texts that libraries and sister projects gave say of them:
//! Projekt Gutenberg-DE, Project Runeberg, Gallica of the Bibliothèque nationale de France.

use super::markers::{after, contains};

/// How such a paragraph begins, and what stands in it.
const FORMS: &[(&str, &str)] = &[
    ("this file was produced from images ", "available by"),
    ("this book was produced from scanned images ", "google"),
    ("this etext is in german.", ""),
    ("we are releasing two versions of this etext", "7-bit"),
    ("this is the 7-bit version", ""),
    ("this is the 8-bit version", ""),
    ("this book content was graciously contributed by the gutenberg", "projekt-de"),
    ("dieses buch wurde uns freundlicherweise vom ", "gutenberg projekt-de"),
    ("this text has been derived from html files at ", "projekt gutenberg"),
    ("this text was originally produced in html for projekt-gutenberg", ""),
    ("project runeberg publishes ", "runeberg.org"),
    ("nous remercions la biblioth", "gallica"),
];

/// Which form a paragraph has, as a number.
pub(crate) fn form<'a>(first: &str, mut paragraph: impl Iterator<Item = &'a str>) -> Option<usize> {
    let first = first.trim_start_matches([' ', '\t', '(', '[']);
    let form = FORMS.iter().position(|(beginning, _)| after(first, &[beginning]).is_some())?;
    let (_, word) = FORMS[form];
    (word.is_empty() || paragraph.any(|line| contains(line, word))).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_origin(paragraph: &str) -> bool {
        form(paragraph.lines().next().unwrap(), paragraph.lines()).is_some()
    }

    #[test]
    fn every_form_of_origin_is_one() {
        for paragraph in [
            "This file was produced from images generously made available by the\nBibliothèque nationale de France",
            "(This file was produced from images generously made\navailable by The Internet Archive)",
            "This book was produced from scanned images of public\ndomain material from the Google Books project.",
            "This Etext is in German.",
            "We are releasing two versions of this Etext, one in 7-bit format,\nand one in 8-bit format",
            "This is the 8-bit version.",
            "This is the 7-bit version.",
            "This book content was graciously contributed by the Gutenberg\nProjekt-DE.",
            "Dieses Buch wurde uns freundlicherweise vom \"Gutenberg Projekt-DE\"\nzur Verfügung gestellt.",
            "This text has been derived from HTML files at \"Projekt Gutenberg - DE\"\nby X",
            "This text was originally produced in HTML for Projekt-Gutenberg-DE by X",
            "Project Runeberg publishes free digital editions.\nLearn more at http://runeberg.org/",
            "Nous remercions la Bibliothèque Nationale de France qui a mis les\nimages dans www://gallica.bnf.fr",
        ] {
            assert!(is_origin(paragraph), "{paragraph}");
        }
    }

    #[test]
    fn prose_that_resembles_an_origin_is_none() {
        for paragraph in [
            "This file was produced from images of the saints\nin an old chest",
            "This Etext is in German, he said",
            "This book content was graciously contributed by the Gutenberg family",
            "Dieses Buch wurde uns freundlicherweise vom Verfasser\nzur Verfügung gestellt.",
            "Project Runeberg publishes books",
            "Nous remercions la Bibliothèque de Paris et son directeur",
            "Er sagte: Dieses Buch wurde uns freundlicherweise vom \"Gutenberg Projekt-DE\"",
        ] {
            assert!(!is_origin(paragraph), "{paragraph}");
        }
    }
}
