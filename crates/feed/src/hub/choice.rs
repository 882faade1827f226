//! Parameters of a query whose value is one of a few names.

/// Defines an enum with the name of each value in a query.
macro_rules! choice {
    ($(#[$of_enum:meta])* pub enum $Choice:ident { $($(#[$of_value:meta])* $Value:ident = $name:literal,)* }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[$of_value])* $Value,)*
        }

        impl $Choice {
            pub const NAMES: &[&str] = &[$($name),*];

            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Value),)*
                    _ => None,
                }
            }

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $name,)*
                }
            }
        }
    };
}

pub(super) use choice;
