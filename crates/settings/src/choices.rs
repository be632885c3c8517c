//! Settings whose value is one word of a closed set.

use std::fmt;

/// Makes an enum of words: the variants, their spelling, and the way back from the spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident {
        $(#[$first_doc:meta])* $first:ident = $first_word:literal,
        $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            #[default]
            $(#[$first_doc])* $first,
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// All words, in the order in which help lists them.
            pub const WORDS: &'static [&'static str] = &[$first_word, $($word),+];

            /// The word as a user writes it.
            pub fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word,)+ }
            }

            /// The value that `word` stands for; exact, lower case.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $first_word => Some(Self::$first),
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
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

words! {
    /// How a message of the error log is written.
    LogFormat {
        /// A line for people.
        Text = "text",
        /// An object per line.
        Json = "json",
    }
}

words! {
    /// Facility of messages to syslog.
    SyslogFacility {
        /// The kernel.
        Kern = "kern",
        /// Programs of users.
        User = "user",
        /// Mail.
        Mail = "mail",
        /// System daemons.
        Daemon = "daemon",
        /// Who came in.
        Auth = "auth",
        /// The log itself.
        Syslog = "syslog",
        /// Printers.
        Lpr = "lpr",
        /// Network news.
        News = "news",
        /// UUCP.
        Uucp = "uucp",
        /// The clock daemon.
        Cron = "cron",
        /// Who came in, kept private.
        Authpriv = "authpriv",
        /// FTP.
        Ftp = "ftp",
        /// For local use, 0.
        Local0 = "local0",
        /// For local use, 1.
        Local1 = "local1",
        /// For local use, 2.
        Local2 = "local2",
        /// For local use, 3.
        Local3 = "local3",
        /// For local use, 4.
        Local4 = "local4",
        /// For local use, 5.
        Local5 = "local5",
        /// For local use, 6.
        Local6 = "local6",
        /// For local use, 7.
        Local7 = "local7",
    }
}

impl SyslogFacility {
    /// The number in the protocol (RFC 5424 §6.2.1).
    pub fn code(self) -> u8 {
        let position = self as u8;
        // The words leave out 12 to 15, which systems disagree on.
        if position < 12 { position } else { position + 4 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facilities_have_the_numbers_of_the_protocol() {
        let codes =
            [SyslogFacility::Kern, SyslogFacility::Daemon, SyslogFacility::Ftp, SyslogFacility::Local0];
        assert_eq!(codes.map(SyslogFacility::code), [0, 3, 11, 16]);
        assert_eq!(SyslogFacility::Local7.code(), 23);
    }
}
