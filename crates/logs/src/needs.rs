//! What of a request is to be gathered, so that its line can be made at the end.

use yett_settings::{AccessFormat, Atom, Piece};

/// What a format asks of a request beyond what every record has.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    pub(crate) referer: bool,
    pub(crate) user_agent: bool,
    pub(crate) user: bool,
    pub(crate) traceparent: bool,
    /// When the application was called, and when its response began.
    pub times: bool,
    pub(crate) request_headers: Vec<String>,
    pub(crate) response_headers: Vec<String>,
    variables: Vec<String>,
}

impl Needs {
    /// What `format` asks for.
    #[must_use]
    pub fn of(format: &AccessFormat) -> Self {
        let mut needs = Self::default();
        let pieces = match format {
            AccessFormat::Dev => return needs,
            AccessFormat::Json => {
                return Self {
                    referer: true,
                    user_agent: true,
                    user: true,
                    traceparent: true,
                    times: true,
                    ..needs
                };
            }
            AccessFormat::Pieces(pieces) => pieces,
        };
        for piece in pieces {
            match piece {
                Piece::Atom(Atom::Referer) => needs.referer = true,
                Piece::Atom(Atom::UserAgent) => needs.user_agent = true,
                Piece::Atom(Atom::User) => needs.user = true,
                Piece::Atom(Atom::Traceparent) => needs.traceparent = true,
                Piece::Atom(Atom::QueueTime | Atom::FirstByte) => needs.times = true,
                Piece::RequestHeader(name) => needs.request_headers.push(name.clone()),
                Piece::ResponseHeader(name) => needs.response_headers.push(name.clone()),
                Piece::Variable(name) => needs.variables.push(name.clone()),
                Piece::Text(_) | Piece::Atom(_) => {}
            }
        }
        needs
    }

    /// The values of the `environ` or scope that are asked for, in this order.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Whether fields of the response are asked for.
    pub(crate) fn wants_response_headers(&self) -> bool {
        !self.response_headers.is_empty()
    }
}
