//! Recognises paragraphs beside the credits that say in which language an e-text is and what it was made
//! from.
//!
//! Each form has a beginning and a word that the paragraph must contain, both in lower case. So a book that
//! begins with the same words keeps them. The forms are those in texts from libraries and sister projects:
//! Projekt Gutenberg-DE, Project Runeberg, Gallica of the Bibliothèque nationale de France.

use super::phrases::{begins_with, contains_any};

/// The beginning of each form, and a word in it.
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

/// Returns the number of the form that a paragraph has.
pub(crate) fn form<'a>(first: &str, mut paragraph: impl Iterator<Item = &'a str>) -> Option<usize> {
    let first = first.trim_start_matches([' ', '\t', '(', '[']);
    let form = FORMS.iter().position(|(beginning, _)| begins_with(first, &[beginning]))?;
    let (_, word) = FORMS[form];
    (word.is_empty() || paragraph.any(|line| contains_any(line, [word]))).then_some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_provenance(paragraph: &str) -> bool {
        form(paragraph.lines().next().unwrap(), paragraph.lines()).is_some()
    }

    #[test]
    fn every_form_of_provenance_is_one() {
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
            assert!(is_provenance(paragraph), "{paragraph}");
        }
    }

    #[test]
    fn prose_that_resembles_a_provenance_is_none() {
        for paragraph in [
            "This file was produced from images of the saints\nin an old chest",
            "This Etext is in German, he said",
            "This book content was graciously contributed by the Gutenberg family",
            "Dieses Buch wurde uns freundlicherweise vom Verfasser\nzur Verfügung gestellt.",
            "Project Runeberg publishes books",
            "Nous remercions la Bibliothèque de Paris et son directeur",
            "Er sagte: Dieses Buch wurde uns freundlicherweise vom \"Gutenberg Projekt-DE\"",
        ] {
            assert!(!is_provenance(paragraph), "{paragraph}");
        }
    }
}
