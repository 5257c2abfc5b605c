//! Defines enums of choices, each with the name by which it is written.

/// A name that is none of the choices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use one of: {0}")]
pub struct InvalidChoice(pub(crate) &'static str);

/// Defines an enum of choices by their names. The first is the default.
macro_rules! choices {
    (
        $(#[$doc:meta])* $name:ident {
            $(#[$first_doc:meta])* $first:ident = $first_text:literal
            $(, $(#[$choice_doc:meta])* $choice:ident = $text:literal)+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub enum $name {
            $(#[$first_doc])* #[default] $first
            $(, $(#[$choice_doc])* $choice)+
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self { Self::$first => $first_text $(, Self::$choice => $text)+ })
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::choice::InvalidChoice;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $first_text => Ok(Self::$first),
                    $($text => Ok(Self::$choice),)+
                    _ => Err($crate::choice::InvalidChoice(concat!($first_text $(, ", ", $text)+))),
                }
            }
        }
    };
}

pub(crate) use choices;
