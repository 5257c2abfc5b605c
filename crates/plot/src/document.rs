//! Several pictures below each other in one SVG file.

use maud::{Markup, PreEscaped, html};

use crate::{STYLE, frame::Labels};

/// The width of a picture of a document.
pub(crate) const WIDTH: f64 = 760.0;
/// The height of the title of a picture.
pub(crate) const HEAD: f64 = 26.0;
/// The place between pictures, and around them.
const MARGIN: f64 = 20.0;

/// A picture that is as wide as a document, and as high as it needs to be.
#[derive(Debug, Clone)]
pub struct Picture {
    title: String,
    description: String,
    height: f64,
    inner: String,
}

impl Picture {
    pub(crate) fn new(labels: Labels<'_>, height: f64, inner: String) -> Self {
        let (title, description) = (labels.title.to_owned(), labels.description.to_owned());
        Self { title, description, height, inner }
    }

    /// Returns the picture for a page that includes the [`STYLE`].
    #[must_use]
    pub fn in_page(&self) -> Markup {
        html! {
            svg class="plot" viewBox=(format!("0 0 {WIDTH} {}", self.height)) role="img" {
                title { (self.title) }
                desc { (self.description) }
                text class="head" y="12" { (self.title) }
                (PreEscaped(&self.inner))
            }
        }
    }
}

/// Returns an SVG file that needs nothing else: it carries the [`STYLE`], for light and dark screens.
#[must_use]
pub fn standalone(title: &str, description: &str, pictures: &[Picture]) -> String {
    let (mut height, mut tops) = (MARGIN, Vec::new());
    for picture in pictures {
        tops.push(height);
        height += picture.height + MARGIN;
    }
    let width = WIDTH + 2.0 * MARGIN;
    let svg = html! {
        svg xmlns="http://www.w3.org/2000/svg" role="img"
            width=(width) height=(height) viewBox=(format!("0 0 {width} {height}")) {
            title { (title) }
            desc { (description) }
            style { (PreEscaped(STYLE)) }
            (PreEscaped(r#"<rect class="page" width="100%" height="100%"/>"#))
            @for (picture, top) in pictures.iter().zip(&tops) {
                g role="img" transform=(format!("translate({MARGIN},{top})")) {
                    title { (picture.title) }
                    desc { (picture.description) }
                    text class="head" y="12" { (picture.title) }
                    (PreEscaped(&picture.inner))
                }
            }
        }
    };
    svg.into_string() + "\n"
}
