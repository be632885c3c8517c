//! Settings whose value is one word of a closed set, and the access log's destination.

use std::fmt;
use std::path::PathBuf;

/// Makes an enum of words: the variants, their spelling, and the way back from the spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All words, in the order in which help lists them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as a user writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value that `word` stands for; exact, lower case.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Which event loop runs the application.
    LoopKind {
        /// uvloop if it is installed, asyncio otherwise.
        Auto = "auto",
        /// The standard library's loop.
        Asyncio = "asyncio",
        /// uvloop; an error if it is not installed.
        Uvloop = "uvloop",
    }
}

words! {
    /// Which interface the application speaks.
    Interface {
        /// Found out by looking at the application.
        Auto = "auto",
        /// ASGI 3, or ASGI 2 through an adapter.
        Asgi = "asgi",
        /// WSGI (PEP 3333).
        Wsgi = "wsgi",
    }
}

words! {
    /// What becomes of request headers that have an underscore in their names, which the variables of CGI and
    /// WSGI cannot tell from a hyphen.
    UnderscoreHeaders {
        /// Left out.
        Drop = "drop",
        /// Handed to the application as any other.
        Allow = "allow",
    }
}

words! {
    /// Whether the application takes part in the ASGI lifespan protocol.
    Lifespan {
        /// Offered; an application that raises before it answers is served without it.
        Auto = "auto",
        /// Required; an application that does not support it fails to start.
        On = "on",
        /// Never offered.
        Off = "off",
    }
}

words! {
    /// The least important kind of message that is still logged.
    LogLevel {
        /// What went wrong: the application's exceptions, our own errors.
        Error = "error",
        /// And what may go wrong soon.
        Warning = "warning",
        /// And start, listeners, stop.
        Info = "info",
        /// And every refused request and connection event.
        Debug = "debug",
    }
}

/// Where one line per request is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Standard output (`-`).
    Stdout,
    /// Appended to this file.
    Path(PathBuf),
}

impl fmt::Display for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("-"),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}
