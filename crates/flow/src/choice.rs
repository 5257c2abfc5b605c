//! Defines enums of choices that people make by name.

/// A name that is none of the choices. Holds the names of all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use one of: {}", .0.join(", "))]
pub struct InvalidChoice(pub &'static [&'static str]);

/// Defines an enum of choices, each with the name by which it is written and parsed. One choice is marked as
/// the `#[default]`.
///
/// ```
/// flow::choices! {
///     /// The colour of a shirt.
///     Color {
///         /// Like the sky.
///         #[default]
///         Blue = "blue",
///         /// Like grass.
///         Green = "green",
///     }
/// }
///
/// assert_eq!("green".parse(), Ok(Color::Green));
/// assert_eq!(Color::default().to_string(), "blue");
/// assert_eq!("red".parse::<Color>().unwrap_err().to_string(), "use one of: blue, green");
/// ```
#[macro_export]
macro_rules! choices {
    ($(#[$meta:meta])* $name:ident { $($(#[$choice_meta:meta])* $choice:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$choice_meta])* $choice),+ }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self { $(Self::$choice => $text),+ })
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::choice::InvalidChoice;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$choice),)+
                    _ => Err($crate::choice::InvalidChoice(&[$($text),+])),
                }
            }
        }
    };
}
