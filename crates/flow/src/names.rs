//! Prints and parses enums whose values have names.

/// Implements `Display` and `FromStr` for an enum by its `ALL` and its `name`. The second argument is the
/// error for an unknown name, with `{}` in its place.
macro_rules! impl_names {
    ($named:ty, $unknown:literal) => {
        impl std::fmt::Display for $named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $named {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let named = Self::ALL.iter().copied().find(|value| value.name() == text);
                named.ok_or_else(|| format!($unknown, text))
            }
        }
    };
}

pub(crate) use impl_names;
